#include "plugins/trace/settings.hpp"

#include <nameplane/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace nameplane::plugins::tracing {

namespace {

// As Go's strconv.ParseBool.
std::optional<bool> boolean(std::string_view word) noexcept {
    constexpr std::array words = std::to_array<std::string_view>(
        {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"});
    const auto* const found = std::ranges::find(words, word);
    if (found == words.end()) return std::nullopt;
    return found - words.begin() < 6;
}

// The last line counts; one without a word means yes.
Status read_shares_spans(const Options& given, Settings& settings) {
    for (const Statement& line : given.statements("client_server")) {
        const std::optional<bool> says = line.words.empty() ? true : boolean(line.words.front());
        if (!says || line.words.size() > 1 || !line.body.empty()) {
            return given.wrong("client_server",
                               "'" + line.words.back() + "', expected true or false");
        }
        settings.shares_spans = *says;
    }
    return {};
}

bool is_rate(const std::string& word) noexcept {
    double rate = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), rate);
    return error == std::errc{} && end == word.data() + word.size() && rate >= 0 && rate <= 1;
}

Status read_endpoint(const Options& given, Settings& settings) {
    const std::vector<std::string>& words = given.words("endpoint");
    const std::string type = words.size() == 2 ? lower(words[0]) : "zipkin";
    if (type == "datadog") {
        return given.wrong("endpoint",
                           "'datadog', expected 'zipkin': Debian has no library for Datadog's "
                           "protocol that is still kept");
    }
    if (type != "zipkin") return given.wrong("endpoint", "'" + words[0] + "', expected 'zipkin'");
    std::string url = words.empty() ? "" : words.back();
    if (url.empty()) url = "localhost:9411";
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
        url = "http://" + url + "/api/v2/spans";
    }
    const std::size_t host = url.find("://") + 3;
    const std::size_t path = std::min(url.find_first_of("/?#", host), url.size());
    if (path == host) {
        return given.wrong("endpoint", "'" + words.back() + "', expected HOST:PORT or a URL");
    }
    settings.server = url.substr(0, path);
    settings.target = path == url.size() ? "/" : url.substr(path);
    return {};
}

}  // namespace

Result<Settings> read_settings(const Options& given) {
    Settings settings;
    if (Status read = read_endpoint(given, settings); !read) return std::move(read).error();
    settings.every = static_cast<std::uint64_t>(given.integer("every"));
    settings.service = given.text("service");
    if (Status read = read_shares_spans(given, settings); !read) return std::move(read).error();
    // Checked, and means nothing: the rate is Datadog's.
    if (const auto& words = given.words("datadog_analytics_rate");
        !words.empty() && !is_rate(words[0])) {
        return given.wrong("datadog_analytics_rate", "'" + words[0] + "', expected 0 to 1");
    }
    // As CoreDNS: zero is as good as nothing.
    if (const auto size = given.integer("zipkin_max_backlog_size"); size != 0) {
        settings.backlog = static_cast<std::size_t>(size);
    }
    if (const auto size = given.integer("zipkin_max_batch_size"); size != 0) {
        settings.batch = static_cast<std::size_t>(size);
    }
    if (const auto time = given.milliseconds("zipkin_max_batch_interval"); time.count() != 0) {
        settings.interval = time;
    }
    return settings;
}

std::string label_of(const Settings& settings) {
    const std::size_t host = settings.server.find("://") + 3;
    const std::size_t at = settings.server.rfind('@');
    const std::string target = settings.target.substr(0, settings.target.find('?'));
    if (at == std::string::npos) return settings.server + target;
    return settings.server.substr(0, host) + settings.server.substr(at + 1) + target;
}

std::optional<SocketAddress> address_of(std::string_view server_label) {
    const std::size_t scheme = server_label.find("://");
    if (scheme != server_label.npos) server_label.remove_prefix(scheme + 3);
    return SocketAddress::parse(server_label);
}

}  // namespace nameplane::plugins::tracing
