#pragma once
// HostTable: the lines of a hosts file (hosts(5)), ready to be asked: names to addresses, addresses
// to names. Immutable; any thread; a look-up takes no heap.

#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::plugins::hosts {

class HostTable {
public:
    HostTable() = default;
    /// Lines that are no entry are left out, as are names outside of `zones`. Names are lower case
    /// afterwards. Without `reverse`, addresses have no names.
    HostTable(std::string_view text, std::span<const dns::Name> zones, bool reverse);

    /// The addresses of `name` (lower case); if it has none, of "*" in place of its first label.
    std::span<const IpAddress> v4(dns::NameView name) const noexcept;
    std::span<const IpAddress> v6(dns::NameView name) const noexcept;
    /// In the order of the file.
    std::span<const dns::NameView> names_of(const IpAddress& address) const noexcept;
    /// All addresses of names and names of addresses: what the metric counts.
    std::size_t size() const noexcept { return addresses_.size() + names_.size(); }

private:
    struct Range {
        std::uint32_t first = 0;
        std::uint32_t count = 0;
    };
    struct Host {
        dns::NameView name;
        Range v4;
        Range v6;
    };
    struct Address {
        IpAddress address;
        Range names;
    };
    class Builder;

    const Host* find(dns::NameView name) const noexcept;
    /// The Host that counts for `name` in one family.
    std::span<const IpAddress> addresses(dns::NameView name, Range Host::*family) const noexcept;

    std::unique_ptr<std::uint8_t[]> octets_;  ///< what all NameViews refer to
    std::vector<Host> hosts_;                 ///< by name
    std::vector<Address> reverse_;            ///< by address
    std::vector<IpAddress> addresses_;
    std::vector<dns::NameView> names_;
    std::vector<std::uint32_t> slots_;  ///< 1 + index into hosts_ by hash, 0: empty
};

}  // namespace nameplane::plugins::hosts
