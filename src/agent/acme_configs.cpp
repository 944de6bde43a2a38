#include "agent/acme_configs.hpp"

#include "agent/listeners.hpp"
#include "base/file.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace nameplane::agent {

namespace {

constexpr std::size_t authority_octets_max = 16 << 20;

Status vouches(const std::string& file) {
    if (file.empty()) return {};
    const Result<std::string> text = read_file(file, authority_octets_max);
    if (!text) return Error{text.error()}.within("ca_root " + file);
    if (text->find("-----BEGIN CERTIFICATE-----") != std::string::npos) return {};
    return Error{Errc::invalid, "ca_root " + file + ": has no certificate in PEM"};
}

}  // namespace

Result<std::vector<conf::AcmeConfig>> acme_of(const std::vector<conf::ServerConfig>& servers) {
    std::vector<conf::AcmeConfig> all;
    Mistakes mistakes;
    for (const conf::ServerConfig& server : servers) {
        if (!server.tls || !server.tls->acme) continue;
        conf::AcmeConfig acme = std::move(*tls_of(server).acme);
        std::ranges::sort(acme.domains);
        if (std::ranges::find(all, acme) != all.end()) continue;
        const auto other = std::ranges::find_if(all, [&](const conf::AcmeConfig& each) {
            return std::ranges::find_first_of(each.domains, acme.domains) != each.domains.end();
        });
        if (other != all.end()) {
            mistakes.add(server.place.where, "tls: acme: a domain of another block, expected "
                                             "with the same options and domains as there");
        }
        if (const Status good = vouches(acme.authority); !good) {
            mistakes.add(server.place.where, "tls: " + good.error().text);
        }
        all.push_back(std::move(acme));
    }
    if (mistakes.any()) return mistakes.to_error();
    return all;
}

}  // namespace nameplane::agent
