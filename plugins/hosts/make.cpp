// The words of the configuration to settings, and the file to a table.

#include "conf/values.hpp"
#include "plugins/hosts/hosts.hpp"
#include <nameplane/base/log.hpp>

#include <cerrno>
#include <charconv>
#include <cstdio>

namespace nameplane::plugins {

namespace {

using hosts::HostTable;

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

class SettingsReader {
public:
    SettingsReader(const Statement& statement, const Setup& setup, Mistakes& mistakes)
        : statement_{statement}, setup_{setup}, mistakes_{mistakes} {
        settings_.zones.assign(setup.zones.begin(), setup.zones.end());
    }

    Hosts::Settings read() {
        const std::vector<std::string>& words = statement_.words;
        if (!words.empty()) read_path(setup_.path_of(words[0]));
        if (words.size() > 1) settings_.zones = zones(words, 1, statement_.where);
        for (const Statement& line : statement_.body) read_line(line);
        if (settings_.fallthrough_unsupported && !settings_.fallthrough.given()) {
            wrong(statement_.where, "fallthrough_unsupported: alone, expected 'fallthrough', too");
        }
        return std::move(settings_);
    }

private:
    void wrong(const Where& where, std::string_view text) {
        mistakes_.add(where, "hosts: " + std::string{text});
    }

    std::vector<dns::Name> zones(const std::vector<std::string>& words, std::size_t first,
                                 const Where& where) {
        std::vector<dns::Name> zones;
        for (std::size_t i = first; i < words.size(); ++i) {
            if (!conf::add_zones(words[i], zones))
                wrong(where, "'" + words[i] + "', expected a zone");
        }
        return zones;
    }

    void read_path(const std::string& path) {
        settings_.path = path;
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0 && errno != ENOENT) {
            wrong(statement_.where,
                  errno_error(errno, "'" + path + "'").text + ", expected a file that can be read");
        }
    }

    void read_line(const Statement& line) {
        const std::vector<std::string>& words = line.words;
        if (words[0] == "fallthrough") {
            settings_.fallthrough = {true, zones(words, 1, line.where)};
        } else if (words[0] == "fallthrough_unsupported") {
            if (words.size() > 1)
                wrong(line.where, "'" + words[1] +
                                      "', expected nothing behind "
                                      "'fallthrough_unsupported'");
            settings_.fallthrough_unsupported = true;
        } else if (words[0] == "no_reverse") {
            settings_.reverse = false;
        } else if (words[0] == "ttl") {
            read_ttl(line);
        } else if (words[0] == "reload") {
            read_reload(line);
        } else if (settings_.fallthrough.given()) {
            wrong(line.where,
                  "unknown option '" + words[0] + "', expected entries before 'fallthrough' only");
        } else {
            add_entry(words);
        }
    }

    void read_ttl(const Statement& line) {
        constexpr dns::Ttl ttl_max = 65535;
        const std::string text = line.words.size() > 1 ? line.words[1] : std::string{};
        dns::Ttl ttl = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ttl);
        if (error != std::errc{} || end != text.data() + text.size() || ttl == 0 || ttl > ttl_max) {
            return wrong(line.where, "ttl: '" + text + "', expected seconds from 1 to 65535");
        }
        settings_.ttl = ttl;
    }

    void read_reload(const Statement& line) {
        const auto interval =
            line.words.size() == 2
                ? conf::parse_duration(line.words[1] == "0" ? "0s" : line.words[1])
                : std::nullopt;
        if (!interval) {
            return wrong(line.where, "reload: expected a duration such as '5s', '0s' for never");
        }
        settings_.reload = *interval;
    }

    void add_entry(const std::vector<std::string>& words) {
        for (const std::string& word : words) settings_.inline_text += word + ' ';
        settings_.inline_text += '\n';
    }

    const Statement& statement_;
    const Setup& setup_;
    Mistakes& mistakes_;
    Hosts::Settings settings_;
};

}  // namespace

Hosts::Hosts(Settings settings, Setup& setup)
    : settings_{std::move(settings)}, inline_{settings_.inline_text, settings_.zones,
                                              settings_.reverse},
      file_{std::make_shared<const HostTable>()}, readers_{setup.workers},
      entries_{setup.metrics.gauge("coredns_hosts_entries",
                                   "The combined number of entries in hosts and Corefile.",
                                   {{"hostsfile", settings_.path}})},
      read_at_{setup.metrics.gauge("coredns_hosts_reload_timestamp_seconds",
                                   "The timestamp of the last reload of hosts file.")} {
    for (std::size_t i = 0; i < setup.workers; ++i) readers_.at(i).reader.emplace(file_);
    entries_.set(static_cast<double>(inline_.size()));
    read_file();
    if (setup.background == nullptr || settings_.reload.count() == 0) return;
    reloading_ = setup.background->every(settings_.reload, [this] { read_file(); });
}

void Hosts::read_file() {
    file_.sweep();
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(settings_.path.c_str(), "re")};
    struct stat status {};
    // What was read stays while the file is away.
    if (file == nullptr || ::fstat(::fileno(file.get()), &status) != 0) return;
    if (!S_ISREG(status.st_mode)) return;
    if (status.st_size == size_ && status.st_mtim.tv_sec == modified_.tv_sec &&
        status.st_mtim.tv_nsec == modified_.tv_nsec) {
        return;
    }
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    auto table = std::make_shared<const HostTable>(text, settings_.zones, settings_.reverse);
    entries_.set(static_cast<double>(table->size() + inline_.size()));
    file_.publish(std::move(table));
    size_ = status.st_size;
    modified_ = status.st_mtim;
    read_at_.set(static_cast<double>(modified_.tv_sec) +
                 static_cast<double>(modified_.tv_nsec) / 1e9);
    NP_LOG_DEBUG("hosts.read", "path", settings_.path, "octets", text.size());
}

Result<PluginPtr> Hosts::make(const Options& given, Setup& setup) {
    Mistakes mistakes;
    Settings settings = SettingsReader{given.statements().front(), setup, mistakes}.read();
    if (mistakes.any()) return mistakes.to_error();
    return PluginPtr{new Hosts{std::move(settings), setup}};
}

}  // namespace nameplane::plugins
