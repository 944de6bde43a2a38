#include "plugins/forward/settings.hpp"

#include "conf/values.hpp"

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
        if (mistakes_.any()) return mistakes_.to_error();
        return std::move(settings_);
    }

private:
    void wrong(std::string_view name, const std::string& what) {
        mistakes_.add(given_.wrong(name, what));
    }

    void from() {
        const std::vector<dns::Name>& zones = given_.zones("from");
        if (zones.size() != 1) {
            return wrong("from", std::to_string(zones.size()) +
                                     " zones, expected one zone or a network of whole octets");
        }
        settings_.from = zones.front().lower();
        for (const dns::Name& zone : given_.zones("except")) {
            settings_.except.push_back(zone.lower());
        }
    }

    void to() {
        for (const std::string& word : given_.words("to")) {
            if (const auto text = content_of(word)) {
                const std::vector<SocketAddress> servers = parse_resolv_conf(*text);
                if (servers.empty()) {
                    wrong("to", "'" + word + "' has no nameserver, expected one at least");
                }
                for (const SocketAddress& each : servers) add({each, false, {}});
            } else if (Result<Target> target = parse_target(word)) {
                add(std::move(*target));
            } else {
                wrong("to", target.error().text);
            }
        }
        if (settings_.targets.size() > targets_max) {
            wrong("to", std::to_string(settings_.targets.size()) + " upstreams, expected at most " +
                            std::to_string(targets_max));
        }
    }

    void add(Target target) {
        if (std::ranges::find(settings_.targets, target) == settings_.targets.end()) {
            settings_.targets.push_back(std::move(target));
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
        settings_.next_on_nodata = given_.flag("next_on_nodata");
        settings_.failfast = given_.flag("failfast_all_unhealthy_upstreams");
        const std::vector<IpAddress>& source = given_.addresses("source_address");
        if (source.size() > 1) wrong("source_address", "several addresses, expected one");
        if (source.size() == 1) settings_.source = source.front();
        for (const Target& target : settings_.targets) {
            if (!settings_.source) break;
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
            if (!target.tls || name.empty()) continue;
            if (!target.server_name.empty()) {
                wrong("tls_servername", "'" + name + "' beside '" + target.server_name +
                                            "' in the upstream, expected one of them");
            }
            target.server_name = name;
        }
    }

    const Options& given_;
    Settings settings_;
    Mistakes mistakes_;
};

}  // namespace

Result<Target> parse_target(std::string_view word) {
    std::string host{word};
    bool tls = false;
    if (const std::size_t end = word.find("://"); end != std::string_view::npos) {
        const std::string_view scheme = word.substr(0, end);
        host = word.substr(end + 3);
        if (scheme == "https") {
            return Error{Errc::unsupported, "'" + std::string{word} +
                                                "': upstreams are not asked over HTTPS, expected "
                                                "dns:// or tls://"};
        }
        if (scheme != "dns" && scheme != "tls") {
            return Error{Errc::invalid, "'" + std::string{word} + "', expected dns:// or tls://"};
        }
        tls = scheme == "tls";
    }
    Target target{.address = {}, .tls = tls, .server_name = take_server_name(host)};
    const auto address = address_of(host, tls ? tls_port : dns_port);
    if (!address) {
        return Error{Errc::invalid,
                     "'" + std::string{word} + "', expected an address or a file with nameservers"};
    }
    target.address = *address;
    return target;
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

}  // namespace nameplane::plugins::forwarding
