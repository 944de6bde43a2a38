#pragma once
// Table: one table of one family as libiptc holds it: read once, edited in memory, put back whole
// by commit() or dropped. The only user of <libiptc/...>'s functions, and the same for both
// families. Rule thread only (libiptc keeps state of its own).

#include "rules/iptables/encode.hpp"
#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct xtc_handle;

namespace nameplane::rules::iptables {

/// "filter", "nat", "mangle", "raw".
const char* to_string(TableName table) noexcept;

/// Move-only owner of a libiptc handle. Chain names are C strings, since that is what libiptc
/// takes; they are at most 28 characters. Positions count from 0.
///
/// Nothing reaches the kernel before commit(), and commit() replaces the table whole or not at all.
/// What failed is in the error: permission, unsupported (no such table, match or target in this
/// kernel), again (somebody replaced the table in between), invalid, io.
class Table {
public:
    /// Reads the table. It is made by reading it if the namespace does not have it yet.
    static Result<Table> open(Family family, TableName name);

    Family family() const noexcept { return family_; }
    TableName name() const noexcept { return name_; }

    bool has_chain(const char* chain) const;
    /// All chains: the built-in ones, then the others sorted. No editing while it runs.
    void for_each_chain(const std::function<void(const char* chain, bool built_in)>& visit) const;
    /// The rules of a chain in order. A view is good until the next edit. Ends early when `visit`
    /// returns false.
    template <class Visit> void for_each_rule(const char* chain, Visit&& visit) const {
        for (const void* entry = first_rule(chain); entry != nullptr; entry = next_rule(entry)) {
            if (!visit(view(entry))) return;
        }
    }
    /// The first rule of a chain or nullptr, and the one behind `entry`, likewise.
    const void* first_rule(const char* chain) const;
    const void* next_rule(const void* entry) const;
    RuleView view(const void* entry) const;

    /// libiptc keeps chains sorted and looks for the place from the front of an index of every 40th
    /// chain: create many from the last to the first.
    Status create_chain(const char* chain);
    Status flush_chain(const char* chain);
    /// An empty chain to which nothing jumps; Errc::conflict when something does.
    Status delete_chain(const char* chain);
    /// The rule's counters are set, too.
    Status append(const char* chain, const EncodedRule& rule);
    Status insert(const char* chain, const EncodedRule& rule, std::size_t position);
    Status remove(const char* chain, std::size_t position);

    /// Replaces the kernel's table by this one. Counters of rules that were not edited go on, those
    /// that arrived meanwhile included. The object is spent, whatever the outcome.
    Status commit();

private:
    bool is_built_in(const char* chain) const;
    struct Closer {
        Family family;
        void operator()(xtc_handle* handle) const noexcept;
    };
    Table(Family family, TableName name, xtc_handle* handle)
        : family_{family}, name_{name}, handle_{handle, Closer{family}} {}
    /// What went wrong with `doing` to `chain`, from errno.
    Error failed(const char* doing, const char* chain) const;
    Status done(int ok, const char* doing, const char* chain) const;

    Family family_;
    TableName name_;
    std::unique_ptr<xtc_handle, Closer> handle_;
};

}  // namespace nameplane::rules::iptables
