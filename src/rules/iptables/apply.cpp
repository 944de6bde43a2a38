#include "rules/iptables/apply.hpp"

#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/lock.hpp"
#include "rules/iptables/table.hpp"
#include "rules/iptables/watch.hpp"
#include <nameplane/base/log.hpp>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {
namespace {

/// How often a table that somebody replaced in between is read and written again at once.
constexpr int attempts_max = 3;
/// Comparing tables because of the lock pauses for so many times what it took.
constexpr int closely_share = 10;
/// From this many rules on, what libiptc needed is given back to the system.
constexpr std::size_t trim_from_rules = 5'000;

class IptablesWriter final : public RuleWriter {
public:
    IptablesWriter(Family family, IptablesOptions options)
        : family_{family}, options_{std::move(options)}, lock_{options_.lock_path},
          watches_{TableWatch{family, TableName::nat, options_.routine_octets_max},
                   TableWatch{family, TableName::filter, options_.routine_octets_max}} {}

    Result<Applied> apply(const Plan& plan, bool full) override;
    Status clean() override;
    bool disturbed() override;
    std::string_view name() const noexcept override { return "iptables"; }

private:
    bool changed_before_commit();
    void pause_since(std::chrono::steady_clock::time_point begin);
    Status probe();
    bool remembers(const Plan& plan) const;
    Result<Applied> apply_once(const Plan& plan, bool full, bool& drifted);
    Result<Applied> write(Pass& pass);
    Status write_together(Pass& pass, Table nat, TableEdit& edit);
    Result<TableEdit> write_filter(Pass& pass, bool keep_old);
    Status write_mangle(Pass& pass, Applied& applied);
    Status commit(Table& table);
    Result<bool> clean_one(TableName name);

    Family family_;
    IptablesOptions options_;
    std::optional<Features> features_;
    XtablesLockFile lock_;
    std::array<TableWatch, 2> watches_;
    bool lock_used_ = false;  ///< by others, since the tables were last compared
    std::chrono::steady_clock::time_point closely_at_{};
    // What the kernel holds since the last apply that succeeded.
    bool valid_ = false;
    std::vector<Record> records_;
    PlanSettings settings_;
    bool large_ = false;
};

bool is_large(const Plan& plan) {
    return plan.endpoint_count > large_cluster_endpoints;
}

/// malloc_trim() leaves the end of a thread's arena alone; free() gives that back, too, when what
/// is freed is large enough to make it merge pieces.
void give_back() {
    constexpr std::size_t merging = std::size_t{96} * 1024;
    void* volatile piece = std::malloc(merging);
    std::free(piece);
    ::malloc_trim(0);
}

void count(const TableEdit& edit, Applied& applied) {
    applied.chains_written += edit.chains;
    applied.rules_written += edit.rules.edits();
    applied.wrote = applied.wrote || edit.changed();
}

Status IptablesWriter::probe() {
    if (features_) return {};
    auto probed = probe_features(family_);
    if (!probed) return std::move(probed).error();
    features_ = *probed;
    if (!features_->recent) {
        NP_LOG_WARNING("rules.degraded", "family", to_string(family_), "missing", "recent",
                       "effect", "no session affinity");
    }
    if (!features_->sctp) {
        NP_LOG_WARNING("rules.degraded", "family", to_string(family_), "missing", "sctp", "effect",
                       "no rules for SCTP ports");
    }
    return {};
}

bool IptablesWriter::remembers(const Plan& plan) const {
    return valid_ && settings_ == plan.settings && large_ == is_large(plan);
}

Result<Applied> IptablesWriter::apply(const Plan& plan, bool full) {
    if (plan.settings.family != family_) {
        return Error{Errc::internal, "a plan of the other family"};
    }
    if (auto probed = probe(); !probed) return std::move(probed).error();
    auto lock = lock_.take(options_.lock_wait);
    if (!lock) return std::move(lock).error();
    lock_used_ = lock_.used_by_others() || lock_used_;
    const auto begin = std::chrono::steady_clock::now();
    const bool suspected = valid_ && lock_used_;
    full = full || !remembers(plan) || changed_before_commit();
    Result<Applied> applied = Error{Errc::internal, "not tried"};
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        bool drifted = false;
        applied = apply_once(plan, full, drifted);
        if (applied || (!drifted && applied.error().code != Errc::again)) break;
        full = true;
    }
    if (applied && (applied->wrote || full)) {
        // What others do with the lock may go on: from now on the digest will answer for less.
        const bool closely = full && suspected && !applied->wrote;
        for (TableWatch& watch : watches_) watch.remember(closely);
    }
    if (applied && full) {
        lock_used_ = false;
        if (suspected) pause_since(begin);
    }
    if (applied && applied->nat_rules > trim_from_rules) give_back();
    return applied;
}

/// Before a commit, after which nobody could tell another's change from ours: asked of every table
/// that can answer without being compared whole.
bool IptablesWriter::changed_before_commit() {
    const bool all_known = std::ranges::all_of(watches_, &TableWatch::has_digest);
    const bool changed = std::ranges::any_of(watches_, [&](TableWatch& watch) {
        return watch.changed(lock_used_ && watch.has_digest());
    });
    if (all_known) lock_used_ = false;
    return changed;
}

/// Who uses the lock may have changed a table without changing its size. Monitoring agents and CNI
/// plugins use it all the time, so comparing pauses for a multiple of what it takes.
bool IptablesWriter::disturbed() {
    lock_used_ = lock_.used_by_others() || lock_used_;
    if (!valid_) return false;
    const auto begin = std::chrono::steady_clock::now();
    const bool closely = lock_used_ && begin >= closely_at_;
    const bool changed =
        std::ranges::any_of(watches_, [&](TableWatch& watch) { return watch.changed(closely); });
    if (closely) {
        // What was found is still to be compared, by the next apply().
        lock_used_ = changed;
        pause_since(begin);
    }
    return changed;
}

void IptablesWriter::pause_since(std::chrono::steady_clock::time_point begin) {
    const auto end = std::chrono::steady_clock::now();
    closely_at_ = end + (end - begin) * closely_share;
}

Result<Applied> IptablesWriter::apply_once(const Plan& plan, bool full, bool& drifted) {
    std::vector<Record> before = full ? std::vector<Record>{} : std::move(records_);
    records_.clear();
    valid_ = false;
    auto pass = Pass::make(plan, std::move(before), full, *features_);
    if (!pass) return std::move(pass).error();
    auto applied = write(*pass);
    drifted = pass->drifted();
    if (!applied) return applied;
    applied->version = plan.version;
    applied->nat_rules = pass->rules_in(TableName::nat);
    applied->filter_rules = pass->rules_in(TableName::filter);
    records_ = std::move(*pass).take_records();
    settings_ = plan.settings;
    large_ = is_large(plan);
    valid_ = true;
    return applied;
}

Status IptablesWriter::commit(Table& table) {
    if (options_.before_commit) options_.before_commit(table.name());
    return table.commit();
}

Result<Applied> IptablesWriter::write(Pass& pass) {
    Applied applied;
    auto filter = Table::open(family_, TableName::filter);
    if (!filter) return std::move(filter).error();
    auto filter_edit = pass.edit_filter(*filter, false);
    if (!filter_edit) return std::move(filter_edit).error();
    auto nat = Table::open(family_, TableName::nat);
    if (!nat) return std::move(nat).error();
    auto nat_edit = pass.edit_nat(*nat);
    if (!nat_edit) return std::move(nat_edit).error();
    if (auto mangle = write_mangle(pass, applied); !mangle) return std::move(mangle).error();

    // See apply.hpp for the order.
    const bool both = filter_edit->changed() && nat_edit->changed();
    Status done;
    if (both && filter_edit->loses && filter_edit->rules.inserted != 0) {
        done = write_together(pass, std::move(*nat), *filter_edit);
    } else if (both && filter_edit->loses) {
        done = commit(*nat);
        if (done) done = commit(*filter);
    } else {
        if (filter_edit->changed()) done = commit(*filter);
        if (done && nat_edit->changed()) done = commit(*nat);
    }
    if (!done) return std::move(done).error();
    count(*filter_edit, applied);
    count(*nat_edit, applied);
    applied.filter_written = filter_edit->rules.edits();
    applied.nat_written = nat_edit->rules.edits();
    return applied;
}

Status IptablesWriter::write_together(Pass& pass, Table nat, TableEdit& edit) {
    auto first = write_filter(pass, true);
    if (!first) return std::move(first).error();
    if (auto done = commit(nat); !done) return done;
    auto second = write_filter(pass, false);
    if (!second) return std::move(second).error();
    edit = *first;
    edit.rules += second->rules;
    edit.chains += second->chains;
    return {};
}

Result<TableEdit> IptablesWriter::write_filter(Pass& pass, bool keep_old) {
    auto table = Table::open(family_, TableName::filter);
    if (!table) return std::move(table).error();
    auto edit = pass.edit_filter(*table, keep_old);
    if (!edit || !edit->changed()) return edit;
    if (auto done = commit(*table); !done) return std::move(done).error();
    return edit;
}

/// The canary is for people and other programs that look for it: a kernel without the table does
/// without.
Status IptablesWriter::write_mangle(Pass& pass, Applied& applied) {
    if (!pass.full()) return {};
    auto table = Table::open(family_, TableName::mangle);
    if (!table && table.error().code == Errc::unsupported) return {};
    if (!table) return std::move(table).error();
    auto edit = pass.edit_mangle(*table);
    if (!edit) return std::move(edit).error();
    if (!edit->changed()) return {};
    count(*edit, applied);
    return commit(*table);
}

Result<bool> IptablesWriter::clean_one(TableName name) {
    for (int attempt = 0;; ++attempt) {
        auto table = Table::open(family_, name);
        if (!table && table.error().code == Errc::unsupported) return false;
        if (!table) return std::move(table).error();
        auto edit = clean_table(*table);
        if (!edit) return std::move(edit).error();
        if (!edit->changed()) return false;
        auto done = commit(*table);
        if (done) return true;
        if (done.error().code != Errc::again || attempt + 1 == attempts_max) {
            return std::move(done).error();
        }
    }
}

Status IptablesWriter::clean() {
    records_.clear();
    valid_ = false;
    auto lock = lock_.take(options_.lock_wait);
    if (!lock) return std::move(lock).error();
    // As when Services go: nat before filter.
    for (const TableName name : {TableName::nat, TableName::filter, TableName::mangle}) {
        if (auto cleaned = clean_one(name); !cleaned) return std::move(cleaned).error();
    }
    give_back();
    return {};
}

}  // namespace

Result<std::unique_ptr<RuleWriter>> make_iptables_writer(Family family, IptablesOptions options) {
    if (options.lock_path.empty()) return Error{Errc::invalid, "the lock's path is empty"};
    return std::unique_ptr<RuleWriter>{
        std::make_unique<IptablesWriter>(family, std::move(options))};
}

}  // namespace nameplane::rules::iptables
