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

server::Protocol protocol_of(conf::Scheme scheme) noexcept {
    switch (scheme) {
    case conf::Scheme::dns: break;
    case conf::Scheme::tls: return server::Protocol::tls;
    case conf::Scheme::https: return server::Protocol::https;
    }
    return server::Protocol::dns;
}

std::string_view scheme_of(server::Protocol protocol) noexcept {
    switch (protocol) {
    case server::Protocol::dns: break;
    case server::Protocol::tls: return to_string(conf::Scheme::tls);
    case server::Protocol::https: return to_string(conf::Scheme::https);
    }
    return to_string(conf::Scheme::dns);
}

// As metrics and messages have it: "dns://:53".
std::string label_of(const SocketAddress& address, server::Protocol protocol) {
    const std::string port = ':' + std::to_string(address.port);
    return std::string{scheme_of(protocol)} + "://" +
           (address.address.is_unspecified() ? port : address.to_string());
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
           const std::vector<server::ListenAt>* running, bool is_trial)
        : dns_{dns}, interfaces_{interfaces}, is_running_{running != nullptr}, is_trial_{is_trial} {
        if (!is_running_) return;
        for (const server::ListenAt& each : *running) add(each.address, each.protocol);
        used_.assign(running->size(), false);
    }

    Result<Listeners> find(const std::vector<conf::ServerConfig>& servers) && {
        for (const conf::ServerConfig& server : servers) {
            Status placed = place(server);
            if (!placed && !mistakes_.any()) return std::move(placed).error();
        }
        if (Status agreed = disagreements(); !agreed) return std::move(agreed).error();
        const auto unused = std::ranges::find(used_, false);
        if (is_running_ && unused != used_.end()) {
            const auto listener = static_cast<std::size_t>(unused - used_.begin());
            return restart_needed("no longer on", found_.addresses[listener]);
        }
        return std::move(found_);
    }

    /// Without regard to what is bound, or to what this machine does not have.
    Status try_out(const std::vector<conf::ServerConfig>& servers) && {
        for (const conf::ServerConfig& server : servers) {
            if (Status placed = place(server); !placed) return placed;
        }
        return disagreements();
    }

private:
    Status disagreements() const {
        return mistakes_.any() ? Status{mistakes_.to_error()} : Status{};
    }

    static Error restart_needed(std::string_view how, const server::ListenAt& at) {
        const std::string scheme =
            at.protocol == server::Protocol::dns ? "" : std::string{scheme_of(at.protocol)} + "://";
        return {Errc::conflict, "a restart is needed to listen " + std::string{how} + ' ' + scheme +
                                    at.address.to_string()};
    }

    void add(const SocketAddress& address, server::Protocol protocol) {
        found_.addresses.emplace_back(address, protocol, label_of(address, protocol));
        found_.layout.labels.push_back(found_.addresses.back().label);
        found_.terms.emplace_back();
        found_.tls.emplace_back();
        used_.push_back(false);
    }

    Status place(const conf::ServerConfig& server) {
        const std::vector<IpAddress> hosts = hosts_of(server);
        std::vector<std::vector<std::size_t>>& zones = found_.layout.places.emplace_back();
        for (const conf::ServedZone& zone : server.zones) {
            std::vector<std::size_t>& places = zones.emplace_back();
            for (const IpAddress& host : hosts) {
                const server::ListenAt at{{host, zone.port_or(dns_.port)},
                                          protocol_of(zone.scheme)};
                const auto known = find(at);
                const auto listener = static_cast<std::size_t>(known - found_.addresses.begin());
                if (known == found_.addresses.end()) {
                    if (is_taken(at, zone.scheme, server)) continue;
                    if (is_running_) return restart_needed("on", at);
                    add(at.address, at.protocol);
                }
                used_[listener] = true;
                places.push_back(listener);
                agree(server, listener);
            }
        }
        return {};
    }

    std::vector<server::ListenAt>::const_iterator find(const server::ListenAt& at) const {
        return std::ranges::find_if(found_.addresses, [&](const server::ListenAt& each) {
            return each.address == at.address && each.protocol == at.protocol;
        });
    }

    // One port of TCP cannot speak two ways.
    bool is_taken(const server::ListenAt& at, conf::Scheme scheme,
                  const conf::ServerConfig& server) {
        if (at.address.port == 0) return false;
        const auto other =
            std::ranges::find(found_.addresses, at.address, &server::ListenAt::address);
        // What is no longer used by a reload needs a restart, which is said elsewhere.
        if (other == found_.addresses.end() || is_running_) return false;
        mistakes_.add(server.place.where, "zones: " + std::string{to_string(scheme)} + "://" +
                                              at.address.to_string() + " is " +
                                              std::string{scheme_of(other->protocol)} +
                                              ":// elsewhere, expected another port");
        return true;
    }

    // What a block says of its connections; of several blocks at a listener the last one counts, as
    // in CoreDNS. A listener has one certificate.
    void agree(const conf::ServerConfig& server, std::size_t listener) {
        server::Terms& terms = found_.terms[listener];
        const conf::TimeoutsConfig& timeouts = server.timeouts;
        terms.read = timeouts.read.value_or(terms.read);
        terms.write = timeouts.write.value_or(terms.write);
        terms.idle = timeouts.idle.value_or(terms.idle);
        terms.queries_max = timeouts.queries_max.value_or(terms.queries_max);
        terms.https_connections_max =
            server.https_connections_max.value_or(terms.https_connections_max);
        const bool is_plain = found_.addresses[listener].protocol == server::Protocol::dns;
        if (is_plain || !server.tls) return;
        conf::TlsConfig config = tls_of(server);
        std::optional<TlsWanted>& wanted = found_.tls[listener];
        if (wanted && wanted->config != config) {
            mistakes_.add(server.place.where,
                          "tls: not as in another block at " + found_.addresses[listener].label +
                              ", expected the same (first at " + wanted->where.to_string() + ")");
        }
        if (!wanted) wanted = TlsWanted{std::move(config), server.place.where};
    }

    std::vector<IpAddress> hosts_of(const conf::ServerConfig& server) {
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
        bool are_known = true;
        const auto resolve = [&](const std::string& word) {
            std::vector<IpAddress> some = addresses_of(word, interfaces_);
            if (some.empty()) {
                are_known = false;
                bind_mistake(server, '\'' + word +
                                         "', expected an address or an interface of this machine");
            }
            return some;
        };
        for (const std::string& word : server.bind) add_new(resolve(word));
        for (const std::string& word : server.bind_except) {
            for (const IpAddress& host : resolve(word)) std::erase(all, host);
        }
        if (all.empty() && are_known) {
            bind_mistake(server, "nothing is left, expected an address");
        }
        return all;
    }

    void bind_mistake(const conf::ServerConfig& server, const std::string& what) {
        if (!is_trial_) mistakes_.add(server.place.where, "bind: " + what);
    }

    const conf::DnsConfig& dns_;
    Interfaces interfaces_;
    bool is_running_;
    bool is_trial_;  // on a machine that may be another one
    Listeners found_;
    std::vector<bool> used_;  // by listener
    Mistakes mistakes_;
};

}  // namespace

std::string path_of(const conf::ServerConfig& server, const std::string& path) {
    return path.empty() || path.starts_with('/') || server.root.empty() ? path
                                                                        : server.root + '/' + path;
}

conf::TlsConfig tls_of(const conf::ServerConfig& server) {
    conf::TlsConfig config = *server.tls;
    std::vector<std::string*> paths{&config.certificate, &config.key, &config.authority,
                                    &config.keylog};
    if (config.acme) {
        paths.push_back(&config.acme->storage);
        paths.push_back(&config.acme->authority);
    }
    for (std::string* const path : paths) *path = path_of(server, *path);
    return config;
}

Result<Listeners> listeners_of(const conf::DnsConfig& dns,
                               const std::vector<conf::ServerConfig>& servers,
                               Interfaces interfaces,
                               const std::vector<server::ListenAt>* running) {
    return Finder{dns, interfaces, running, false}.find(servers);
}

Status try_listeners(const conf::DnsConfig& dns, const std::vector<conf::ServerConfig>& servers,
                     Interfaces interfaces) {
    return Finder{dns, interfaces, nullptr, true}.try_out(servers);
}

}  // namespace nameplane::agent
