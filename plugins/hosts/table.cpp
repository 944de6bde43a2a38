// hot path
#include "plugins/hosts/table.hpp"

#include "plugins/hosts/hash.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace nameplane::plugins::hosts {

const HostTable::Host* HostTable::find(dns::NameView name) const noexcept {
    if (slots_.empty()) return nullptr;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash_of(name) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        const Host& host = hosts_[slots_[slot] - 1];
        if (host.name.equals(name)) return &host;
    }
    return nullptr;
}

std::span<const IpAddress> HostTable::addresses(dns::NameView name,
                                                Range Host::*family) const noexcept {
    const Host* host = find(name);
    if ((host == nullptr || (host->*family).count == 0) && !name.is_root()) {
        const dns::NameView parent = name.parent();
        std::array<std::uint8_t, dns::name_octets_max> wild{1, '*'};
        std::memcpy(wild.data() + 2, parent.data(), std::min<std::size_t>(parent.size(), 253));
        host = parent.size() > 253 ? nullptr
                                   : find(dns::NameView::trusted(wild.data(), parent.size() + 2U));
    }
    if (host == nullptr) return {};
    const Range range = host->*family;
    return std::span{addresses_}.subspan(range.first, range.count);
}

std::span<const IpAddress> HostTable::v4(dns::NameView name) const noexcept {
    return addresses(name, &Host::v4);
}

std::span<const IpAddress> HostTable::v6(dns::NameView name) const noexcept {
    return addresses(name, &Host::v6);
}

std::span<const dns::NameView> HostTable::names_of(const IpAddress& address) const noexcept {
    const auto found = std::ranges::lower_bound(reverse_, address, {}, &Address::address);
    if (found == reverse_.end() || found->address != address) return {};
    return std::span{names_}.subspan(found->names.first, found->names.count);
}

}  // namespace nameplane::plugins::hosts
