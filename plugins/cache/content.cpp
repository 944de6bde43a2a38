#include "plugins/cache/content.hpp"

#include <nameplane/base/random.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace nameplane::plugins::caching {

namespace {

constexpr std::chrono::milliseconds tick_every{5};

std::string joined(const std::vector<dns::Name>& zones) {
    std::string text;
    for (const dns::Name& zone : zones) {
        if (!text.empty()) text += ',';
        text += zone.to_string();
    }
    return text;
}

}  // namespace

Key key_of(const Query& query) noexcept {
    return {.name = query.name(),
            .type = query.type(),
            .klass = query.klass(),
            .dnssec_ok = query.dnssec_ok(),
            .checking_disabled = query.checking_disabled()};
}

Time now_by(const Clock& clock) noexcept {
    using namespace std::chrono;
    return duration_cast<milliseconds>(clock.now().time_since_epoch()).count();
}

Time Content::now() const noexcept {
    return now_by(clock);
}

Waiting::Waiting(net::Loop& loop, const Clock& clock)
    : clock_{clock}, timer_{loop.timer([this] { tick(); })} {}

Waiting::~Waiting() = default;

void Waiting::close() noexcept {
    first_ = nullptr;
    timer_ = nullptr;
}

void Waiting::add(Waiter& waiter) noexcept {
    waiter.next = first_;
    first_ = &waiter;
    if (armed_ || timer_ == nullptr) return;
    armed_ = true;
    timer_->start(tick_every);
}

void Waiting::resume_if(bool (*wanted)(const Waiter&, const void*), const void* what) noexcept {
    Waiter* resumed = nullptr;
    for (Waiter** at = &first_; *at != nullptr;) {
        Waiter& waiter = **at;
        if (!wanted(waiter, what)) {
            at = &waiter.next;
            continue;
        }
        *at = waiter.next;
        waiter.next = resumed;
        resumed = &waiter;
    }
    while (resumed != nullptr) {
        Waiter* const next = resumed->next;
        resumed->query->resume();
        resumed = next;
    }
}

void Waiting::arrived(const Key& key) noexcept {
    resume_if(
        [](const Waiter& waiter, const void* what) {
            const Key& wanted = *static_cast<const Key*>(what);
            const Key mine = key_of(*waiter.query);
            return mine.type == wanted.type && mine.klass == wanted.klass &&
                   mine.dnssec_ok == wanted.dnssec_ok &&
                   mine.checking_disabled == wanted.checking_disabled &&
                   mine.name.equals(wanted.name);
        },
        &key);
}

void Waiting::tick() noexcept {
    armed_ = false;
    const Time now = now_by(clock_);
    resume_if([](const Waiter& waiter,
                 const void* what) { return waiter.due <= *static_cast<const Time*>(what); },
              &now);
    if (first_ == nullptr || timer_ == nullptr || armed_) return;
    armed_ = true;
    timer_->start(tick_every);
}

Content::Content(Settings wanted, std::size_t workers, metrics::Registry& metrics,
                 std::string_view server, std::string_view view, const Clock* given_clock)
    : settings{std::move(wanted)}, clock{given_clock == nullptr ? system_clock : *given_clock},
      shelves{workers} {
    Random random;
    for (std::size_t worker = 0; worker < workers; ++worker) {
        const auto seed = [&random] {
            const std::uint64_t high = random.next();
            return high << 32U | random.next();
        };
        Shelf& shelf = shelves.at(worker);
        shelf.success = std::make_unique<Store>(settings.success.capacity, seed());
        shelf.denial = std::make_unique<Store>(settings.denial.capacity, seed());
    }
    const metrics::Labels labels{{"server", std::string{server}},
                                 {"zones", joined(settings.zones)},
                                 {"view", std::string{view}}};
    const auto of = [&labels](const char* type) {
        metrics::Labels more = labels;
        more.emplace_back("type", type);
        return more;
    };
    for (const auto& [place, type] : {std::pair{0U, "success"}, {1U, "denial"}}) {
        entries[place] = &metrics.gauge("coredns_cache_entries",
                                        "The number of elements in the cache.", of(type));
        hits[place] =
            &metrics.counter("coredns_cache_hits_total", "The count of cache hits.", of(type));
        evictions[place] = &metrics.counter("coredns_cache_evictions_total",
                                            "The count of cache evictions.", of(type));
    }
    requests =
        &metrics.counter("coredns_cache_requests_total", "The count of cache requests.", labels);
    misses = &metrics.counter("coredns_cache_misses_total",
                              "The count of cache misses. Deprecated, derive misses from cache "
                              "hits/requests counters.",
                              labels);
    prefetches =
        &metrics.counter("coredns_cache_prefetch_total",
                         "The number of times the cache has prefetched a cached item.", labels);
    drops = &metrics.counter("coredns_cache_drops_total",
                             "The number responses that are not cached, because the reply is "
                             "malformed.",
                             labels);
    served_stale =
        &metrics.counter("coredns_cache_served_stale_total",
                         "The number of requests served from stale cache entries.", labels);
}

void Content::note_size(std::size_t worker, Kind kind) noexcept {
    const auto place = static_cast<std::size_t>(kind);
    Shelf& shelf = shelves.at(worker);
    const Store& store = shelf.of(kind);
    if (store.evictions() != shelf.evictions_seen[place]) {
        evictions[place]->add(worker, store.evictions() - shelf.evictions_seen[place]);
        shelf.evictions_seen[place] = store.evictions();
    }
    const auto change = static_cast<std::int64_t>(store.size()) -
                        static_cast<std::int64_t>(shelf.sizes_seen[place]);
    if (change == 0) return;
    shelf.sizes_seen[place] = store.size();
    const std::int64_t all = sizes[place].fetch_add(change, std::memory_order_relaxed) + change;
    entries[place]->set(static_cast<double>(all));
}

}  // namespace nameplane::plugins::caching
