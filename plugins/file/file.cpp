// The words of the configuration to settings, and the first reading.

#include "plugins/file/file.hpp"

#include "conf/values.hpp"

namespace nameplane::plugins {

namespace {

using Files = File::Settings::Files;

class SettingsReader {
public:
    SettingsReader(const Setup& setup, zone::Store& store, Mistakes& mistakes)
        : setup_{setup}, store_{store}, mistakes_{mistakes} {
        settings_.options.refuses_others = setup.is_last;
    }

    void read(const Statement& statement) {
        if (statement.words.empty()) {
            return wrong(statement.where, "no file, expected one and, if wanted, zones");
        }
        std::vector<dns::Name> origins;
        for (std::size_t i = 1; i < statement.words.size(); ++i) {
            if (!conf::add_zones(statement.words[i], origins)) {
                wrong(statement.where, "'" + statement.words[i] + "', expected a zone");
            }
        }
        if (statement.words.size() == 1) origins.assign(setup_.zones.begin(), setup_.zones.end());
        Files files;
        auto sign = zone::Source::Sign::serial;
        for (const Statement& line : statement.body) read_line(line, files, sign);
        const std::string path = setup_.path_of(statement.words[0]);
        for (const dns::Name& origin : origins) {
            zone::Source source{path, origin, sign};
            store_.put_empty(origin);
            load(source, files, statement.where);
            files.sources.push_back(std::move(source));
        }
        settings_.files.push_back(std::move(files));
    }

    File::Settings take() { return std::move(settings_); }

private:
    void wrong(const Where& where, std::string_view text) {
        mistakes_.add(where, "file: " + std::string{text});
    }

    // A file that is not there may come, but one that is wrong is a mistake.
    void load(zone::Source& source, const Files& files, const Where& where) {
        const Status loaded = source.refresh(store_);
        if (loaded) return;
        const bool may_come = loaded.error().code != Errc::invalid && files.reload.count() != 0;
        if (!may_come) wrong(where, loaded.error().text + ", expected a zone file");
    }

    void read_line(const Statement& line, Files& files, zone::Source::Sign& sign) {
        const std::vector<std::string>& words = line.words;
        if (words[0] == "reload") {
            const auto interval = words.size() == 2
                                      ? conf::parse_duration(words[1] == "0" ? "0s" : words[1])
                                      : std::nullopt;
            if (!interval) {
                return wrong(line.where, "reload: expected a duration such as '1m', '0' for never");
            }
            files.reload = *interval;
        } else if (words[0] == "reload_by_mtime") {
            sign = zone::Source::Sign::time;
        } else if (words[0] == "fallthrough") {
            std::vector<dns::Name> zones;
            for (std::size_t i = 1; i < words.size(); ++i) {
                if (!conf::add_zones(words[i], zones)) {
                    wrong(line.where, "fallthrough: '" + words[i] + "', expected a zone");
                }
            }
            settings_.options.fallthrough = {true, std::move(zones)};
        } else if (words[0] != "upstream") {  // without effect, as in CoreDNS
            wrong(line.where, "unknown option '" + words[0] +
                                  "', expected reload, reload_by_mtime or fallthrough");
        }
    }

    const Setup& setup_;
    zone::Store& store_;
    Mistakes& mistakes_;
    File::Settings settings_;
};

}  // namespace

File::File(Settings settings, std::shared_ptr<zone::Store> store, Background* background)
    : authority_{std::move(store), std::move(settings.options)}, files_{std::move(settings.files)} {
    if (background == nullptr) return;
    for (Settings::Files& files : files_) {
        if (files.reload.count() == 0) continue;
        reloading_.push_back(background->every(files.reload, [this, &files] {
            for (zone::Source& source : files.sources) (void)source.refresh(authority_.store());
        }));
    }
}

Result<PluginPtr> File::make(const Options& given, Setup& setup) {
    auto store = std::make_shared<zone::Store>(setup.workers, setup.zones_served);
    if (setup.zones_served != nullptr) setup.zones_served->add(store);
    Mistakes mistakes;
    SettingsReader reader{setup, *store, mistakes};
    for (const Statement& statement : given.statements()) reader.read(statement);
    if (mistakes.any()) return mistakes.to_error();
    return PluginPtr{new File{reader.take(), std::move(store), setup.background}};
}

}  // namespace nameplane::plugins
