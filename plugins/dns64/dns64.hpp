#pragma once
// dns64: IPv6 addresses for names that have only IPv4 ones (RFC 6147), for clients behind a NAT64.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <cstdint>

namespace nameplane::plugins {

/// An IPv4 address within an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits (RFC 6052 2.2).
IpAddress embed_v4(const Cidr& prefix, const IpAddress& v4) noexcept;

/// When those behind have no AAAA record for a name, it asks the server for A records instead and
/// makes AAAA records out of those.
class Dns64 final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query&, Reply&) const noexcept override { return Step::next; }
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

    struct Settings {
        Cidr prefix;
        bool translate_all = false;
        bool allow_ipv4 = false;
    };

private:
    /// Of a query that is being asked for A records.
    struct Note {
        bool asking = false;
        dns::Ttl ttl_max = 0;
        const Reply* found = nullptr;
    };

    Dns64(const Settings& settings, metrics::Counter& translated)
        : settings_{settings}, translated_{&translated} {}
    bool wants_translation(const Query& query, const Reply& reply) const noexcept;
    void translate(dns::Ttl ttl_max, Reply& reply) const noexcept;

    Settings settings_;
    metrics::Counter* translated_;
};

}  // namespace nameplane::plugins
