// A hosts file to a HostTable.

#include "plugins/hosts/hash.hpp"
#include "plugins/hosts/table.hpp"
#include <nameplane/zones.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <string>

namespace nameplane::plugins::hosts {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view take_word(std::string_view& line) noexcept {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

/// An IPv6 zone ("%eth0") is left out.
std::optional<IpAddress> address_of(std::string_view word) noexcept {
    return IpAddress::parse(word.substr(0, word.find('%')));
}

bool is_wild(dns::NameView name) noexcept {
    return name.first_label() == "*";
}

}  // namespace

class HostTable::Builder {
public:
    Builder(HostTable& table, std::span<const dns::Name> zones, bool reverse)
        : table_{table}, zones_{zones}, with_reverse_{reverse} {}

    void read(std::string_view text) {
        while (!text.empty()) {
            std::string_view line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            read_line(line.substr(0, line.find('#')));
        }
    }

    void finish() {
        place_names();
        for (const auto& [name, found] : hosts_) add_host(view_of(name), found);
        for (const auto& [address, names] : reverse_) {
            const auto first = static_cast<std::uint32_t>(table_.names_.size());
            for (const std::string& name : names) table_.names_.push_back(view_of(name));
            table_.reverse_.push_back({address, {first, static_cast<std::uint32_t>(names.size())}});
        }
        if (!table_.hosts_.empty()) fill_slots();
    }

private:
    struct Found {
        std::vector<IpAddress> v4;
        std::vector<IpAddress> v6;
    };

    void read_line(std::string_view line) {
        const auto address = address_of(take_word(line));
        if (!address) return;
        for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
            const auto name = dns::Name::parse(word);
            if (!name || longest_zone(zones_, *name) == nullptr) continue;
            add(*address, name->lower());
        }
    }

    void add(const IpAddress& address, dns::NameView name) {
        const std::string wire{reinterpret_cast<const char*>(name.data()), name.size()};
        Found& found = hosts_[wire];
        (address.is_v4() ? found.v4 : found.v6).push_back(address);
        if (with_reverse_ && !is_wild(name)) reverse_[address].push_back(wire);
    }

    void place_names() {
        std::size_t octets = 0;
        for (const auto& [name, found] : hosts_) octets += name.size();
        table_.octets_ = std::make_unique<std::uint8_t[]>(octets);
        std::uint8_t* at = table_.octets_.get();
        for (const auto& [name, found] : hosts_) {
            std::memcpy(at, name.data(), name.size());
            places_.emplace(name, at);
            at += name.size();
        }
    }

    dns::NameView view_of(const std::string& wire) const {
        return dns::NameView::trusted(places_.find(wire)->second, wire.size());
    }

    Range add_addresses(const std::vector<IpAddress>& addresses) {
        const auto first = static_cast<std::uint32_t>(table_.addresses_.size());
        table_.addresses_.insert(table_.addresses_.end(), addresses.begin(), addresses.end());
        return {first, static_cast<std::uint32_t>(addresses.size())};
    }

    void add_host(dns::NameView name, const Found& found) {
        const Range v4 = add_addresses(found.v4);
        const Range v6 = add_addresses(found.v6);
        table_.hosts_.push_back({name, v4, v6});
    }

    void fill_slots() {
        table_.slots_.resize(std::bit_ceil(table_.hosts_.size() * 2));
        const std::size_t mask = table_.slots_.size() - 1;
        for (std::uint32_t i = 0; i < table_.hosts_.size(); ++i) {
            std::size_t slot = hash_of(table_.hosts_[i].name) & mask;
            while (table_.slots_[slot] != 0) slot = (slot + 1) & mask;
            table_.slots_[slot] = i + 1;
        }
    }

    HostTable& table_;
    std::span<const dns::Name> zones_;
    bool with_reverse_;
    std::map<std::string, Found> hosts_;  // by wire form
    std::map<IpAddress, std::vector<std::string>> reverse_;
    std::map<std::string, const std::uint8_t*> places_;
};

HostTable::HostTable(std::string_view text, std::span<const dns::Name> zones, bool reverse) {
    Builder builder{*this, zones, reverse};
    builder.read(text);
    builder.finish();
}

}  // namespace nameplane::plugins::hosts
