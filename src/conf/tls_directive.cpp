#include "conf/tls_directive.hpp"

#include "conf/directives.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

namespace nameplane::conf {

namespace {

constexpr std::array<std::string_view, 5> acme_only{"email", "ca", "storage", "ca_root",
                                                    "resolver"};

// Letters, digits and hyphens, as certificates have them; what else there is in the world is
// written in them (RFC 5891).
bool is_host_label(std::string_view label) noexcept {
    const auto is_inner = [](char octet) {
        return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '-';
    };
    return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, is_inner) &&
           label.front() != '-' && label.back() != '-';
}

bool is_domain(std::string_view name) noexcept {
    if (name.size() > 253 || IpAddress::parse(name)) return false;
    if (name.starts_with("*.")) name.remove_prefix(2);
    for (;;) {
        const std::size_t dot = name.find('.');
        if (!is_host_label(name.substr(0, dot))) return false;
        if (dot == name.npos) return true;
        name.remove_prefix(dot + 1);
    }
}

std::string lower_without_dot(std::string name) {
    for (char& octet : name) {
        if (octet >= 'A' && octet <= 'Z') octet = static_cast<char>(octet + ('a' - 'A'));
    }
    if (name.ends_with('.')) name.pop_back();
    return name;
}

bool is_url(std::string_view text) noexcept {
    const std::size_t scheme = text.find("://");
    if (scheme == text.npos) return false;
    const std::string_view name = text.substr(0, scheme);
    const std::string_view rest = text.substr(scheme + 3);
    return (name == "https" || name == "http") && !rest.empty() &&
           std::string_view{"/?#:"}.find(rest.front()) == std::string_view::npos;
}

bool is_host_and_port(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return false;
    const std::string_view host = text.substr(0, colon);
    const bool in_brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (!in_brackets && host.find_first_of(":[]") != host.npos) return false;
    const char* const end = text.data() + text.size();
    std::uint16_t port = 0;
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    return error == std::errc{} && stop == end && port != 0;
}

class Reading {
public:
    Reading(const Options& options, std::vector<Problem>& problems)
        : options_{options}, problems_{problems}, before_{problems.size()} {}

    std::optional<TlsConfig> read() {
        TlsConfig config = options_.given("acme") ? by_acme() : by_files();
        if (problems_.size() != before_) return std::nullopt;
        return config;
    }

private:
    void problem(std::string_view name, std::string text) {
        problems_.push_back({options_.given(name) ? options_.where(name) : options_.where(),
                             "tls: " + std::move(text)});
    }
    void refuse_with(std::string_view name, std::string_view other) {
        if (!options_.given(name)) return;
        problem(name, std::string{name} + ": not expected with " + std::string{other});
    }

    TlsConfig by_files() {
        for (const std::string_view name : acme_only) refuse_with(name, "files, only with acme");
        TlsConfig config{.certificate = options_.text("certificate"),
                         .key = options_.text("key"),
                         .authority = options_.text("authority"),
                         .client_auth = client_auth(options_.word("client_auth")),
                         .keylog = options_.text("keylog"),
                         .acme = {}};
        if (config.certificate.empty()) {
            problem("certificate", "certificate: missing, expected CERT and KEY, or acme");
        } else if (config.key.empty()) {
            problem("key", "key: missing, expected the file of the certificate's key");
        }
        return config;
    }

    TlsConfig by_acme() {
        for (const char* const name :
             {"certificate", "key", "authority", "client_auth", "keylog"}) {
            refuse_with(name, "acme");
        }
        AcmeConfig acme{.domains = {},
                        .email = options_.text("email"),
                        .directory = options_.text("ca"),
                        .storage = options_.text("storage"),
                        .authority = options_.text("ca_root"),
                        .resolver = options_.text("resolver")};
        for (const std::string& word : options_.words("acme")) {
            std::string domain = lower_without_dot(word);
            if (!is_domain(domain)) {
                problem("acme", "acme: '" + word + "', expected a domain such as dns.example.org");
            } else if (std::ranges::find(acme.domains, domain) == acme.domains.end()) {
                acme.domains.push_back(std::move(domain));
            }
        }
        if (!is_url(acme.directory)) {
            problem("ca", "ca: '" + acme.directory + "', expected a URL of https:// or http://");
        }
        if (!acme.resolver.empty() && !is_host_and_port(acme.resolver)) {
            problem("resolver", "resolver: '" + acme.resolver + "', expected HOST:PORT");
        }
        TlsConfig config;
        config.acme = std::move(acme);
        return config;
    }

    const Options& options_;
    std::vector<Problem>& problems_;
    std::size_t before_;
};

}  // namespace

std::optional<TlsConfig> read_tls(const Options& options, std::vector<Problem>& problems) {
    return Reading{options, problems}.read();
}

}  // namespace nameplane::conf
