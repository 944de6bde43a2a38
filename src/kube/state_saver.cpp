#include "kube/state_saver.hpp"

#include <nameplane/base/log.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace nameplane::kube {

namespace {

metrics::Labels result_is(std::string value) {
    return {{"result", std::move(value)}};
}

double unix_seconds(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// One save: what it writes and what came of it. Belongs to the control thread, but for write().
class Save {
public:
    Save(services::Contents contents, SavedHead head)
        : contents_{std::move(contents)}, head_{std::move(head)} {}

    /// On any thread.
    void write(const std::string& path) {
        auto result = write_saved_state(path, head_, contents_);
        const std::lock_guard lock{mutex_};
        result_ = std::move(result);
        over_.notify_all();
    }
    /// Waits for write().
    Result<std::size_t> result() {
        std::unique_lock lock{mutex_};
        over_.wait(lock, [&] { return result_.has_value(); });
        return *result_;
    }
    WallTime contact() const noexcept { return head_.contact; }

private:
    services::Contents contents_;
    SavedHead head_;
    std::mutex mutex_;
    std::condition_variable over_;
    std::optional<Result<std::size_t>> result_;  // under mutex_
};

}  // namespace

struct StateSaver::State {
    State(StateOptions given, const services::Store& from, metrics::Registry& metrics,
          const Clock& c)
        : options{std::move(given)}, store{&from}, clock{&c},
          done{metrics.counter("nameplane_state_saves_total",
                               "Times that the state was written to disk.", result_is("done"))},
          failed{metrics.counter("nameplane_state_saves_total",
                                 "Times that the state was written to disk.", result_is("failed"))},
          saved_at{metrics.gauge("nameplane_state_saved_timestamp_seconds",
                                 "When the state was last written to disk, Unix time; 0: not by "
                                 "this process.")},
          saved_size{metrics.gauge("nameplane_state_size_bytes",
                                   "Size of the state on disk; 0: not written yet.")} {}

    std::shared_ptr<Save> begin(services::Contents contents, WallTime contact);
    void finish(std::shared_ptr<Save> save);
    void refuse(const Error& error);

    StateOptions options;
    const services::Store* store;
    const Clock* clock;
    metrics::Counter& done;
    metrics::Counter& failed;
    metrics::Gauge& saved_at;
    metrics::Gauge& saved_size;
    bool changed = false;
    std::shared_ptr<Save> under_way;
    std::optional<Monotonic> begun;
    std::optional<WallTime> contact;  ///< as it stands in the file, if that is known
    std::uint64_t failures = 0;       ///< in a row
};

std::shared_ptr<Save> StateSaver::State::begin(services::Contents contents, WallTime last_contact) {
    begun = clock->now();
    changed = false;
    return under_way = std::make_shared<Save>(std::move(contents),
                                              SavedHead{options.fingerprint, last_contact});
}

// By value, since it may be `under_way` itself.
void StateSaver::State::finish(std::shared_ptr<Save> save) {
    if (under_way != save) return;  // stop() was first
    under_way.reset();
    const Result<std::size_t> result = save->result();
    if (!result) return refuse(result.error());
    done.add_shared();
    contact = save->contact();
    saved_at.set(unix_seconds(clock->wall()));
    saved_size.set(static_cast<double>(*result));
    NP_LOG_DEBUG("state.saved", "path", options.path, "octets", *result);
    if (const std::uint64_t times = std::exchange(failures, 0); times != 0) {
        NP_LOG_INFO("state.written_again", "path", options.path, "after", times);
    }
}

void StateSaver::State::refuse(const Error& error) {
    failed.add_shared();
    changed = true;  // still to be saved
    if (failures++ != 0) return;
    NP_LOG_WARNING("state.unwritten", "error", error, "effect",
                   "after a restart the agent knows an older state or none; trying again");
}

StateSaver::StateSaver(StateOptions options, const services::Store& store, Work work,
                       metrics::Registry& metrics, const Clock& clock)
    : state_{std::make_shared<State>(std::move(options), store, metrics, clock)}, work_{std::move(
                                                                                      work)} {}

StateSaver::~StateSaver() {
    if (state_->under_way) (void)state_->under_way->result();
}

void StateSaver::loaded(WallTime contact) {
    state_->changed = false;
    state_->contact = contact;
}

void StateSaver::changed() {
    state_->changed = true;
}

namespace {

/// Half a cluster is worse than none.
bool is_whole(const services::Contents& contents) noexcept {
    using services::Kind;
    return contents.has(Kind::service) && contents.has(Kind::endpoint_slice) &&
           contents.has(Kind::namespace_);
}

}  // namespace

void StateSaver::tick(WallTime contact) {
    State& state = *state_;
    if (state.options.path.empty() || !state.changed || state.under_way) return;
    if (state.begun && state.clock->now() - *state.begun < state.options.every) return;
    services::Contents contents = state.store->contents();
    if (!is_whole(contents)) return;
    auto save = state.begin(std::move(contents), contact);
    work_([save, path = state.options.path] { save->write(path); },
          [save, weak = std::weak_ptr{state_}] {
              if (const auto alive = weak.lock()) alive->finish(save);
          });
}

void StateSaver::stop(WallTime contact) {
    State& state = *state_;
    if (state.options.path.empty()) return;
    if (state.under_way) state.finish(state.under_way);
    if (!state.changed && state.contact && *state.contact >= contact) return;
    services::Contents contents = state.store->contents();
    if (!is_whole(contents)) return;
    const auto save = state.begin(std::move(contents), contact);
    save->write(state.options.path);
    state.finish(save);
}

std::optional<WallTime> load_saved_state(const StateOptions& options, metrics::Registry& metrics,
                                         const Clock& clock,
                                         const std::function<void(services::Event)>& sink) {
    metrics::Gauge& loaded = metrics.gauge(
        "nameplane_state_loaded", "1 if this process began with the state on disk, else 0.");
    if (options.path.empty()) return std::nullopt;
    const auto saved = SavedState::read(options.path, options.fingerprint);
    if (!saved) {
        if (saved.error().code != Errc::not_found) {
            NP_LOG_WARNING("state.dropped", "path", options.path, "error", saved.error(), "effect",
                           "names and rules wait for the API server");
        }
        return std::nullopt;
    }
    saved->replay(sink);
    loaded.set(1);
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(
        std::max(clock.wall() - saved->contact(), WallTime::duration{0}));
    NP_LOG_INFO("state.loaded", "path", options.path, "objects", saved->objects(), "age_s",
                age.count());
    return saved->contact();
}

}  // namespace nameplane::kube
