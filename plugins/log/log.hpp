#pragma once
// log: a line on standard output for each query. Written off the worker: see base/line_log.hpp.

#include <nameplane/base/line_log.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/query_format.hpp>
#include <nameplane/reply_kind.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace nameplane::plugins {

/// The first rule whose zone a name is in decides.
class Log final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }
    /// log/type and log/class, of the answer.
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override;

    struct Rule {
        dns::Name zone;
        std::shared_ptr<const query_format::Format> format;
        std::array<bool, 3> classes{};  ///< by ReplyClass
    };

private:
    struct Note {
        query_format::Asked asked;
        const Rule* rule = nullptr;
        ReplyKind kind = ReplyKind::no_error;
        bool answered = false;
    };

    Log(std::vector<Rule> rules, LineLog* lines) : rules_{std::move(rules)}, lines_{lines} {}

    std::vector<Rule> rules_;
    LineLog* lines_;
};

}  // namespace nameplane::plugins
