#include "rules/backend.hpp"

#include "rules/iptables/apply.hpp"
#include "rules/iptables/nft_apply.hpp"
#include "rules/iptables/nft_tables.hpp"
#include "rules/nftables/apply.hpp"
#include <nameplane/base/log.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace nameplane::rules {
namespace {

constexpr std::string_view kube_proxy_table = "kube-proxy";

std::unique_ptr<RuleWriter> iptables_writer(Family family, const BackendOptions& options) {
    auto made = iptables::make_iptables_writer(family, {.lock_path = options.xtables_lock_path});
    NP_CHECK(made.has_value(), "the lock's path is not empty");
    return std::move(*made);
}

Status clean_iptables(Family family, const BackendOptions& options) {
    if (!iptables::has_legacy_tables(family)) return {};
    return iptables_writer(family, options)->clean();
}

/// All that can be tried is tried; what failed is told, under the first one's code.
Status together(const std::vector<Status>& all) {
    std::optional<Error> failed;
    for (const Status& each : all) {
        if (each) continue;
        if (failed) {
            failed->text += "; " + each.error().text;
        } else {
            failed = each.error();
        }
    }
    return failed ? Status{std::move(*failed)} : Status{};
}

class Takeover final : public RuleWriter {
public:
    Takeover(Family family, Backend backend, BackendOptions options)
        : family_{family}, backend_{backend}, options_{std::move(options)} {}

    Result<Applied> apply(const Plan& plan, bool full) override {
        choose();
        auto applied = writer_->apply(plan, full);
        // A kube-proxy that still ran when we came may have written its own again.
        if (applied && (full || !alone_)) remove_others();
        return applied;
    }
    bool disturbed() override { return writer_ && writer_->disturbed(); }
    Status clean() override { return clean_everything(family_, options_); }
    std::string_view name() const noexcept override {
        return writer_ ? writer_->name() : std::string_view{"not chosen yet"};
    }

private:
    void choose() {
        if (writer_) return;
        bool nftables = backend_ == Backend::nftables;
        if (backend_ == Backend::automatic) {
            const Status probed = nftables::probe_nftables(family_);
            nftables = probed.has_value();
            NP_LOG_INFO("rules.backend", "family", to_string(family_), "backend",
                        nftables ? "nftables" : "iptables", "reason",
                        nftables ? "the kernel takes all of it" : probed.error().text);
        }
        if (nftables) {
            writer_ = nftables::make_nftables_writer(family_);
        } else if (is_nft_iptables()) {
            writer_ = iptables::make_nft_iptables_writer(family_);
        } else {
            writer_ = iptables_writer(family_, options_);
        }
    }

    bool is_nft_iptables() const {
        if (options_.iptables != IptablesKind::automatic)
            return options_.iptables == IptablesKind::nft;
        const iptables::Choice choice = iptables::kind_in_use();
        const bool nft = choice.kind == iptables::Kind::nft;
        NP_LOG_INFO("rules.iptables", "family", to_string(family_), "kind", nft ? "nft" : "legacy",
                    "reason", choice.why);
        return nft;
    }

    void remove_others() {
        std::vector<Status> removed;
        if (writer_->name() != "iptables") removed.push_back(clean_iptables(family_, options_));
        if (writer_->name() != "iptables-nft")
            removed.push_back(iptables::clean_nft_iptables(family_));
        if (writer_->name() != "nftables")
            removed.push_back(nftables::remove_table(family_, "nameplane"));
        removed.push_back(nftables::remove_table(family_, kube_proxy_table));
        const Status done = together(removed);
        alone_ = done.has_value();
        if (done || std::exchange(told_, true)) return;
        NP_LOG_WARNING("rules.leftovers", "family", to_string(family_), "error", done.error());
    }

    Family family_;
    Backend backend_;
    BackendOptions options_;
    std::unique_ptr<RuleWriter> writer_;
    bool alone_ = false;
    bool told_ = false;
};

}  // namespace

std::unique_ptr<RuleWriter> make_backend(Family family, Backend backend, BackendOptions options) {
    return std::make_unique<Takeover>(family, backend, std::move(options));
}

Status clean_everything(Family family, const BackendOptions& options) {
    return together({clean_iptables(family, options), iptables::clean_nft_iptables(family),
                     nftables::remove_table(family, "nameplane"),
                     nftables::remove_table(family, kube_proxy_table)});
}

}  // namespace nameplane::rules
