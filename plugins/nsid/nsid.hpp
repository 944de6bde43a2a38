#pragma once
// nsid: tells which of several servers answered (RFC 5001), to those who ask for it.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <string>
#include <utility>

namespace nameplane::plugins {

/// Adds an NSID option to the answers of queries that carry one.
class Nsid final : public Plugin {
public:
    static constexpr std::array options{
        Option{"data", Words{}, "what it says; unset: the name of the host"}};
    static constexpr Syntax syntax{.positional = {"data..."}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

private:
    explicit Nsid(std::string data) : data_{std::move(data)} {}
    std::string data_;
};

}  // namespace nameplane::plugins
