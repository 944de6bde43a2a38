#pragma once
// local: localhost and the reverse names of this host and network, which no upstream needs to see.

#include <nameplane/base/metrics.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>

namespace nameplane::plugins {

/// Answers for localhost., 0., 127. and 255.in-addr.arpa., names below localhost., and names that
/// begin with localhost. unless told otherwise.
class Local final : public Plugin {
public:
    static constexpr std::array options{Option{"localhost_prefix", OneOf{{"on", "off"}, "on"},
                                               "whether localhost.<any domain> is this host, too"}};
    static constexpr Syntax syntax{.again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;

private:
    Local(bool prefix, metrics::Counter& counter);

    bool is_special(dns::NameView name) const noexcept;
    void answer_loopback(Query& query, Reply& reply) const noexcept;
    void answer_apex(std::size_t zone, Query& query, Reply& reply) const noexcept;
    dns::Record soa(dns::NameView owner) const noexcept;
    void no_data(dns::NameView owner, Reply& reply) const noexcept;

    bool prefix_;
    metrics::Counter* counter_;
    std::array<dns::Name, 4> zones_;  ///< localhost. is the first
    dns::Name reverse_;               ///< 1.0.0.127.in-addr.arpa.
    dns::Name root_mail_;             ///< root.localhost.
};

}  // namespace nameplane::plugins
