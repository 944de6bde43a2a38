#include "rules/nftables/apply.hpp"

#include "rules/nftables/content.hpp"
#include "rules/nftables/encode.hpp"
#include "rules/nftables/kernel_table.hpp"
#include "rules/nftables/monitor.hpp"
#include "rules/nftables/netlink.hpp"
#include "rules/nftables/update.hpp"

#include <linux/if.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace nameplane::rules::nftables {
namespace {

using Steady = std::chrono::steady_clock;

/// How often what somebody changed meanwhile is read and compared again at once.
constexpr int attempts_max = 3;
/// From this many elements on, nobody listens while they are written, and memory is given back.
constexpr std::size_t many_elements = 5'000;
/// When so much happens in nf_tables that events are lost, to look whether it was about us pauses
/// for so many times what it took.
constexpr int blind_share = 10;
/// With more endpoints than this, a table that somebody touched is written anew rather than listed:
/// that must be over within a second.
constexpr std::size_t listed_endpoints_max = 50'000;

bool is_surprise(Errc code) {
    return code == Errc::again || code == Errc::not_found || code == Errc::conflict;
}

class NftablesWriter final : public RuleWriter {
public:
    NftablesWriter(Family family, NftablesOptions options)
        : family_{family}, options_{std::move(options)}, monitor_{family} {}

    Result<Applied> apply(const Plan& plan, bool full) override;
    Status clean() override;
    bool disturbed() override;
    std::string_view name() const noexcept override { return "nftables"; }

private:
    Status connect();
    void listen();
    bool remembers(const Plan& plan) const;
    Result<Applied> apply_whole(const Plan& plan, bool urgent);
    Result<Applied> apply_changes(const Plan& plan);
    Status commit(Update& update);
    Status commit_unheard(Update& update);
    void forget();

    Family family_;
    NftablesOptions options_;
    std::optional<Netlink> netlink_;
    Monitor monitor_;
    bool disturbed_ = false;  ///< somebody changed our table
    bool blind_ = false;      ///< somebody did who knows what
    Steady::time_point blind_look_at_{};
    // What the kernel holds since the last apply that succeeded.
    bool valid_ = false;
    Plan plan_;
    Content content_;
    Usage usage_;
};

Status NftablesWriter::connect() {
    if (!netlink_) {
        auto opened = Netlink::open();
        if (!opened) return std::move(opened).error();
        netlink_.emplace(std::move(*opened));
    }
    if (monitor_.listening()) return {};
    return monitor_.start();
}

bool NftablesWriter::remembers(const Plan& plan) const {
    return valid_ && plan_.settings == plan.settings;
}

/// Takes in what happened since.
void NftablesWriter::listen() {
    if (!netlink_) return;
    switch (monitor_.hear(netlink_->port_id())) {
    case Heard::nothing: return;
    case Heard::too_much: blind_ = true; return;
    case Heard::change: disturbed_ = true; return;
    }
}

bool NftablesWriter::disturbed() {
    listen();
    return disturbed_ || (blind_ && Steady::now() >= blind_look_at_);
}

void NftablesWriter::forget() {
    valid_ = false;
    content_ = {};
    usage_ = {};
    plan_ = {};
}

Result<Applied> NftablesWriter::apply(const Plan& plan, bool full) {
    if (plan.settings.family != family_) {
        return Error{Errc::internal, "a plan of the other family"};
    }
    if (plan.settings.detector_name.size() >= IFNAMSIZ) {
        return Error{Errc::invalid,
                     "no interface can be called \"" + plan.settings.detector_name + "\""};
    }
    if (auto connected = connect(); !connected) return std::move(connected).error();
    const bool urgent = valid_ && disturbed();
    const bool blind = blind_;
    const auto begin = Steady::now();
    full = full || urgent || !remembers(plan);
    Result<Applied> applied = Error{Errc::internal, "not tried"};
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        applied = full ? apply_whole(plan, urgent) : apply_changes(plan);
        // What we remember of the kernel is not so any more: somebody was there.
        if (applied || !is_surprise(applied.error().code)) break;
        full = true;
    }
    if (!applied) {
        forget();
        return applied;
    }
    const auto end = Steady::now();
    if (blind && full) blind_look_at_ = end + (end - begin) * blind_share;
    applied->version = plan.version;
    plan_ = plan;
    valid_ = true;
    if (applied->rules_written > many_elements || full) ::malloc_trim(0);
    return applied;
}

/// `urgent`: somebody touched the table that we had put right.
Result<Applied> NftablesWriter::apply_whole(const Plan& plan, bool urgent) {
    forget();
    // What comes from now on is seen by the next check.
    listen();
    disturbed_ = blind_ = false;
    content_.reserve(plan.services.size() * 2, plan.endpoint_count);
    for (const auto& service : plan.services) {
        for (const PortPlan& port : service->ports) content_.add(port);
    }
    auto table = KernelTable::read(*netlink_, family_);
    if (!table) return std::move(table).error();
    const bool replace = urgent && plan.endpoint_count > listed_endpoints_max;
    auto update = update_whole(*netlink_, plan, content_, usage_, *table,
                               replace ? Listing::replace : Listing::compare);
    if (!update) return std::move(update).error();
    if (!update->empty()) {
        if (auto done = commit(*update); !done) return std::move(done).error();
    }
    if (auto purged = purge_affinity(*netlink_, family_, content_); !purged) {
        return std::move(purged).error();
    }
    return update->applied();
}

Result<Applied> NftablesWriter::apply_changes(const Plan& plan) {
    Update update = update_changes(plan_, plan, content_, usage_);
    if (update.empty()) return update.applied();
    if (auto done = commit(update); !done) return std::move(done).error();
    if (update.sticky_gone) {
        if (auto purged = purge_affinity(*netlink_, family_, content_); !purged) {
            return std::move(purged).error();
        }
    }
    return update.applied();
}

Status NftablesWriter::commit(Update& update) {
    if (options_.before_commit) options_.before_commit();
    if (update.elements() > many_elements) return commit_unheard(update);
    return update.commit(*netlink_);
}

/// Without a listener, and with a count of transactions in place of events.
Status NftablesWriter::commit_unheard(Update& update) {
    const auto before = netlink_->generation();
    listen();
    if (disturbed_) return Error{Errc::again, "somebody changed the table meanwhile"};
    monitor_.stop();
    auto done = update.commit(*netlink_);
    if (auto started = monitor_.start(); !started) return started;
    if (!done) return done;
    const auto after = netlink_->generation();
    if (!before || !after || *after != *before + update.transactions()) blind_ = true;
    return done;
}

Status NftablesWriter::clean() {
    forget();
    if (!netlink_) {
        auto opened = Netlink::open();
        if (!opened) return std::move(opened).error();
        netlink_.emplace(std::move(*opened));
    }
    return remove_table(family_, table_name);
}

}  // namespace

std::unique_ptr<RuleWriter> make_nftables_writer(Family family, NftablesOptions options) {
    return std::make_unique<NftablesWriter>(family, std::move(options));
}

Status remove_table(Family family, std::string_view name) {
    auto netlink = Netlink::open();
    if (!netlink) return std::move(netlink).error();
    Batch batch{name};
    delete_table(batch, family);
    auto removed = netlink->commit(batch);
    // A kernel without nf_tables has no table either.
    if (!removed &&
        (removed.error().code == Errc::not_found || removed.error().code == Errc::unsupported)) {
        return {};
    }
    return std::move(removed).within("nftables table " + std::string{name});
}

}  // namespace nameplane::rules::nftables
