#include "plugins/forward/settings.hpp"

#include "conf/values.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::uint16_t tls_port = 853;
constexpr std::uint16_t https_port = 443;

std::uint16_t port_of(Scheme scheme) noexcept {
    switch (scheme) {
    case Scheme::dns: return dns_port;
    case Scheme::tls: return tls_port;
    case Scheme::https: return https_port;
    }
    return dns_port;
}

std::optional<std::string> content_of(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
    std::ifstream file{path};
    if (!file) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

/// "address", "[address]", both with ":port".
std::optional<SocketAddress> address_of(std::string_view text, std::uint16_t port) {
    if (const auto whole = SocketAddress::parse(text)) return whole;
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
        text = text.substr(1, text.size() - 2);
    }
    if (const auto address = IpAddress::parse(text)) return SocketAddress{*address, port};
    return std::nullopt;
}

/// Takes "%name" out of "address%name:port".
std::string take_server_name(std::string& host) {
    const std::size_t percent = host.rfind('%');
    if (percent == std::string::npos) return {};
    std::string name = host.substr(percent + 1);
    host.resize(percent);
    if (host.starts_with('[') && !host.ends_with(']')) host += ']';
    if (const std::size_t colon = name.rfind(':'); colon != std::string::npos) {
        host += name.substr(colon);
        name.resize(colon);
    }
    if (name.ends_with(']')) name.pop_back();
    return name;
}

bool is_label(std::string_view text) noexcept {
    constexpr std::size_t label_octets_max = 63;
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !text.empty() && text.size() <= label_octets_max && std::ranges::all_of(text, fits);
}

/// Whether `name`, without a dot at its end, can be that of a host. One that ends with a number is
/// an address that was mistyped.
bool is_host(std::string_view name) noexcept {
    constexpr std::size_t name_size_max = 253;
    if (name.empty() || name.size() > name_size_max || name.back() == '.') return false;
    const std::string_view last = name.substr(name.rfind('.') + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (std::ranges::all_of(last, is_digit)) return false;
    while (!name.empty()) {
        const std::size_t end = std::min(name.find('.'), name.size());
        if (!is_label(name.substr(0, end))) return false;
        name.remove_prefix(std::min(end + 1, name.size()));
    }
    return true;
}

/// "name", "name:port": to the two of `target`. False: not that.
bool take_host(std::string_view text, Target& target) {
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        const std::string_view digits = text.substr(colon + 1);
        const char* const end = digits.data() + digits.size();
        const auto [at, error] = std::from_chars(digits.data(), end, target.address.port);
        if (error != std::errc{} || at != end || target.address.port == 0) return false;
        text = text.substr(0, colon);
    }
    if (text.ends_with('.')) text.remove_suffix(1);
    if (!is_host(text)) return false;
    target.host = text;
    return true;
}

/// Takes the path off "host/path". False: it is none that can be asked.
bool take_path(std::string& host, std::string& path) {
    constexpr std::string_view template_end = "{?dns}";
    path = "/dns-query";
    const std::size_t slash = host.find('/');
    if (slash == std::string::npos) return true;
    path = host.substr(slash);
    host.resize(slash);
    // As RFC 8484 writes the templates that servers publish.
    if (path.ends_with(template_end)) path.resize(path.size() - template_end.size());
    const auto fits = [](char c) {
        return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '{' && c != '}';
    };
    return path.size() > 1 && std::ranges::all_of(path, fits);
}

/// One server counts once, however it was named.
void add(std::vector<Target>& targets, Target target) {
    const auto is_same = [&target](const Target& other) {
        return other.address == target.address && other.scheme == target.scheme &&
               other.host == target.host;
    };
    if (std::ranges::none_of(targets, is_same)) targets.push_back(std::move(target));
}

/// Collects settings and what is wrong with them.
class Reading {
public:
    explicit Reading(const Options& given) : given_{given} {}

    Result<Settings> all() {
        from();
        to();
        simple();
        connections();
        health();
        rcodes("next", settings_.next);
        rcodes("failover", settings_.failover);
        tls();
        resolvers();
        if (mistakes_.any()) return mistakes_.to_error();
        return std::move(settings_);
    }

private:
    void wrong(std::string_view name, const std::string& what) {
        mistakes_.add(given_.wrong(name, what));
    }

    void from() {
        const std::vector<dns::Name>& zones = given_.zones("from");
        // As CoreDNS: of a network that comes to several zones the first.
        settings_.from = zones.front().lower();
        if (zones.size() > 1) {
            NP_LOG_WARNING("forward.network_from", "zones", zones.size(), "only",
                           settings_.from.to_string());
        }
        for (const dns::Name& zone : given_.zones("except")) {
            settings_.except.push_back(zone.lower());
        }
    }

    void to() {
        const std::vector<std::string>& all = given_.words("to");
        if (all.size() > words_max) {
            return wrong("to", std::to_string(all.size()) + " upstreams, expected at most " +
                                   std::to_string(words_max));
        }
        bool good = true;
        for (const std::string& word : all) {
            if (const auto text = content_of(word)) {
                for (const SocketAddress& each : parse_resolv_conf(*text)) {
                    add(settings_.targets, {.address = each});
                }
            } else if (Result<Target> target = parse_target(word)) {
                add(settings_.targets, std::move(*target));
            } else {
                good = false;
                wrong("to", target.error().text);
            }
        }
        if (good && settings_.targets.empty()) {
            wrong("to", "'" + all.front() + "' has no nameserver, expected one at least");
        }
        if (settings_.targets.size() > targets_max) {
            wrong("to", std::to_string(settings_.targets.size()) +
                            " nameservers, expected at most " + std::to_string(targets_max));
        }
    }

    void simple() {
        const std::string& policy = given_.word("policy");
        if (policy == "round_robin") settings_.policy = Policy::round_robin;
        if (policy == "sequential") settings_.policy = Policy::sequential;
        settings_.force_tcp = given_.flag("force_tcp");
        settings_.prefer_udp = given_.flag("prefer_udp");
        settings_.randomize_case = given_.flag("randomize_case");
        settings_.hedge = given_.flag("hedge");
        settings_.max_concurrent = given_.integer("max_concurrent");
        settings_.too_many =
            "concurrent queries exceeded maximum " + std::to_string(settings_.max_concurrent);
        settings_.next_on_nodata = given_.flag("next_on_nodata");
        settings_.failfast = given_.flag("failfast_all_unhealthy_upstreams");
        settings_.doh_get = given_.word("doh_method") == "GET";
        const std::vector<IpAddress>& source = given_.addresses("source_address");
        if (source.size() > 1) wrong("source_address", "several addresses, expected one");
        if (source.size() == 1) settings_.source = source.front();
        for (const Target& target : settings_.targets) {
            if (!settings_.source || !target.host.empty()) continue;
            if (settings_.source->family() != target.address.address.family()) {
                wrong("source_address", "'" + settings_.source->to_string() + "' cannot reach " +
                                            target.label() +
                                            ", expected an address of the same family");
            }
        }
    }

    void connections() {
        settings_.expire = given_.milliseconds("expire");
        settings_.max_age = given_.milliseconds("max_age");
        if (settings_.max_age.count() != 0 && settings_.max_age < settings_.expire) {
            wrong("max_age", "less than expire, expected no less");
        }
        settings_.max_idle = static_cast<std::size_t>(given_.integer("max_idle_conns"));
        settings_.read_timeout = given_.milliseconds("read_timeout");
        settings_.max_fails = static_cast<std::uint32_t>(given_.integer("max_fails"));
        settings_.attempts_max =
            given_.given("max_connect_attempts")
                ? static_cast<std::uint32_t>(given_.integer("max_connect_attempts"))
                : static_cast<std::uint32_t>(2 * settings_.targets.size());
    }

    void health() {
        const std::vector<std::string>& words = given_.words("health_check");
        if (words.empty()) return;
        const auto interval = milliseconds_of(words.front());
        if (!interval) {
            return wrong("health_check", "'" + words.front() + "', expected a duration as 500ms");
        }
        settings_.health_interval = std::max(*interval, std::chrono::milliseconds{10});
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (words[i] == "no_rec") {
                settings_.health_recursion = false;
            } else if (words[i] == "domain" && i + 1 < words.size()) {
                const auto name = dns::Name::parse(words[++i]);
                if (!name) {
                    wrong("health_check", "'" + words[i] + "', expected a domain name");
                } else {
                    settings_.health_name = *name;
                }
            } else {
                wrong("health_check", "'" + words[i] + "', expected no_rec or domain NAME");
            }
        }
    }

    /// Also "0.5s", as CoreDNS documents its default.
    static std::optional<std::chrono::milliseconds> milliseconds_of(std::string_view word) {
        if (const auto whole = conf::parse_duration(word)) return whole;
        double number = 0;
        const char* const end_of_word = word.data() + word.size();
        const auto [end, error] = std::from_chars(word.data(), end_of_word, number);
        if (error != std::errc{} || !(number >= 0 && number < 86'400)) return std::nullopt;
        const std::string_view unit{end, static_cast<std::size_t>(end_of_word - end)};
        if (unit == "ms") return std::chrono::milliseconds{static_cast<std::int64_t>(number)};
        if (unit != "s") return std::nullopt;
        return std::chrono::milliseconds{static_cast<std::int64_t>(number * 1000)};
    }

    void rcodes(std::string_view option, std::vector<dns::Rcode>& out) {
        for (const std::string& word : given_.words(option)) {
            const auto rcode = dns::parse_rcode(word);
            if (!rcode) {
                wrong(option, "'" + word + "', expected an rcode as NXDOMAIN");
            } else if (option == "failover" && *rcode == dns::Rcode::no_error) {
                wrong(option, "'NOERROR', expected an rcode that tells of an error");
            } else {
                out.push_back(*rcode);
            }
        }
    }

    void tls() {
        const std::vector<std::string>& files = given_.words("tls");
        if (files.size() == 1) settings_.tls_authorities = files[0];
        if (files.size() >= 2) {
            settings_.tls_certificate = files[0];
            settings_.tls_key = files[1];
        }
        if (files.size() == 3) settings_.tls_authorities = files[2];
        const std::string& name = given_.text("tls_servername");
        for (Target& target : settings_.targets) {
            if (target.scheme == Scheme::dns) continue;
            if (!target.server_name.empty() && !name.empty()) {
                wrong("tls_servername", "'" + name + "' beside '" + target.server_name +
                                            "' in the upstream, expected one of them");
            }
            if (!name.empty()) target.server_name = name;
            if (target.server_name.empty()) target.server_name = target.host;
        }
    }

    void resolvers() {
        for (const std::string& word : given_.words("resolver")) {
            const auto address = address_of(word, dns_port);
            if (!address) {
                wrong("resolver", "'" + word + "', expected an address, with a port or without");
            } else {
                settings_.resolvers.push_back(*address);
            }
        }
    }

    const Options& given_;
    Settings settings_;
    Mistakes mistakes_;
};

}  // namespace

std::string Target::authority() const {
    std::string text = server_name;
    if (text.empty()) {
        text = address.address.to_string();
        if (address.address.is_v6()) text = '[' + text + ']';
    }
    return address.port == https_port ? text : text + ':' + std::to_string(address.port);
}

Result<Target> parse_target(std::string_view word) {
    const auto wrong = [word](const char* expected) {
        return Error{Errc::invalid, "'" + std::string{word} + "', expected " + expected};
    };
    std::string host{word};
    Target target;
    if (const std::size_t end = word.find("://"); end != std::string_view::npos) {
        const std::string_view scheme = word.substr(0, end);
        host = word.substr(end + 3);
        if (scheme == "tls") {
            target.scheme = Scheme::tls;
        } else if (scheme == "https") {
            target.scheme = Scheme::https;
        } else if (scheme != "dns") {
            return wrong("dns://, tls:// or https://");
        }
    }
    if (target.scheme == Scheme::https && !take_path(host, target.path)) {
        return wrong("no path, or one as /dns-query, without a query part");
    }
    target.server_name = take_server_name(host);
    if (const auto address = address_of(host, port_of(target.scheme))) {
        target.address = *address;
        return target;
    }
    target.address.port = port_of(target.scheme);
    if (take_host(host, target)) return target;
    return wrong("an address, the name of a host or a file with nameservers");
}

std::vector<SocketAddress> parse_resolv_conf(std::string_view text) {
    std::vector<SocketAddress> servers;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string key;
        std::string value;
        if (!(words >> key >> value) || key != "nameserver") continue;
        // A zone of a link-local address is beyond our addresses.
        value = value.substr(0, value.find('%'));
        if (const auto address = IpAddress::parse(value)) servers.push_back({*address, dns_port});
    }
    return servers;
}

Result<Settings> read_settings(const Options& given) {
    return Reading{given}.all();
}

Status look_up_targets(const Options& given, Settings& settings, const LookUp& look_up) {
    Mistakes mistakes;
    std::vector<Target> all;
    for (const Target& target : settings.targets) {
        if (target.host.empty()) {
            add(all, target);
            continue;
        }
        const Result<std::vector<IpAddress>> addresses = look_up(target.host);
        std::size_t usable = 0;
        for (const IpAddress& address : addresses ? *addresses : std::vector<IpAddress>{}) {
            if (settings.source && settings.source->family() != address.family()) continue;
            if (++usable > addresses_per_host_max) break;
            Target one = target;
            one.host.clear();
            one.address.address = address;
            add(all, std::move(one));
        }
        if (usable != 0) continue;
        const std::string why =
            addresses ? "no address of source_address' family" : addresses.error().text;
        mistakes.add(given.wrong("to", "no upstream called '" + target.host + "': " + why));
    }
    if (all.size() > targets_max) {
        mistakes.add(given.wrong("to", std::to_string(all.size()) +
                                           " addresses, expected at most " +
                                           std::to_string(targets_max)));
    }
    if (mistakes.any()) return mistakes.to_error();
    settings.targets = std::move(all);
    if (!given.given("max_connect_attempts")) {
        settings.attempts_max = static_cast<std::uint32_t>(2 * settings.targets.size());
    }
    return {};
}

}  // namespace nameplane::plugins::forwarding
