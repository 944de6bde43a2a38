#pragma once
// transfer: whole zones of the other plugins in its server block, to those who may have them (AXFR,
// RFC 5936; IXFR answered by one, RFC 1995 4), and word of their changes (NOTIFY, RFC 1996). How a
// zone is owned is in zone/store.hpp and, for one that is no zone::Zone, nameplane/transfer.hpp.

#include "plugins/transfer/notifier.hpp"
#include <nameplane/base/background.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace nameplane::plugins {

/// Over TCP only. Of several directives the one with the longest zone counts.
class Transfer final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }

    using Rules = std::vector<transfer::Rule>;
    /// By what came of a question for a zone.
    struct Counters {
        metrics::Counter* whole;
        metrics::Counter* up_to_date;
        metrics::Counter* refused;
        metrics::Counter* broken_off;
    };

private:
    Transfer(Rules rules, const Counters& counters, Setup& setup);
    std::unique_ptr<ZoneRecords> records_of(Query& query) const noexcept;
    Step refuse(Query& query, Reply& reply) const noexcept;

    Rules rules_;
    Counters counters_;
    std::shared_ptr<zone::Directory> zones_;  // nullptr: there is none
    std::unique_ptr<transfer::Notifier> notifier_;
    std::unique_ptr<Background::Task> task_;  // last: uses the notifier
};

}  // namespace nameplane::plugins
