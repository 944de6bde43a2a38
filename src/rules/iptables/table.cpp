#include "rules/iptables/table.hpp"

#include "rules/iptables/entry.hpp"

#include <cerrno>
#include <cstring>

namespace nameplane::rules::iptables {
namespace {

const ipt_entry* v4(const void* entry) {
    return static_cast<const ipt_entry*>(entry);
}
const ip6t_entry* v6(const void* entry) {
    return static_cast<const ip6t_entry*>(entry);
}

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

void Table::Closer::operator()(xtc_handle* handle) const noexcept {
    family == Family::ipv4 ? iptc_free(handle) : ip6tc_free(handle);
}

Result<Table> Table::open(Family family, TableName name) {
    errno = 0;
    xtc_handle* handle =
        family == Family::ipv4 ? iptc_init(to_string(name)) : ip6tc_init(to_string(name));
    Table table{family, name, handle};
    if (handle == nullptr) return table.failed("read", "");
    return table;
}

Error Table::failed(const char* doing, const char* chain) const {
    const int number = errno;
    std::string text = family_ == Family::ipv4 ? "iptables table " : "ip6tables table ";
    text.append(to_string(name_)).append(": ").append(doing);
    if (*chain != '\0') text.append(" ").append(chain);
    text.append(": ").append(family_ == Family::ipv4 ? iptc_strerror(number)
                                                     : ip6tc_strerror(number));
    return {code_of(number), std::move(text)};
}

Status Table::done(int ok, const char* doing, const char* chain) const {
    if (ok == 0) return failed(doing, chain);
    return {};
}

bool Table::has_chain(const char* chain) const {
    return (family_ == Family::ipv4 ? iptc_is_chain(chain, handle_.get())
                                    : ip6tc_is_chain(chain, handle_.get())) != 0;
}

bool Table::is_built_in(const char* chain) const {
    return (family_ == Family::ipv4 ? iptc_builtin(chain, handle_.get())
                                    : ip6tc_builtin(chain, handle_.get())) != 0;
}

void Table::for_each_chain(
    const std::function<void(const char* chain, bool built_in)>& visit) const {
    const bool is_v4 = family_ == Family::ipv4;
    const char* chain = is_v4 ? iptc_first_chain(handle_.get()) : ip6tc_first_chain(handle_.get());
    bool built_in = true;  // they come first: no more asking after them
    while (chain != nullptr) {
        built_in = built_in && is_built_in(chain);
        visit(chain, built_in);
        chain = is_v4 ? iptc_next_chain(handle_.get()) : ip6tc_next_chain(handle_.get());
    }
}

const void* Table::first_rule(const char* chain) const {
    if (family_ == Family::ipv4) return iptc_first_rule(chain, handle_.get());
    return ip6tc_first_rule(chain, handle_.get());
}

const void* Table::next_rule(const void* entry) const {
    if (family_ == Family::ipv4) return iptc_next_rule(v4(entry), handle_.get());
    return ip6tc_next_rule(v6(entry), handle_.get());
}

RuleView Table::view(const void* entry) const {
    const char* target = family_ == Family::ipv4 ? iptc_get_target(v4(entry), handle_.get())
                                                 : ip6tc_get_target(v6(entry), handle_.get());
    const auto* octets = static_cast<const char*>(entry);
    std::uint16_t target_at = 0;
    std::memcpy(&target_at, octets + layout_of(family_).target_offset, sizeof target_at);
    // Verdicts and jumps have no name in the kernel: libiptc derives it.
    const bool standard = octets[target_at + offsetof(xt_entry_target, u.user.name)] == '\0';
    return {.entry = entry, .target = target == nullptr ? "" : target, .standard = standard};
}

Status Table::create_chain(const char* chain) {
    return done(family_ == Family::ipv4 ? iptc_create_chain(chain, handle_.get())
                                        : ip6tc_create_chain(chain, handle_.get()),
                "create chain", chain);
}

Status Table::flush_chain(const char* chain) {
    return done(family_ == Family::ipv4 ? iptc_flush_entries(chain, handle_.get())
                                        : ip6tc_flush_entries(chain, handle_.get()),
                "flush chain", chain);
}

Status Table::delete_chain(const char* chain) {
    return done(family_ == Family::ipv4 ? iptc_delete_chain(chain, handle_.get())
                                        : ip6tc_delete_chain(chain, handle_.get()),
                "delete chain", chain);
}

Status Table::append(const char* chain, const EncodedRule& rule) {
    return done(family_ == Family::ipv4 ? iptc_append_entry(chain, v4(rule.data()), handle_.get())
                                        : ip6tc_append_entry(chain, v6(rule.data()), handle_.get()),
                "append to", chain);
}

Status Table::insert(const char* chain, const EncodedRule& rule, std::size_t position) {
    const auto at = static_cast<unsigned>(position);
    return done(family_ == Family::ipv4
                    ? iptc_insert_entry(chain, v4(rule.data()), at, handle_.get())
                    : ip6tc_insert_entry(chain, v6(rule.data()), at, handle_.get()),
                "insert into", chain);
}

Status Table::remove(const char* chain, std::size_t position) {
    const auto at = static_cast<unsigned>(position);
    return done(family_ == Family::ipv4 ? iptc_delete_num_entry(chain, at, handle_.get())
                                        : ip6tc_delete_num_entry(chain, at, handle_.get()),
                "delete from", chain);
}

Status Table::commit() {
    errno = 0;
    return done(family_ == Family::ipv4 ? iptc_commit(handle_.get()) : ip6tc_commit(handle_.get()),
                "replace", "");
}

}  // namespace nameplane::rules::iptables
