#include "agent/listeners.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace nameplane::agent {

namespace {

using Interfaces = std::span<const services::NodeFacts::Interface>;

bool is_link_local_v6(const IpAddress& address) noexcept {
    return address.is_v6() && address.bytes()[0] == 0xfe && (address.bytes()[1] & 0xc0) == 0x80;
}

// An address, or those of an interface.
std::vector<IpAddress> addresses_of(std::string_view word, Interfaces interfaces) {
    if (const auto address = IpAddress::parse(word)) return {*address};
    std::vector<IpAddress> all;
    for (const services::NodeFacts::Interface& interface : interfaces) {
        if (interface.name == word && !is_link_local_v6(interface.address)) {
            all.push_back(interface.address);
        }
    }
    return all;
}

class Finder {
public:
    Finder(const conf::DnsConfig& dns, Interfaces interfaces,
           const std::vector<SocketAddress>* running)
        : dns_{dns}, interfaces_{interfaces}, is_running_{running != nullptr} {
        if (!is_running_) return;
        for (const SocketAddress& address : *running) add(address);
        used_.assign(running->size(), false);
    }

    Result<Listeners> find(const std::vector<conf::ServerConfig>& servers) && {
        for (const conf::ServerConfig& server : servers) {
            Status placed = place(server);
            if (!placed) return std::move(placed).error();
        }
        const auto unused = std::ranges::find(used_, false);
        if (is_running_ && unused != used_.end()) {
            const auto listener = static_cast<std::size_t>(unused - used_.begin());
            return restart_needed("no longer on", found_.addresses[listener]);
        }
        return std::move(found_);
    }

private:
    static Error restart_needed(std::string_view how, const SocketAddress& address) {
        return {Errc::conflict,
                "a restart is needed to listen " + std::string{how} + ' ' + address.to_string()};
    }

    void add(const SocketAddress& address) {
        found_.addresses.push_back(address);
        const std::string port = ':' + std::to_string(address.port);
        found_.layout.labels.push_back(
            "dns://" + (address.address.is_unspecified() ? port : address.to_string()));
        used_.push_back(false);
    }

    Status place(const conf::ServerConfig& server) {
        Result<std::vector<IpAddress>> hosts = hosts_of(server);
        if (!hosts) return hosts.error();
        std::vector<std::vector<std::size_t>>& zones = found_.layout.places.emplace_back();
        for (const conf::ServedZone& zone : server.zones) {
            std::vector<std::size_t>& places = zones.emplace_back();
            for (const IpAddress& host : *hosts) {
                const SocketAddress address{host, zone.port.value_or(dns_.port)};
                const auto known = std::ranges::find(found_.addresses, address);
                const auto listener = static_cast<std::size_t>(known - found_.addresses.begin());
                if (known == found_.addresses.end()) {
                    if (is_running_) return restart_needed("on", address);
                    add(address);
                }
                used_[listener] = true;
                places.push_back(listener);
            }
        }
        return {};
    }

    Result<std::vector<IpAddress>> hosts_of(const conf::ServerConfig& server) const {
        std::vector<IpAddress> all;
        const auto add_new = [&](const std::vector<IpAddress>& some) {
            for (const IpAddress& host : some) {
                if (std::ranges::find(all, host) == all.end()) all.push_back(host);
            }
        };
        if (server.bind.empty() || dns_.listen.empty()) {
            add_new(dns_.listen);
            return all;
        }
        Mistakes mistakes;
        const auto resolve = [&](const std::string& word) {
            std::vector<IpAddress> some = addresses_of(word, interfaces_);
            if (some.empty()) {
                mistakes.add(server.place.where,
                             "bind: '" + word +
                                 "', expected an address or an interface of this machine");
            }
            return some;
        };
        for (const std::string& word : server.bind) add_new(resolve(word));
        for (const std::string& word : server.bind_except) {
            for (const IpAddress& host : resolve(word)) std::erase(all, host);
        }
        if (all.empty() && !mistakes.any()) {
            mistakes.add(server.place.where, "bind: nothing is left, expected an address");
        }
        if (mistakes.any()) return mistakes.to_error();
        return all;
    }

    const conf::DnsConfig& dns_;
    Interfaces interfaces_;
    bool is_running_;
    Listeners found_;
    std::vector<bool> used_;  // by listener
};

}  // namespace

Result<Listeners> listeners_of(const conf::DnsConfig& dns,
                               const std::vector<conf::ServerConfig>& servers,
                               Interfaces interfaces, const std::vector<SocketAddress>* running) {
    return Finder{dns, interfaces, running}.find(servers);
}

}  // namespace nameplane::agent
