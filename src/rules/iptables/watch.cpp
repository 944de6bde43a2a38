#include "rules/iptables/watch.hpp"

#include "rules/iptables/entry.hpp"
#include "rules/iptables/table.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace nameplane::rules::iptables {
namespace {

using Steady = std::chrono::steady_clock;

// The structures of both families have the same layout up to the entries themselves.
static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo));
static_assert(sizeof(ipt_get_entries) == sizeof(ip6t_get_entries));
static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES);

/// A digest is taken at most this often, and may take no more than one part in so many of the time.
constexpr auto digest_every = std::chrono::seconds{1};
constexpr int digest_share = 50;

int level_of(Family family) {
    return family == Family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
}

/// Sets the counters of every entry to nothing: they go on all the time.
void clear_counters(std::span<char> octets, const EntryLayout& layout) {
    for (std::size_t at = 0; at + layout.entry_size <= octets.size();) {
        std::memset(octets.data() + at + layout.counters, 0, sizeof(xt_counters));
        std::uint16_t next = 0;
        std::memcpy(&next, octets.data() + at + layout.next_offset, sizeof next);
        if (next < layout.entry_size) return;
        at += next;
    }
}

}  // namespace

std::optional<TableWatch::Shape> TableWatch::shape() {
    if (!socket_) {
        const int domain = family_ == Family::ipv4 ? AF_INET : AF_INET6;
        socket_.reset(::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
        if (!socket_) return std::nullopt;
    }
    ipt_getinfo info{};
    std::strncpy(info.name, to_string(name_), sizeof info.name - 1);
    socklen_t size = sizeof info;
    if (::getsockopt(socket_.get(), level_of(family_), IPT_SO_GET_INFO, &info, &size) != 0) {
        return std::nullopt;
    }
    Shape shape{};
    std::copy_n(info.hook_entry, 5, shape.begin());
    std::copy_n(info.underflow, 5, shape.begin() + 5);
    shape[10] = info.valid_hooks;
    shape[11] = info.num_entries;
    shape[12] = info.size;
    return shape;
}

std::optional<std::uint64_t> TableWatch::digest(const Shape& shape) {
    const std::size_t table_size = shape[12];
    const auto begin = Steady::now();
    const std::size_t all = sizeof(ipt_get_entries) + table_size;
    // Cleared, since the kernel leaves holes: behind the names of matches, for one.
    const auto octets = std::make_unique<char[]>(all);
    auto* request = reinterpret_cast<ipt_get_entries*>(octets.get());
    std::strncpy(request->name, to_string(name_), sizeof request->name - 1);
    request->size = static_cast<unsigned>(table_size);
    auto size = static_cast<socklen_t>(all);
    if (::getsockopt(socket_.get(), level_of(family_), IPT_SO_GET_ENTRIES, octets.get(), &size) !=
        0) {
        return std::nullopt;
    }
    constexpr std::size_t head = offsetof(ipt_get_entries, entrytable);
    const std::span<char> entries{octets.get() + head, all - head};
    clear_counters(entries, layout_of(family_));
    const std::uint64_t sum = std::hash<std::string_view>{}({entries.data(), entries.size()});
    const auto took = Steady::now() - begin;
    digest_at_ = Steady::now() + std::max<Steady::duration>(digest_every, took * digest_share);
    return sum;
}

void TableWatch::remember(bool closely) {
    shape_ = shape();
    const bool wanted = shape_ && (closely || (*shape_)[12] <= routine_octets_max_);
    digest_ = wanted ? digest(*shape_) : std::nullopt;
}

bool TableWatch::changed(bool closely) {
    if (!shape_) return false;
    const auto now = shape();
    if (now != shape_) return true;
    if (!digest_) return closely;
    const bool routine = (*now)[12] <= routine_octets_max_ && Steady::now() >= digest_at_;
    if (!closely && !routine) return false;
    return digest(*now) != digest_;
}

}  // namespace nameplane::rules::iptables
