#include "plugins/cache/content.hpp"

#include <nameplane/base/random.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace nameplane::plugins::caching {

namespace {

constexpr std::chrono::milliseconds tick_every{5};

std::uint64_t random_seed() {
    Random random;
    const std::uint64_t high = random.next();
    return high << 32U | random.next();
}

std::string joined(const std::vector<dns::Name>& zones) {
    std::string text;
    for (const dns::Name& zone : zones) {
        if (!text.empty()) text += ',';
        text += zone.to_string();
    }
    return text;
}

}  // namespace

Key Content::key_of(const Query& query, std::uint64_t hash) noexcept {
    return {.name = query.name(),
            .type = query.type(),
            .klass = query.klass(),
            .dnssec_ok = query.dnssec_ok(),
            .checking_disabled = query.checking_disabled(),
            .hash = hash};
}

Key Content::key_of(const Query& query) const noexcept {
    return hashed(key_of(query, 0), seed);
}

Key Content::key_of(const Foreseen& question) const noexcept {
    return hashed({.name = question.name,
                   .type = question.type,
                   .klass = question.klass,
                   .dnssec_ok = question.dnssec_ok,
                   .checking_disabled = question.checking_disabled},
                  seed);
}

Time Content::now() const noexcept {
    using namespace std::chrono;
    return duration_cast<milliseconds>(clock.now().time_since_epoch()).count();
}

bool Content::is_settled(const Key& key, Time now) const noexcept {
    bool stale = false;
    for (const Store* store : {&success, &denial}) {
        Entry entry;
        if (!store->find(key, entry)) continue;
        if (entry.facts.ttl_left(now) > 0 || entry.failed_refresh) return true;
        stale = true;
    }
    return !stale;
}

Waiting::Waiting(net::Loop& loop, const Content& content)
    : content_{content}, timer_{loop.timer([this] { tick(); })} {}

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

template <class Wanted> void Waiting::resume_if(Wanted wanted) noexcept {
    Waiter* resumed = nullptr;
    for (Waiter** at = &first_; *at != nullptr;) {
        Waiter& waiter = **at;
        if (!wanted(waiter)) {
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
    resume_if([this, &key](const Waiter& waiter) {
        const Key mine = content_.key_of(*waiter.query);
        return mine.hash == key.hash && mine.type == key.type && mine.klass == key.klass &&
               mine.dnssec_ok == key.dnssec_ok && mine.checking_disabled == key.checking_disabled &&
               mine.name.equals(key.name);
    });
}

void Waiting::tick() noexcept {
    armed_ = false;
    // Who waits keeps the content; without anybody it may be gone.
    if (first_ == nullptr) return;
    const Time now = content_.now();
    // Nobody tells of a refresh by another worker.
    resume_if([this, now](const Waiter& waiter) {
        return waiter.due <= now ||
               (!waiter.refreshes && content_.is_settled(content_.key_of(*waiter.query), now));
    });
    if (first_ == nullptr || timer_ == nullptr || armed_) return;
    armed_ = true;
    timer_->start(tick_every);
}

Content::Content(Settings wanted, std::size_t workers, metrics::Registry& metrics,
                 std::string_view server, std::string_view view, const Clock* given_clock)
    : settings{std::move(wanted)}, clock{given_clock == nullptr ? system_clock : *given_clock},
      seed{random_seed()}, success{settings.success.capacity}, denial{settings.denial.capacity},
      waiting{workers} {
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

void Content::note(std::size_t worker, Kind kind, const Change& change) noexcept {
    const auto place = static_cast<std::size_t>(kind);
    if (change.evictions != 0) evictions[place]->add(worker, change.evictions);
    if (change.entries != 0) entries[place]->set(static_cast<double>(of(kind).size()));
}

}  // namespace nameplane::plugins::caching
