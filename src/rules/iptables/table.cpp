#include "rules/iptables/table.hpp"

#include "rules/iptables/table_state.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

Errc code_of(int number) {
    switch (number) {
    case EPERM:
    case EACCES: return Errc::permission;
    case EAGAIN: return Errc::again;
    case ENOENT:
    case ENOPROTOOPT:
    case EAFNOSUPPORT:
    case EOPNOTSUPP: return Errc::unsupported;
    case EMLINK: return Errc::conflict;
    case EINVAL:
    case ELOOP:
    case EEXIST:
    case ENOTEMPTY: return Errc::invalid;
    default: return Errc::io;
    }
}

const char* explanation_of(int number) {
    switch (number) {
    case EPERM:
    case EACCES: return "permission denied (it takes root, or CAP_NET_ADMIN and CAP_NET_RAW)";
    case ENOENT: return "the kernel lacks the table, or a match or target of a rule";
    case EAGAIN: return "somebody else replaced it";
    case ELOOP: return "chains lead to each other in a loop";
    case EMLINK: return "rules lead to the chain";
    case EPROTO: return "it is not laid out as iptables lays it out";
    default: return std::strerror(number);
    }
}

struct NamedVerdict {
    std::string_view name;
    std::int32_t number;
};
constexpr std::array verdicts{
    NamedVerdict{"ACCEPT", -NF_ACCEPT - 1}, NamedVerdict{"DROP", -NF_DROP - 1},
    NamedVerdict{"QUEUE", -NF_QUEUE - 1}, NamedVerdict{"RETURN", XT_RETURN}};

/// A copy of a new rule that lasts as long as the table.
std::byte* keep(TableState& state, const EncodedRule& rule) {
    auto* kept = static_cast<std::byte*>(state.memory.allocate(rule.size(), alignof(xt_counters)));
    std::memcpy(kept, rule.data(), rule.size());
    return kept;
}

/// The rules of the kernel as a list that can be edited.
TableRules& edited(TableState& state, TableChain& chain) {
    if (chain.edited != nullptr) return *chain.edited;
    std::pmr::polymorphic_allocator<> allocator{&state.memory};
    chain.edited = allocator.new_object<TableRules>();
    if (chain.head == no_place) return *chain.edited;
    std::uint32_t number = chain.head_number + (chain.first != chain.head ? 1 : 0);
    for (std::uint32_t at = chain.first; at < chain.last;) {
        const std::uint32_t size = next_of(state.entries() + at, state.family);
        chain.edited->push_back({.from = at, .number = number++, .size = size});
        at += size;
    }
    return *chain.edited;
}

}  // namespace

const char* to_string(TableName table) noexcept {
    switch (table) {
    case TableName::filter: return "filter";
    case TableName::nat: return "nat";
    case TableName::mangle: return "mangle";
    case TableName::raw: return "raw";
    }
    return "";
}

void Table::Free::operator()(TableState* state) const noexcept {
    delete state;
}

Table::Table(Family family, TableName name, std::unique_ptr<TableState, Free> state)
    : family_{family}, name_{name}, state_{std::move(state)} {}

Result<Table> Table::open(Family family, TableName name) {
    Table table{family, name, std::unique_ptr<TableState, Free>{new TableState}};
    table.state_->family = family;
    table.state_->name = name;
    errno = 0;
    if (!read_table(*table.state_)) return table.failed(errno, "read", "");
    return table;
}

Error Table::failed(int number, const char* doing, const char* chain) const {
    std::string text = family_ == Family::ipv4 ? "iptables table " : "ip6tables table ";
    text.append(to_string(name_)).append(": ").append(doing);
    if (*chain != '\0') text.append(" ").append(chain);
    text.append(": ").append(explanation_of(number));
    return {code_of(number), std::move(text)};
}

TableChain* Table::find(const char* chain) const {
    for (HookChain& hook : state_->hooks) {
        if (std::strcmp(hook.chain.name, chain) == 0) return &hook.chain;
    }
    const auto found = state_->chains.find(chain_key(chain));
    return found == state_->chains.end() ? nullptr : &found->second;
}

bool Table::has_chain(const char* chain) const {
    return find(chain) != nullptr;
}

void Table::for_each_chain(
    const std::function<void(const char* chain, bool built_in)>& visit) const {
    for (const HookChain& hook : state_->hooks) visit(hook.chain.name, true);
    for (const auto& [key, chain] : state_->chains) visit(chain.name, false);
}

RuleWalk Table::rules(const char* chain) const {
    return {*state_, find(chain)};
}

RuleWalk::RuleWalk(const TableState& table, const TableChain* chain) noexcept
    : table_{&table}, chain_{chain} {
    if (chain_ == nullptr) return;
    if (!chain_->edited) at_ = chain_->first;
    look();
}

const TableRule* RuleWalk::edited() const noexcept {
    return chain_->edited ? &(*chain_->edited)[at_] : nullptr;
}

void RuleWalk::look() noexcept {
    const std::size_t end = chain_->edited ? chain_->edited->size() : chain_->last;
    entry_ = nullptr;
    if (at_ >= end) return;
    entry_ = chain_->edited ? table_->entry_of(*edited()) : table_->entries() + at_;
}

void RuleWalk::next() noexcept {
    at_ += chain_->edited ? 1U : next_of(entry_, table_->family);
    look();
}

RuleView RuleWalk::view() const noexcept {
    const std::byte* target = target_of(entry_, table_->family);
    const std::string_view name = target_name(target);
    RuleView view{.entry = entry_, .target = name, .standard = name.empty()};
    if (!view.standard) return view;
    const TableRule* rule = edited();
    const TableChain* jump = rule != nullptr ? table_->jump_of(*rule) : table_->jump_of(entry_);
    if (jump != nullptr) {
        view.target = jump->name;
        return view;
    }
    const auto verdict = std::ranges::find(verdicts, verdict_of(target), &NamedVerdict::number);
    if (verdict != verdicts.end()) view.target = verdict->name;
    return view;
}

Status Table::create_chain(const char* chain) {
    if (find(chain) != nullptr) return failed(EEXIST, "create chain", chain);
    const auto made = state_->chains.emplace(chain_key(chain), TableChain{}).first;
    made->second.name = made->first.data();
    edited(*state_, made->second);
    state_->changed = true;
    return {};
}

Status Table::flush_chain(const char* chain) {
    TableChain* found = find(chain);
    if (found == nullptr) return failed(ENOENT, "flush chain", chain);
    TableRules& rules = edited(*state_, *found);
    if (state_->counted) {
        for (const TableRule& rule : rules) {
            if (TableChain* jump = state_->jump_of(rule)) --jump->references;
        }
    }
    rules.clear();
    state_->changed = true;
    return {};
}

void Table::count_references() {
    if (std::exchange(state_->counted, true)) return;
    const auto count = [&](const TableChain& chain) {
        for (RuleWalk rule{*state_, &chain}; rule.entry() != nullptr; rule.next()) {
            const TableRule* edited = rule.edited();
            TableChain* jump = edited != nullptr
                                   ? state_->jump_of(*edited)
                                   : state_->jump_of(static_cast<const std::byte*>(rule.entry()));
            if (jump != nullptr) ++jump->references;
        }
    };
    for (const HookChain& hook : state_->hooks) count(hook.chain);
    for (const auto& [key, chain] : state_->chains) count(chain);
}

Status Table::delete_chain(const char* chain) {
    const auto found = state_->chains.find(chain_key(chain));
    if (found == state_->chains.end()) return failed(ENOENT, "delete chain", chain);
    count_references();
    if (found->second.references != 0) return failed(EMLINK, "delete chain", chain);
    if (!is_empty(chain)) return failed(ENOTEMPTY, "delete chain", chain);
    state_->chains.erase(found);
    state_->changed = true;
    return {};
}

Status Table::append(const char* chain, const EncodedRule& rule) {
    TableChain* found = find(chain);
    if (found == nullptr) return failed(ENOENT, "append to", chain);
    return insert_at(*found, rule, edited(*state_, *found).size());
}

Status Table::insert(const char* chain, const EncodedRule& rule, std::size_t position) {
    TableChain* found = find(chain);
    if (found == nullptr) return failed(ENOENT, "insert into", chain);
    return insert_at(*found, rule, position);
}

/// The target of a new rule has the name of a verdict, a chain or a target.
Status Table::insert_at(TableChain& chain, const EncodedRule& rule, std::size_t position) {
    TableRules& rules = edited(*state_, chain);
    if (position > rules.size()) return failed(EINVAL, "insert into", chain.name);
    std::byte* entry = keep(*state_, rule);
    TableRule added{.size = static_cast<std::uint32_t>(rule.size()), .added = entry};
    std::byte* target = target_of(entry, family_);
    const std::string_view name = target_name(target);
    const auto verdict = std::ranges::find(verdicts, name, &NamedVerdict::name);
    const auto jump = state_->chains.find(chain_key(name));
    if (verdict == verdicts.end() && jump != state_->chains.end()) added.jump = &jump->second;
    if (name.empty() || verdict != verdicts.end() || added.jump != nullptr) {
        if (target + sizeof(xt_standard_target) > entry + rule.size()) {
            return failed(EINVAL, "insert into", chain.name);
        }
        std::memset(target + offsetof(xt_entry_target, u.user.name), 0,
                    sizeof(xt_entry_target::u.user.name) + 1);
        set_verdict(target, verdict != verdicts.end() ? verdict->number : 0);
    }
    if (added.jump != nullptr && state_->counted) ++added.jump->references;
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(position), added);
    state_->changed = true;
    return {};
}

Status Table::remove(const char* chain, std::size_t position) {
    TableChain* found = find(chain);
    if (found == nullptr) return failed(ENOENT, "delete from", chain);
    TableRules& rules = edited(*state_, *found);
    if (position >= rules.size()) return failed(EINVAL, "delete from", chain);
    const auto rule = rules.begin() + static_cast<std::ptrdiff_t>(position);
    if (state_->counted) {
        if (TableChain* jump = state_->jump_of(*rule)) --jump->references;
    }
    rules.erase(rule);
    state_->changed = true;
    return {};
}

Status Table::commit() {
    if (!state_->changed) return {};
    if (!replace_table(*state_)) return failed(errno, "replace", "");
    return {};
}

}  // namespace nameplane::rules::iptables
