#pragma once
// loop: finds out whether queries that are passed on come back. At start one question with a random
// name is sent to this very server; who sees it three times knows.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <memory>

namespace nameplane::plugins {

class Loop final : public Plugin {
public:
    static constexpr std::array<Option, 0> options{};
    static constexpr Syntax syntax{};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    void begin(WorkerContext& worker) const override;

private:
    struct Watch;
    class Probe;
    explicit Loop(std::shared_ptr<Watch> watch) : watch_{std::move(watch)} {}

    std::shared_ptr<Watch> watch_;
};

}  // namespace nameplane::plugins
