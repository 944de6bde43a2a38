#pragma once
// Table: one legacy table of one family: read once, edited in memory, put back whole by commit() or
// dropped. What libiptc does, and the same for the kernel and for whoever looks, with one copy of
// the table in memory where libiptc has three (the kernel's answer, its own rules, the new table),
// which is most of what a proxy with many Services needs, and without a third of its time. One
// thread.

#include "rules/iptables/encode.hpp"
#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace nameplane::rules::iptables {

/// "filter", "nat", "mangle", "raw".
const char* to_string(TableName table) noexcept;

struct TableState;
struct TableChain;
struct TableRule;

/// The rules of a chain, one after the other. No editing of the table while it is used.
class RuleWalk {
public:
    /// nullptr behind the last one.
    const void* entry() const noexcept { return entry_; }
    void next() noexcept;
    RuleView view() const noexcept;

private:
    friend class Table;
    RuleWalk(const TableState& table, const TableChain* chain) noexcept;
    const TableRule* edited() const noexcept;
    void look() noexcept;

    const TableState* table_;
    const TableChain* chain_;
    const std::byte* entry_ = nullptr;
    std::uint32_t at_ = 0;  ///< its offset, or its index in a chain that is edited
};

/// Move-only. Chain names are C strings of at most 28 characters. Positions count from 0.
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
        for (RuleWalk rule = rules(chain); rule.entry() != nullptr; rule.next()) {
            if (!visit(rule.view())) return;
        }
    }
    /// Of a chain that is not there: none.
    RuleWalk rules(const char* chain) const;
    bool is_empty(const char* chain) const { return rules(chain).entry() == nullptr; }

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
    struct Free {
        void operator()(TableState* state) const noexcept;
    };
    Table(Family family, TableName name, std::unique_ptr<TableState, Free> state);
    TableChain* find(const char* chain) const;
    Status insert_at(TableChain& chain, const EncodedRule& rule, std::size_t position);
    void count_references();
    /// What went wrong with `doing` to `chain`, by its errno.
    Error failed(int number, const char* doing, const char* chain) const;

    Family family_;
    TableName name_;
    std::unique_ptr<TableState, Free> state_;
};

}  // namespace nameplane::rules::iptables
