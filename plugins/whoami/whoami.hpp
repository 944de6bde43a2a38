#pragma once
// whoami: tells a client from which address and port its query came. The smallest whole plugin:
// a table of options, make(), ask().

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>

namespace nameplane::plugins {

/// Answers any name and type with an empty answer section; the additional section holds the
/// client's address (A or AAAA) and, at _udp or _tcp below the name, an SRV with its port.
class Whoami final : public Plugin {
public:
    static constexpr std::array options{
        Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 0}, "TTL of both records"}};
    static constexpr Syntax syntax{.again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;

private:
    explicit Whoami(dns::Ttl ttl) noexcept : ttl_{ttl} {}

    dns::Ttl ttl_;
};

}  // namespace nameplane::plugins
