#include "acme/resolve.hpp"

#include <ldns/ldns.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

namespace nameplane::acme {

namespace {

constexpr timeval try_time{2, 0};
constexpr std::uint8_t tries = 2;

struct FreeResolver {
    // The nameservers are the resolver's, too.
    void operator()(ldns_resolver* resolver) const noexcept { ldns_resolver_deep_free(resolver); }
};
struct FreeRdf {
    void operator()(ldns_rdf* rdf) const noexcept { ldns_rdf_deep_free(rdf); }
};
struct FreePacket {
    void operator()(ldns_pkt* packet) const noexcept { ldns_pkt_free(packet); }
};
struct FreeFound {
    void operator()(addrinfo* found) const noexcept { ::freeaddrinfo(found); }
};
using Resolver = std::unique_ptr<ldns_resolver, FreeResolver>;
using Rdf = std::unique_ptr<ldns_rdf, FreeRdf>;
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

struct HostPort {
    std::string host;
    std::string port;
};

// Checked when the configuration was read.
HostPort parts_of(const std::string& resolver) {
    const std::size_t colon = resolver.rfind(':');
    std::string host = resolver.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return {std::move(host), resolver.substr(colon + 1)};
}

Result<Resolver> resolver_at(const std::string& text) {
    const HostPort at = parts_of(text);
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* all = nullptr;
    const int failed = ::getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &all);
    if (failed != 0) return Error{Errc::io, "resolver " + text + ": " + ::gai_strerror(failed)};
    const std::unique_ptr<addrinfo, FreeFound> found{all};
    Resolver resolver{ldns_resolver_new()};
    for (const addrinfo* each = all; each != nullptr; each = each->ai_next) {
        sockaddr_storage address{};
        std::copy_n(reinterpret_cast<const char*>(each->ai_addr), each->ai_addrlen,
                    reinterpret_cast<char*>(&address));
        const Rdf server{ldns_sockaddr_storage2rdf(&address, nullptr)};
        if (server) ldns_resolver_push_nameserver(resolver.get(), server.get());
    }
    ldns_resolver_set_port(resolver.get(), static_cast<std::uint16_t>(std::atoi(at.port.c_str())));
    ldns_resolver_set_timeout(resolver.get(), try_time);
    ldns_resolver_set_retry(resolver.get(), tries);
    ldns_resolver_set_recursive(resolver.get(), true);
    return resolver;
}

void add_addresses(const Resolver& resolver, const Rdf& name, ldns_rr_type type,
                   std::vector<IpAddress>& to) {
    const Packet answer{
        ldns_resolver_query(resolver.get(), name.get(), type, LDNS_RR_CLASS_IN, LDNS_RD)};
    if (!answer) return;
    const ldns_rr_list* const all = ldns_pkt_answer(answer.get());
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(all); ++i) {
        const ldns_rr* const record = ldns_rr_list_rr(all, i);
        if (ldns_rr_get_type(record) != type) continue;
        char* const text = ldns_rdf2str(ldns_rr_rdf(record, 0));
        if (text == nullptr) continue;
        if (const auto address = IpAddress::parse(text)) to.push_back(*address);
        std::free(text);  // ldns gives it away
    }
}

}  // namespace

std::string_view host_of(std::string_view url) noexcept {
    const std::size_t scheme = url.find("://");
    if (scheme != url.npos) url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (url.starts_with('[')) return url.substr(1, std::min(url.find(']'), url.size()) - 1);
    return url.substr(0, url.find(':'));
}

Result<std::vector<IpAddress>> resolve(const std::string& host, const std::string& resolver) {
    const Result<Resolver> asked = resolver_at(resolver);
    if (!asked) return asked.error();
    const Rdf name{ldns_dname_new_frm_str(host.c_str())};
    std::vector<IpAddress> addresses;
    if (name) {
        add_addresses(*asked, name, LDNS_RR_TYPE_A, addresses);
        add_addresses(*asked, name, LDNS_RR_TYPE_AAAA, addresses);
    }
    if (addresses.empty()) {
        return Error{Errc::io, "resolver " + resolver + " knows no address of '" + host + "'"};
    }
    return addresses;
}

}  // namespace nameplane::acme
