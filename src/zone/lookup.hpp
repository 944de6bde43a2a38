// hot path
#pragma once
// Lookup: one question answered out of one zone, as CoreDNS' file does: delegations before all
// else, DNAME, wildcards (RFC 4592), CNAMEs followed within the zone, signatures and NSEC for who
// wants DNSSEC. Records are views of the zone.

#include "zone/zone.hpp"
#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>

#include <cstdint>
#include <optional>

namespace nameplane::zone {

enum class Outcome : std::uint8_t {
    success,
    no_data,
    empty_name,  ///< no records here, but names below it
    name_error,
    delegation,
    server_failure,
    elsewhere,  ///< a CNAME leads to target(), which the zone itself does not have
};

/// Used once.
class Lookup {
public:
    /// `name` is that of `query`, which is in the zone.
    Lookup(const Zone& zone, const Suffixes& name, Query& query, Reply& reply) noexcept
        : zone_{zone}, name_{name}, query_{query}, reply_{reply}, type_{query.type()},
          signed_{query.dnssec_ok()} {}

    /// Fills the reply's sections, but not its rcode and flags; after empty_name and name_error
    /// they are empty until deny().
    Outcome run() noexcept;
    /// The SOA and what proves that there is nothing, after these two.
    void deny() noexcept;
    /// After elsewhere: what is to be looked up for the type asked; in lower case.
    dns::NameView target() const noexcept { return target_; }
    /// The wildcard that the answer was made of.
    std::optional<dns::NameView> wildcard() const noexcept { return wildcard_; }

    /// After elsewhere: adds what was found of the target, nullptr if nothing was, to a reply that
    /// has the CNAMEs.
    static Outcome finish(const Zone& zone, Query& query, Reply& reply,
                          const Reply* found) noexcept;

private:
    enum class To : std::uint8_t { answer, authority, additional };

    Outcome at_apex(const Node& apex) noexcept;
    Outcome at(const Node& node) noexcept;
    Outcome substitute(const Node& owner, const Set& dname) noexcept;
    Outcome follow(dns::NameView target, const Node* node) noexcept;
    Outcome refer(const Node& cut) noexcept;
    bool is_elsewhere(dns::NameView target, const Node* node) const noexcept;
    const Node* delegation_of(dns::NameView target, const Node* node) const noexcept;
    void add(To to, const Set& set, dns::NameView owner) noexcept;
    void add_signatures(To to, const Node& node, dns::Type covered, dns::NameView owner) noexcept;
    bool add_both(To to, const Node& node, dns::Type type, dns::NameView owner) noexcept;
    void add_asked(const Node& node, dns::NameView owner) noexcept;
    void add_addresses(const Node& node) noexcept;
    void add_glue(const Node& owner, const Set& ns) noexcept;
    void add_soa() noexcept;
    void add_ns() noexcept;
    void add_nsec(const Node* node) noexcept;
    void add_targets() noexcept;
    Outcome answered() noexcept;

    const Zone& zone_;
    const Suffixes& name_;
    Query& query_;
    Reply& reply_;
    dns::Type type_;
    bool signed_;  ///< the client wants DNSSEC records
    dns::NameView target_;
    std::optional<dns::NameView> wildcard_;
    const Node* closest_ = nullptr;  ///< the name itself, or the next one above it that exists
};

}  // namespace nameplane::zone
