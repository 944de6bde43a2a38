#include "rules/iptables/nft_apply.hpp"

#include "rules/iptables/nft_tables.hpp"
#include "rules/iptables/restore_text.hpp"
#include "rules/nftables/monitor.hpp"
#include "rules/nftables/netlink.hpp"
#include "rules/nftables/xtables_rules.hpp"

#include <malloc.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

constexpr int tries_max = 3;
/// From such a text on, memory is given back to the system.
constexpr std::size_t large_text = 1024 * 1024;

/// Anew as often as somebody changes them meanwhile.
Result<std::string> read_tables(Family family) {
    auto netlink = nftables::Netlink::open();
    if (!netlink) return std::move(netlink).error();
    auto read = nftables::xtables_text(*netlink, family);
    for (int tries = 1; !read && read.error().code == Errc::again && tries < tries_max; ++tries)
        read = nftables::xtables_text(*netlink, family);
    return read;
}

class NftIptablesWriter final : public RuleWriter {
public:
    NftIptablesWriter(Family family, NftIptablesOptions options)
        : family_{family}, options_{std::move(options)}, programs_{family, options_},
          monitor_{family, nftables::Watched::kube_chains} {}

    Result<Applied> apply(const Plan& plan, bool full) override;
    Status clean() override {
        written_.reset();
        return clean_nft_iptables(family_, options_);
    }
    bool disturbed() override;
    std::string_view name() const noexcept override { return "iptables-nft"; }

private:
    bool remembers(const Plan& plan) const;
    Status commit(const RestoreText& text);
    Result<RestoreText> difference(const Plan& plan, bool full);

    Family family_;
    NftIptablesOptions options_;
    NftPrograms programs_;
    nftables::Monitor monitor_;
    bool disturbed_ = false;
    // What the kernel holds since the last apply that succeeded.
    std::optional<Plan> written_;
    std::ptrdiff_t nat_rules_ = 0;
    std::ptrdiff_t filter_rules_ = 0;
};

bool NftIptablesWriter::remembers(const Plan& plan) const {
    return written_ && written_->settings == plan.settings &&
           (written_->endpoint_count > large_cluster_endpoints) ==
               (plan.endpoint_count > large_cluster_endpoints);
}

bool NftIptablesWriter::disturbed() {
    // A program that ended is nobody's any more: what it did was looked at in commit().
    if (monitor_.disturbed(0)) disturbed_ = true;
    return written_ && disturbed_;
}

Result<RestoreText> NftIptablesWriter::difference(const Plan& plan, bool full) {
    if (!full) return text_of_changes(*written_, plan);
    auto saved = read_tables(family_);
    if (!saved) return std::move(saved).error();
    return text_of_everything(plan, read_saved(*saved));
}

/// The kernel calls a program's socket by its process number: that tells its events from others'.
Status NftIptablesWriter::commit(const RestoreText& text) {
    if (monitor_.disturbed(0)) disturbed_ = true;
    auto pid = programs_.restore(text.text);
    if (!pid) return std::move(pid).error();
    if (monitor_.disturbed(static_cast<std::uint32_t>(*pid))) disturbed_ = true;
    return {};
}

Result<Applied> NftIptablesWriter::apply(const Plan& plan, bool full) {
    if (plan.settings.family != family_) {
        return Error{Errc::internal, "a plan of the other family"};
    }
    if (!monitor_.listening()) {
        if (auto started = monitor_.start(); !started) return std::move(started).error();
    }
    const bool touched = disturbed();
    full = full || touched || !remembers(plan);
    // What comes from now on is seen by the next check.
    disturbed_ = false;
    auto text = difference(plan, full);
    Status done = text ? Status{} : Status{std::move(text).error()};
    if (done && !text->empty()) done = commit(*text);
    if (!done) {
        // The next one trusts nothing.
        written_.reset();
        return std::move(done).error();
    }
    nat_rules_ = full ? text->nat_rules : nat_rules_ + text->nat_rules;
    filter_rules_ = full ? text->filter_rules : filter_rules_ + text->filter_rules;
    written_ = plan;
    if (text->text.size() > large_text) ::malloc_trim(0);
    return Applied{.version = plan.version,
                   .chains_written = text->chains,
                   .rules_written = text->nat_written + text->filter_written,
                   .wrote = !text->empty(),
                   .nat_rules = static_cast<std::size_t>(nat_rules_),
                   .filter_rules = static_cast<std::size_t>(filter_rules_),
                   .nat_written = text->nat_written,
                   .filter_written = text->filter_written};
}

}  // namespace

std::unique_ptr<RuleWriter> make_nft_iptables_writer(Family family, NftIptablesOptions options) {
    return std::make_unique<NftIptablesWriter>(family, std::move(options));
}

Status clean_nft_iptables(Family family, const NftIptablesOptions& options) {
    auto any = has_nft_chains(family);
    if (!any) return std::move(any).error();
    if (!*any) return {};
    auto saved = read_tables(family);
    if (!saved) return std::move(saved).error();
    const RestoreText text = text_of_removal(read_saved(*saved));
    if (text.empty()) return {};
    auto removed = NftPrograms{family, options}.restore(text.text);
    if (!removed) return std::move(removed).error();
    return {};
}

}  // namespace nameplane::rules::iptables
