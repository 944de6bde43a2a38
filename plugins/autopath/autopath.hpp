#pragma once
// autopath: walks the client's search list here, so that the client gets its answer with the first
// query instead of the fifth.

#include <nameplane/base/metrics.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// For names below the first domain of the search list: when those behind say NXDOMAIN, the same
/// name below the next domain is asked for, and what is found answers as the target of an alias.
class Autopath final : public Plugin {
public:
    static constexpr std::array options{
        Option{"path", Words{.from = 1},
               "zones, and last a file like resolv.conf, or @ and the plugin that knows the list"}};
    static constexpr Syntax syntax{.positional = {"path..."}, .again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

    struct Settings {
        std::vector<dns::Name> zones;
        std::vector<dns::Name> domains;  ///< the search list, if a file says it
        std::string plugin;              ///< who knows it otherwise
    };

private:
    /// Of a query whose search list is being walked.
    struct Note {
        SearchPath path;
        std::size_t at = 0;  ///< the domain that is being asked for
        dns::NameView asked;
        std::size_t base_octets = 0;  ///< of `asked`, in front of the first domain
        Reply* first = nullptr;       ///< the answer to what the client asked
    };

    Autopath(Settings settings, metrics::Counter& found)
        : settings_{std::move(settings)}, found_{&found} {}
    bool search_path_of(Query& query, SearchPath& path) const noexcept;
    bool ask_next(Note& note, Query& query, Reply& reply) const noexcept;

    Settings settings_;
    metrics::Counter* found_;
};

}  // namespace nameplane::plugins
