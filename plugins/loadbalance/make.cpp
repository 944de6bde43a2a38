// The words of the configuration to settings, and the weight file to weights.

#include "conf/values.hpp"
#include "plugins/loadbalance/loadbalance.hpp"
#include <nameplane/base/log.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <random>

namespace nameplane::plugins {

namespace {

using Settings = Loadbalance::Settings;

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

class SettingsReader {
public:
    explicit SettingsReader(Mistakes& mistakes) : mistakes_{mistakes} {}

    void read(const Statement& statement) {
        where_ = statement.where;
        const std::vector<std::string>& words = statement.words;
        const std::string policy = words.empty() ? "round_robin" : words[0];
        settings_.weighted = policy == "weighted";
        if (settings_.weighted) {
            if (words.size() < 2) return wrong("'weighted', expected a weight file behind it");
            settings_.weight_file = words[1];
        } else if (policy != "round_robin") {
            return wrong("'" + policy + "', expected 'round_robin' or 'weighted'");
        }
        const std::size_t used = settings_.weighted ? 2 : 1;
        if (words.size() > used) {
            return wrong("'" + words[used] + "', expected nothing more behind it");
        }
        for (const Statement& line : statement.body) {
            where_ = line.where;
            read_line(line.words);
        }
    }
    Settings settings() && { return std::move(settings_); }

private:
    void wrong(const std::string& text) { mistakes_.add(where_, "loadbalance: " + text); }

    void read_line(const std::vector<std::string>& words) {
        const std::string wanted = settings_.weighted ? "reload" : "prefer";
        if (words[0] != wanted) return wrong("'" + words[0] + "', expected '" + wanted + "'");
        if (settings_.weighted) return read_reload(words);
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (const auto network = Cidr::parse(words[i])) {
                settings_.preferred.push_back(*network);
            } else {
                wrong("prefer: '" + words[i] + "', expected a network such as '10.0.0.0/8'");
            }
        }
    }

    void read_reload(const std::vector<std::string>& words) {
        const auto interval = words.size() == 2 ? conf::parse_duration(words[1]) : std::nullopt;
        if (!interval) return wrong("reload: expected a duration such as '30s', '0s' for never");
        settings_.reload = *interval;
    }

    Mistakes& mistakes_;
    Where where_;
    Settings settings_;
};

Result<std::string> text_of(const std::string& path) {
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(path.c_str(), "re")};
    if (file == nullptr) return errno_error(errno, "open " + path);
    std::string text;
    std::array<char, 4096> part;
    while (const std::size_t octets = std::fread(part.data(), 1, part.size(), file.get())) {
        text.append(part.data(), octets);
    }
    return text;
}

}  // namespace

Loadbalance::Loadbalance(Settings settings, const Setup& setup)
    : settings_{std::move(settings)}, weights_{std::make_shared<const loadbalancing::Weights>()},
      locals_{setup.workers} {
    std::random_device seed;
    for (std::size_t i = 0; i < setup.workers; ++i) {
        Local& local = locals_.at(i);
        local.random = (std::uint64_t{seed()} << 32U | seed()) | 1U;
        local.weights.emplace(weights_);
    }
}

Status Loadbalance::read_weights() {
    weights_.sweep();
    Result<std::string> text = text_of(settings_.weight_file);
    if (!text) return std::move(text).error();
    if (*text == read_text_) return {};
    read_text_ = *text;
    auto weights = loadbalancing::Weights::read(*text).within(settings_.weight_file);
    if (!weights) return std::move(weights).error();
    weights_.publish(std::make_shared<const loadbalancing::Weights>(std::move(*weights)));
    return {};
}

Result<PluginPtr> Loadbalance::make(const Options& given, Setup& setup) {
    Mistakes mistakes;
    SettingsReader reader{mistakes};
    for (const Statement& statement : given.statements()) reader.read(statement);
    if (mistakes.any()) return mistakes.to_error();
    Settings read_settings = std::move(reader).settings();
    if (read_settings.weighted) {
        read_settings.weight_file = setup.path_of(read_settings.weight_file);
    }
    std::unique_ptr<Loadbalance> plugin{new Loadbalance{std::move(read_settings), setup}};
    const Settings& settings = plugin->settings_;
    if (!settings.weighted) return PluginPtr{std::move(plugin)};

    if (const Status read = plugin->read_weights(); !read) {
        // A file that is not there yet may come; one that is wrong will not mend itself.
        if (read.error().code == Errc::invalid) return read.error();
        NP_LOG_WARNING("loadbalance.weights_missing", "error", read.error());
    }
    if (setup.background != nullptr && settings.reload.count() != 0) {
        plugin->reloading_ = setup.background->every(settings.reload, [&it = *plugin] {
            const Status read = it.read_weights();
            if (!read && read.error().code == Errc::invalid) {
                NP_LOG_ERROR("loadbalance.weights_refused", "error", read.error());
            }
        });
    }
    return PluginPtr{std::move(plugin)};
}

}  // namespace nameplane::plugins
