#pragma once
// rewrite: changes queries for the plugins behind, and their answers for the client.
//
//     rule   the words of the configuration, read
//     ask    rules in order change the query; what they want of the answer is noted
//     tell   the notes change the answer, last one first; then the client's question is put back

#include "plugins/rewrite/rule.hpp"
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// The first rule that applies is the last one, unless it says `continue`.
class Rewrite final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

    /// A rule that changed a query, and what it takes to change the answer.
    struct Applied {
        const rewriting::Rule* rule = nullptr;
        dns::NameView before;  ///< the name before and after a rule of names
        dns::NameView after;
        bool replaced = false;  ///< an EDNS option was there before: `old` is its data
        std::span<const std::uint8_t> old;
    };
    /// Of one query.
    struct Note {
        dns::NameView name;
        dns::Type type = dns::Type::a;
        dns::Class klass = dns::Class::in;
        bool active = false;  ///< since ask() last began
        std::span<Applied> applied;
        std::size_t applied_count = 0;
        bool followed = false;         ///< CNAMEs have been looked at
        const Reply* found = nullptr;  ///< what came of a new target
    };

private:
    explicit Rewrite(std::vector<rewriting::Rule> rules);

    enum class Outcome : std::uint8_t { ignored, done, bad_name };
    Note* note(Query& query) const noexcept;
    Outcome apply(const rewriting::Rule& rule, std::string_view name, Query& query) const noexcept;
    Outcome change_name(const rewriting::Rule& rule, std::string_view name,
                        Query& query) const noexcept;
    Outcome change_option(const rewriting::Rule& rule, Query& query) const noexcept;
    Outcome remember(const rewriting::Rule& rule, Query& query) const noexcept;
    /// The first CNAME whose target a rule changes becomes the end of the answers, which then stay
    /// good until the answer is sent. The new target; nothing if there is no such CNAME.
    static std::optional<dns::NameView> end_at_new_target(std::span<const Applied> applied,
                                                          Query& query, Reply& reply) noexcept;
    void show_options(std::span<const Applied> changes, Query& query, Reply& reply) const noexcept;

    std::vector<rewriting::Rule> rules_;
    std::vector<std::uint16_t> shown_codes_;  ///< options that the answer repeats
};

}  // namespace nameplane::plugins
