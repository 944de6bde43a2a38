// Options to settings, and the folder to zones.

#include "conf/values.hpp"
#include "plugins/auto/auto.hpp"
#include <nameplane/base/log.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <set>

namespace nameplane::plugins {

namespace {

void read_directory(const Statement& line, const Setup& setup, Mistakes& mistakes,
                    zone_folder::Rule& rule) {
    const auto wrong = [&](std::string_view text) {
        mistakes.add(line.where, "auto: directory: " + std::string{text});
    };
    const std::vector<std::string>& words = line.words;
    if (words.size() != 1 && words.size() != 3) {
        return wrong("expected a folder, or a folder, a pattern and a template");
    }
    rule.folder = setup.path_of(words[0]);
    struct stat status {};
    if (::stat(rule.folder.c_str(), &status) != 0 && errno != ENOENT) {
        return wrong(errno_error(errno, rule.folder).text + ", expected a folder that can be read");
    }
    if (words.size() == 1) return;
    auto pattern = Pattern::make(words[1]);
    if (!pattern) return wrong(pattern.error().text);
    if (pattern->group_count() == 0) {
        return wrong("'" + words[1] + "', expected a group in parentheses for the template");
    }
    rule.pattern = *pattern;
    rule.origin = words[2];
}

std::optional<std::chrono::milliseconds> duration_of(const Statement& line) {
    if (line.words.size() != 1) return std::nullopt;
    return conf::parse_duration(line.words[0] == "0" ? "0s" : line.words[0]);
}

}  // namespace

Auto::Auto(Settings settings, std::shared_ptr<zone::Store> store, Background* background)
    : settings_{std::move(settings)}, authority_{std::move(store),
                                                 {.fallthrough = {},
                                                  .authoritative_aliases = false,
                                                  .refuses_others = settings_.is_last}} {
    look();
    if (background == nullptr || settings_.reload.count() == 0) return;
    looking_ = background->every(settings_.reload, [this] { look(); });
}

void Auto::look() {
    zone::Store& store = authority_.store();
    const zone_folder::Scan scan = zone_folder::scan(settings_.rule);
    std::string complaint;
    for (const std::string& problem : scan.problems) complaint += problem + '\n';
    if (complaint != complaint_) {
        for (const std::string& problem : scan.problems) {
            NP_LOG_WARNING("auto.folder", "problem", problem);
        }
    }
    complaint_ = complaint;
    std::set<std::string> there;
    const zone::Store::Together together{store};
    for (const zone_folder::Found& file : scan.files) {
        const std::string origin = file.origin.to_string();
        there.insert(origin);
        const auto [at, is_new] =
            sources_.try_emplace(origin, file.path, file.origin, zone::Source::Sign::serial);
        if (!is_new) at->second.moved_to(file.path);
        // A file that was never right makes no zone; it is tried again.
        (void)at->second.refresh(store);
    }
    std::erase_if(sources_, [&](const auto& entry) {
        if (there.contains(entry.first)) return false;
        NP_LOG_INFO("zone.removed", "zone", entry.first, "path", entry.second.path());
        store.remove(entry.second.origin());
        return true;
    });
}

Result<PluginPtr> Auto::make(const Options& given, Setup& setup) {
    auto usual = Pattern::make(R"(db\.(.*))");
    if (!usual) return usual.error();
    Settings settings{.zones = given.zones("zones"),
                      .rule = {.folder = {}, .pattern = *usual, .origin = "{1}"},
                      .is_last = setup.is_last};
    if (settings.zones.empty()) settings.zones.assign(setup.zones.begin(), setup.zones.end());
    Mistakes mistakes;
    for (const Statement& line : given.statements("directory")) {
        read_directory(line, setup, mistakes, settings.rule);
    }
    for (const Statement& line : given.statements("reload")) {
        const auto interval = duration_of(line);
        if (interval) {
            settings.reload = *interval;
        } else {
            mistakes.add(line.where,
                         "auto: reload: expected a duration such as '1m', '0' for never");
        }
    }
    if (mistakes.any()) return mistakes.to_error();
    if (settings.rule.folder.empty()) return given.wrong("directory", "none, expected a folder");
    auto store = std::make_shared<zone::Store>(setup.workers, setup.zones_served);
    if (setup.zones_served != nullptr) setup.zones_served->add(store);
    return PluginPtr{new Auto{std::move(settings), std::move(store), setup.background}};
}

}  // namespace nameplane::plugins
