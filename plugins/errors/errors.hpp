#pragma once
// errors: a line on standard output for each query that failed for a reason, or one for many of
// them that are alike.

#include <nameplane/base/background.hpp>
#include <nameplane/base/line_log.hpp>
#include <nameplane/base/pattern.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins {

/// Says what Reply::error holds when the answer comes by. Errors that match a pattern of
/// `consolidate` are counted, and told of when the pattern's time is over.
class Errors final : public Plugin {
public:
    static constexpr std::array options{
        Option{"output", OneOf{{"stdout"}, "stdout"}, "where lines go: standard output"},
        Option{"stacktrace", Flag{}, "accepted and without effect: there is no panic to recover"},
        Option{"consolidate", Statements{}, "DURATION PATTERN [LEVEL] [show_first]"}};
    static constexpr Syntax syntax{.positional = {"output?"}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);
    ~Errors() override;

    [[nodiscard]] Step ask(Query&, Reply&) const noexcept override { return Step::next; }
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }

    struct Group {
        std::chrono::milliseconds period;
        Pattern pattern;
        std::string prefix;  ///< "[WARNING] plugin/errors: "
        bool silent = false;
        bool show_first = false;
        std::atomic<std::uint32_t> count{0};
        std::atomic<std::int64_t> first_ns{0};
    };
    using Groups = std::vector<std::unique_ptr<Group>>;

private:
    Errors(Groups groups, LineLog* lines) : groups_{std::move(groups)}, lines_{lines} {}
    Group* group_of(std::string_view error) const noexcept;
    void tell_of(Group& group) const;
    void tell_of_those_due() const;

    Groups groups_;
    LineLog* lines_;
    std::unique_ptr<Background::Task> summing_up_;
};

}  // namespace nameplane::plugins
