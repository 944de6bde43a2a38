#pragma once
// DnsCase: one row of a table of questions and expected answers. A question goes as bytes through
// the real parser to a plugin; the plugin's reply through the real encoder to bytes, which ldns, a
// second implementation, reads. Sections are compared as zone-file text, in any order.

#include "services/snapshot.hpp"
#include "support/ldns_message.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/plugin.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::test {

using Lines = std::vector<std::string>;

/// What a row expects. In its lines a first word "@" is the name that was asked.
struct Expected {
    std::string rcode = "NOERROR";
    Lines answers;
    Lines authorities;
    Lines additionals;
    bool next = false;  ///< the plugin leaves it to the next one; nothing else counts then
    bool truncated = false;
};

struct DnsCase {
    DnsCase(std::string name, std::string type, Expected expected,
            std::source_location where = std::source_location::current());

    std::string name;
    std::string type;
    Expected expected;
    std::source_location where;
};

/// How to ask.
struct AskOptions {
    bool tcp = false;
    std::optional<std::uint16_t> edns_size;
    std::string klass = "IN";
    std::size_t arena_octets = 1 << 20;
};

/// What came back.
struct Answered {
    bool next = false;  ///< the plugin left it to the next one
    LdnsMessage message;
    std::size_t octets = 0;  ///< of the message
};

/// Asks one plugin over one snapshot.
class Asker {
public:
    Asker(const Plugin& plugin, std::shared_ptr<const services::Snapshot> snapshot);
    /// Fails the test if the name is none or ldns does not accept the answer.
    Answered ask(std::string_view name, std::string_view type, const AskOptions& how = {}) const;
    /// The same for a name in wire form.
    Answered ask(dns::NameView name, dns::Type type, const AskOptions& how = {}) const;
    /// Only what the plugin decides, without the wire: REFUSED if it leaves the name to the next.
    dns::Rcode rcode(dns::NameView name, dns::Type type) const;
    /// Asks over TCP, so that everything fits, and compares; a difference fails the test and names
    /// the row's line.
    void check(const DnsCase& row, const AskOptions& how = {.tcp = true}) const;

private:
    const Plugin* plugin_;
    std::shared_ptr<const services::Snapshot> snapshot_;
};

}  // namespace nameplane::test
