#include "plugins/dnstap/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace nameplane::plugins::tapping {

namespace {

constexpr std::size_t queue_unit = 10'000;
constexpr int queue_units_max = 4096;
constexpr int buffer_unit = 1 << 20;
constexpr int buffer_units_max = 1024;

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// "HOST:PORT", an IPv6 address in brackets.
std::optional<net::FrameTarget> host_target(std::string_view text, net::FrameTarget::Kind kind) {
    text = text.substr(0, text.find('/'));
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon + 1 == text.size()) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    unsigned port = 0;
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
    if (error != std::errc{} || end != number.data() + number.size() || port > 65535) {
        return std::nullopt;
    }
    return net::FrameTarget{
        .kind = kind, .path = {}, .host = std::string{host}, .port = std::string{number}};
}

std::optional<net::FrameTarget> target_of(std::string_view text) {
    using Kind = net::FrameTarget::Kind;
    for (const auto& [prefix, kind] : {std::pair{std::string_view{"tcp://"}, Kind::tcp},
                                       {std::string_view{"tls://"}, Kind::tls}}) {
        if (text.starts_with(prefix)) return host_target(text.substr(prefix.size()), kind);
    }
    constexpr std::string_view unix_prefix = "unix://";
    if (text.starts_with(unix_prefix)) text.remove_prefix(unix_prefix.size());
    constexpr std::size_t path_max = 107;
    if (text.empty() || text.size() > path_max) return std::nullopt;
    return net::FrameTarget{
        .kind = Kind::unix_socket, .path = std::string{text}, .host = {}, .port = {}};
}

std::optional<int> number_to(const std::string& word, int most) {
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool whole = error == std::errc{} && end == word.data() + word.size();
    return whole && number >= 1 && number <= most ? std::optional{number} : std::nullopt;
}

Status read_tls(const Options& given, Settings& settings) {
    const std::vector<std::string>& files = given.words("tls");
    const bool wanted = settings.listens && settings.target.kind == net::FrameTarget::Kind::tls;
    if (files.empty() && wanted) return given.wrong("to", "tls:// without a 'tls CERT KEY'");
    if (files.empty()) return {};
    if (!wanted) return given.wrong("tls", "certificates, expected 'listen' and tls:// before");
    using Clients = net::TlsServer::Clients;
    net::TlsServer::Options& tls =
        settings.tls.emplace(net::TlsServer::Options{.certificate = files[0], .key = files[1]});
    if (files.size() < 3) return {};
    tls.authorities = files[2];
    tls.clients = given.flag("skipverify") ? Clients::proved_if_shown : Clients::must_prove;
    return {};
}

}  // namespace

Result<Settings> read_settings(const Options& given) {
    Settings settings;
    std::vector<std::string> words = given.words("to");
    if (words.empty()) return given.wrong("to", "nothing, expected a receiver such as a socket");
    settings.label = words[0];
    settings.listens = words[0] == "listen";
    if (settings.listens) {
        words.erase(words.begin());
        if (words.empty()) return given.wrong("to", "'listen', expected an address behind it");
        settings.label += ' ' + words[0];
    }
    const auto target = target_of(words[0]);
    const bool has_place =
        target && (settings.listens || target->kind == net::FrameTarget::Kind::unix_socket ||
                   !target->host.empty());
    if (!has_place) {
        return given.wrong("to", "'" + words[0] +
                                     "', expected the path of a socket, tcp://HOST:PORT or "
                                     "tls://HOST:PORT");
    }
    settings.target = *target;
    settings.target.verify = !given.flag("skipverify");
    if (Status read = read_tls(given, settings); !read) return std::move(read).error();
    settings.full = words.size() > 1 && words[1] == "full";
    if (words.size() > 2) {
        const auto units = number_to(words[2], buffer_units_max);
        if (!units) return given.wrong("to", "'" + words[2] + "', expected 1 to 1024 (MiB)");
        settings.target.send_buffer_octets =
            static_cast<int>(std::min<std::int64_t>(std::int64_t{*units} * buffer_unit, 1 << 30));
    }
    if (words.size() > 3) {
        const auto units = number_to(words[3], queue_units_max);
        if (!units) {
            return given.wrong("to", "'" + words[3] + "', expected 1 to 4096 (times 10,000)");
        }
        settings.queue = static_cast<std::size_t>(*units) * queue_unit;
    }
    settings.identity = !given.text("identity").empty() ? given.text("identity") : host_name();
    settings.version =
        !given.text("version").empty() ? given.text("version") : "Nameplane-" NAMEPLANE_VERSION;
    settings.extra = given.text("extra");
    return settings;
}

}  // namespace nameplane::plugins::tapping
