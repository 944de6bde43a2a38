#include "plugins/auto/scan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>
#include <unordered_map>

namespace nameplane::plugins::zone_folder {

namespace {

namespace fs = std::filesystem;

/// The wrong folder may have thousands of files that are no zones.
constexpr std::size_t problems_max = 20;

class Walk {
public:
    explicit Walk(const Rule& rule) : rule_{rule} {}

    void folder(const fs::path& path) {
        std::error_code error;
        std::vector<fs::directory_entry> entries;
        for (fs::directory_iterator at{path, error}; !error && at != fs::directory_iterator{};
             at.increment(error)) {
            entries.push_back(*at);
        }
        if (error) {
            problem(path.string() + ": " + error.message());
            return;
        }
        std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().string(); });
        for (const fs::directory_entry& entry : entries) {
            if (fs::is_directory(entry.symlink_status(error))) {
                folder(entry.path());
            } else {
                file(entry.path());
            }
        }
    }

    Scan take() {
        if (untold_ != 0) {
            result_.problems.push_back("and " + std::to_string(untold_) + " more of the like");
        }
        return std::move(result_);
    }

private:
    void problem(std::string text) {
        if (result_.problems.size() == problems_max) {
            ++untold_;
        } else {
            result_.problems.push_back(std::move(text));
        }
    }
    void file(const fs::path& path) {
        const auto origin = origin_of(rule_, path.filename().string());
        if (!origin) return;
        const auto [first, is_new] = first_of_.try_emplace(origin->to_string(), path.string());
        if (!is_new) {
            // A ConfigMap is mounted as links to files in a hidden folder beside them.
            std::error_code error;
            if (fs::equivalent(path, first->second, error)) return;
            problem(path.string() + ": not used, " + first->second + " is for the same zone");
            return;
        }
        result_.files.push_back({path.string(), *origin});
    }

    const Rule& rule_;
    Scan result_;
    std::size_t untold_ = 0;                                 ///< problems beyond problems_max
    std::unordered_map<std::string, std::string> first_of_;  ///< the file of each origin
};

}  // namespace

std::optional<dns::Name> origin_of(const Rule& rule, std::string_view name) {
    std::array<std::string_view, Pattern::groups_max> groups;
    const std::size_t count = std::min(rule.pattern.group_count() + 1, groups.size());
    if (!rule.pattern.match(name, std::span{groups}.first(count))) return std::nullopt;
    std::string text;
    for (std::string_view rest = rule.origin; !rest.empty();) {
        const std::size_t end = rest.front() == '{' ? rest.find('}') : std::string_view::npos;
        std::size_t group = 0;
        const char* const last = rest.data() + (end == std::string_view::npos ? 0 : end);
        if (end != std::string_view::npos &&
            std::from_chars(rest.data() + 1, last, group).ptr == last) {
            if (group < count) text += groups[group];
            rest.remove_prefix(end + 1);
        } else {
            text += rest.front();
            rest.remove_prefix(1);
        }
    }
    const auto origin = dns::Name::parse(text);
    if (!origin) return std::nullopt;
    return origin->lower();
}

Scan scan(const Rule& rule) {
    Walk walk{rule};
    std::error_code error;
    const fs::path resolved = fs::canonical(rule.folder, error);
    walk.folder(error ? fs::path{rule.folder} : resolved);
    return walk.take();
}

}  // namespace nameplane::plugins::zone_folder
