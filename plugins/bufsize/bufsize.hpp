#pragma once
// bufsize: bounds the EDNS size of queries, so that no answer comes in fragments.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <cstdint>

namespace nameplane::plugins {

/// Lowers a larger size, in the query for those behind and in the answer; never adds an OPT record.
class Bufsize final : public Plugin {
public:
    static constexpr std::array options{Option{
        "size", Integer{.from = 512, .to = 4096, .unset = 1232}, "largest datagram, in octets"}};
    static constexpr Syntax syntax{.positional = {"size?"}, .again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

private:
    explicit Bufsize(std::uint16_t size) : size_{size} {}
    std::uint16_t size_;
};

}  // namespace nameplane::plugins
