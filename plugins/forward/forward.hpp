#pragma once
// forward: asks other DNS servers. The plugin itself decides only whether a query is for it; what
// happens on a worker is in engine.hpp.

#include "plugins/forward/engine.hpp"
#include "plugins/forward/shared.hpp"
#include <nameplane/base/worker_local.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <memory>

namespace nameplane::plugins {

/// Passes queries for names under one zone to upstreams and lets them wait for the answers.
class Forward final : public Plugin {
public:
    static constexpr std::array options{
        Option{"from", Zones{}, "names under this zone are passed on"},
        Option{"to", Words{.from = 1},
               "upstreams: HOST[:PORT], dns://..., tls://HOST[%NAME][:PORT], "
               "https://HOST[%NAME][:PORT][/PATH], or a file with nameservers as /etc/resolv.conf; "
               "at most 15"},
        Option{"except", Zones{}, "zones that are not passed on"},
        Option{"force_tcp", Flag{}, "ask over TCP, however the query came"},
        Option{"prefer_udp", Flag{}, "ask over UDP first, also when the query came over TCP"},
        Option{"expire", Milliseconds{.from = 0, .to = 86'400'000, .unset = 10'000},
               "a connection that was not used for so long is closed"},
        Option{"max_age", Milliseconds{.from = 0, .to = 86'400'000, .unset = 0},
               "no connection is used longer than this, 0: no limit; at least `expire`"},
        Option{"max_idle_conns", Integer{.from = 0, .to = 100'000, .unset = 0},
               "UDP ports in use at a time, for each upstream and worker; 0: eight"},
        Option{"read_timeout", Milliseconds{.from = 1, .to = 60'000, .unset = 2'000},
               "after so long without an answer the next upstream is asked"},
        Option{"max_fails", Integer{.from = 0, .to = 4'294'967'295, .unset = 2},
               "an upstream is down after more failed health checks in a row than this; 0: never"},
        Option{
            "max_connect_attempts", Integer{.from = 0, .to = 4'294'967'295, .unset = 0},
            "how often one question may fail; 0: no limit; unset: twice the number of upstreams"},
        Option{"doh_method", OneOf{{"POST", "GET"}, "POST"},
               "how upstreams with https:// are asked"},
        Option{"tls", Words{.to = 3}, "[CA], CERT KEY, or CERT KEY CA: PEM files"},
        Option{"tls_servername", Text{},
               "the name that upstreams with tls:// or https:// must prove"},
        Option{"policy", OneOf{{"random", "round_robin", "sequential"}, "random"},
               "which upstream is asked first"},
        Option{"health_check", Words{.from = 1, .to = 4},
               "INTERVAL [no_rec] [domain NAME]: how an upstream that failed is checked"},
        Option{"max_concurrent", Integer{.from = 0, .to = 1'000'000'000, .unset = 0},
               "more queries than this at a time are REFUSED; 0: no limit of this kind"},
        Option{"next", Words{.from = 1}, "rcodes that let the next forward try"},
        Option{"next_on_nodata", Flag{},
               "the next forward tries when the name has no such records"},
        Option{"failfast_all_unhealthy_upstreams", Flag{},
               "SERVFAIL at once when all upstreams are down, instead of trying one"},
        Option{"failover", Words{.from = 1}, "rcodes that let the next upstream try"},
        Option{"source_address", Addresses{}, "the address questions are sent from"},
        Option{
            "resolver", Words{.from = 1},
            "ADDRESS[:PORT]: who is asked for the addresses of upstreams that are named by host"},
        Option{"randomize_case", Flag{}, "ask in mixed case and check that it comes back (0x20)"},
        Option{"hedge", Flag{.unset = true}, "ask a second time when an answer is late"}};
    static constexpr Syntax syntax{.positional = {"from", "to..."}, .repeats = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
    /// Upstreams may know names of other classes.
    bool takes_all_classes() const noexcept override { return true; }
    void begin(WorkerContext& worker) const override;
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override;

private:
    struct Note;
    Forward(std::shared_ptr<forwarding::Shared> shared, std::size_t workers);
    bool is_for_us(dns::NameView name) const noexcept;
    bool goes_on(const Reply& reply) const noexcept;
    Step read(Query& query, Reply& reply, Note& note) const noexcept;

    // Engines outlive the plugin where their worker closes them: they hold it, too.
    std::shared_ptr<forwarding::Shared> shared_;
    mutable WorkerLocal<std::shared_ptr<forwarding::Engine>> engines_;
    std::vector<std::string> labels_;
};

}  // namespace nameplane::plugins
