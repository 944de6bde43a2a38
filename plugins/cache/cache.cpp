// hot path
#include "plugins/cache/cache.hpp"

#include "plugins/cache/pack.hpp"
#include "plugins/cache/words.hpp"
#include <nameplane/reply_kind.hpp>
#include <nameplane/zones.hpp>

#include <algorithm>

namespace nameplane::plugins {

using caching::Change;
using caching::Settings;
using caching::Store;
using caching::Waiter;

namespace {

/// A refresh that never comes back is forgotten.
constexpr caching::Time refresh_takes_max = 10'000;
constexpr dns::Ttl ttl_of_others = 5;

/// So often an answer may be replaced while it is copied; then there is none.
constexpr int copies_max = 4;

bool has_soa(const Reply& reply) noexcept {
    return std::ranges::any_of(reply.authorities().records(),
                               [](const auto& record) { return record.type == dns::Type::soa; });
}

/// Follows the chain of CNAMEs from the question to where records of the type asked for stand.
bool answers_question(const Query& query, const Reply& reply) noexcept {
    const std::span<const dns::Record> records = reply.answers().records();
    if (reply.rcode != dns::Rcode::no_error) return false;
    dns::NameView name = query.name();
    for (std::size_t turn = 0; turn <= records.size(); ++turn) {
        const dns::Record* alias = nullptr;
        for (const dns::Record& record : records) {
            if (!record.owner.equals(name)) continue;
            if (record.type == query.type() || query.type() == dns::Type::any) return true;
            if (record.type == dns::Type::cname) alias = &record;
        }
        const auto* target = alias == nullptr ? nullptr : std::get_if<dns::NameView>(&alias->data);
        if (target == nullptr) return false;
        name = *target;
    }
    return false;
}

dns::Ttl least_ttl(const Reply& reply, ReplyKind kind, dns::Ttl most) noexcept {
    const bool counts =
        kind == ReplyKind::no_error || kind == ReplyKind::name_error || kind == ReplyKind::no_data;
    if (!counts) return ttl_of_others;
    if (reply.answers().empty() && reply.authorities().empty() && reply.additionals().empty()) {
        return ttl_of_others;
    }
    dns::Ttl least = most;
    for (const Section* section : {&reply.answers(), &reply.authorities(), &reply.additionals()}) {
        for (const dns::Record& record : section->records()) least = std::min(least, record.ttl);
    }
    return least;
}

void set_ttls(Reply& reply, dns::Ttl ttl) noexcept {
    for (Section* section : {&reply.answers(), &reply.authorities(), &reply.additionals()}) {
        for (dns::Record& record : section->records()) record.ttl = ttl;
    }
}

}  // namespace

/// What a query carries from ask() to tell() or woken().
struct Cache::Note {
    bool verifies = false;   ///< there is something stale to fall back on
    std::uint64_t hash = 0;  ///< of the question
    Waiter waiter;
};

/// An answer, and its octets in the query's arena.
struct Cache::Hit {
    Kind kind = Kind::success;
    Entry entry;
    std::span<const std::uint8_t> packed;
};

bool Cache::may_serve(const Entry& entry, Time now) const noexcept {
    const std::int64_t left = entry.facts.ttl_left(now);
    if (left > 0) return true;
    const Settings& settings = content_->settings;
    return settings.serve_stale && -left < static_cast<std::int64_t>(settings.stale_for);
}

/// In CoreDNS' order: denials first, but SERVFAIL hides no good answer.
bool Cache::choose(const Key& key, Time now, Hit& hit) const noexcept {
    const Settings& settings = content_->settings;
    hit.kind = Kind::success;
    const bool has_good = content_->success.find(key, hit.entry) && may_serve(hit.entry, now);
    if (settings.prefer_positive && settings.serve_stale && has_good && hit.entry.facts.answers) {
        return true;
    }
    Entry denial;
    if (!content_->denial.find(key, denial) || !may_serve(denial, now)) return has_good;
    if (denial.facts.rcode == dns::Rcode::serv_fail && has_good) return true;
    hit.kind = Kind::denial;
    hit.entry = denial;
    return true;
}

/// False when it has been replaced meanwhile, or finds no room.
bool Cache::copy(Query& query, Hit& hit) const noexcept {
    const std::span<std::uint64_t> words =
        query.arena().array<std::uint64_t>(caching::words_for(hit.entry.octets));
    if (words.size() * caching::word_octets < hit.entry.octets) return false;
    if (!content_->of(hit.kind).read(hit.entry, words)) return false;
    hit.packed = {reinterpret_cast<const std::uint8_t*>(words.data()), hit.entry.octets};
    return true;
}

bool Cache::look_up(Query& query, const Key& key, Time now, Hit& hit) const noexcept {
    for (int i = 0; i < copies_max && choose(key, now, hit); ++i) {
        if (!copy(query, hit)) continue;
        content_->hits[static_cast<std::size_t>(hit.kind)]->add(query.worker());
        return true;
    }
    content_->misses->add(query.worker());
    return false;
}

void Cache::serve(Query& query, Reply& reply, const Hit& hit, Time now) const noexcept {
    const Settings& settings = content_->settings;
    const caching::Facts& facts = hit.entry.facts;
    const std::int64_t left = facts.ttl_left(now);
    dns::Ttl ttl = left > 0 ? static_cast<dns::Ttl>(left) : settings.stale_ttl;
    if (settings.keep_ttl && (left > 0 || settings.stale_ttl == 0)) ttl = facts.ttl;
    reply.rcode = facts.rcode;
    // Some stub resolvers take no answer without AA; so CoreDNS sets it, and so do we.
    reply.authoritative = true;
    reply.recursion_available = facts.recursion_available;
    caching::unpack(hit.packed, query.name(), ttl, query.arena(), reply);
}

bool Cache::begin_refresh(const Hit& hit, Time now) const noexcept {
    return content_->of(hit.kind).begin_refresh(hit.entry, now, now + refresh_takes_max);
}

bool Cache::prefetch_is_due(const Hit& hit, Time now) const noexcept {
    const Settings& settings = content_->settings;
    if (settings.prefetch == 0) return false;
    const std::uint32_t hits =
        content_->of(hit.kind).count_hit(hit.entry, now, settings.prefetch_gap.count());
    const caching::Facts& facts = hit.entry.facts;
    const std::int64_t threshold =
        (static_cast<std::int64_t>(facts.ttl) * settings.prefetch_percent + 99) / 100;
    return hits >= settings.prefetch && facts.ttl_left(now) <= threshold;
}

void Cache::foresee(const Foreseen& question, std::uint64_t& hash, unsigned step) const noexcept {
    const Content& content = *content_;
    if (step == 0) hash = content.key_of(question).hash;
    for (const Store* store : {&content.success, &content.denial}) store->foresee(hash, step);
}

Step Cache::ask(Query& query, Reply& reply) const noexcept {
    const Settings& settings = content_->settings;
    if (longest_zone(settings.zones, query.name()) == nullptr) return Step::next;
    content_->requests->add(query.worker());
    const Time now = content_->now();
    const Key key = content_->key_of(query);
    Hit hit;
    if (!look_up(query, key, now, hit)) {
        // The note of an earlier turn may be there.
        if (Note* const note = query.keep<Note>(this)) *note = {.hash = key.hash, .waiter = {}};
        return Step::next;
    }
    if (hit.entry.facts.ttl_left(now) <= 0) return serve_stale(query, reply, hit, now);
    if (prefetch_is_due(hit, now) && begin_refresh(hit, now)) {
        content_->prefetches->add(query.worker());
        query.refresh_behind();
    }
    serve(query, reply, hit, now);
    return Step::done;
}

Step Cache::serve_stale(Query& query, Reply& reply, const Hit& hit, Time now) const noexcept {
    const Settings& settings = content_->settings;
    const bool one_at_a_time =
        !settings.verify || settings.recheck.count() != 0 || settings.verify_time.count() != 0;
    const bool mine = !one_at_a_time || begin_refresh(hit, now);
    if (mine && settings.verify && settings.verify_time.count() == 0) {
        Note* const note = query.keep<Note>(this);
        if (note != nullptr) {
            note->verifies = true;
            return Step::next;
        }
    }
    if (mine) {
        content_->prefetches->add(query.worker());
        query.refresh_behind();
    }
    // Those that come while it is under way wait for the same refresh, but not after it has failed.
    const auto& waiting = content_->waiting.at(query.worker());
    const bool waits = settings.verify_time.count() != 0 && waiting != nullptr &&
                       (mine || !hit.entry.failed_refresh);
    if (waits) {
        Note* const note = query.keep<Note>(this);
        if (note != nullptr && query.can_wait()) {
            note->waiter = {
                .query = &query, .due = now + settings.verify_time.count(), .refreshes = mine};
            waiting->add(note->waiter);
            return Step::wait;
        }
    }
    content_->served_stale->add(query.worker());
    serve(query, reply, hit, now);
    return Step::done;
}

/// The refresh has come back, or the time is over: what is there now counts.
Step Cache::woken(Query& query, Reply& reply) const noexcept {
    const Time now = content_->now();
    Hit hit;
    if (!look_up(query, content_->key_of(query), now, hit)) {
        reply.fail("what was kept is gone");
        return Step::done;
    }
    if (hit.entry.facts.ttl_left(now) <= 0) content_->served_stale->add(query.worker());
    serve(query, reply, hit, now);
    return Step::done;
}

/// RFC 8767 4: only these say that the source is there again.
bool Cache::replaces_stale(const Query& query, const Reply& reply) const noexcept {
    if (reply.failed() || reply.truncated) return false;
    const ReplyKind kind = kind_of(query, reply);
    if (content_->settings.prefer_positive) {
        return kind == ReplyKind::no_error && answers_question(query, reply);
    }
    if (kind == ReplyKind::other_error || kind == ReplyKind::meta) return false;
    return reply.rcode == dns::Rcode::no_error || reply.rcode == dns::Rcode::nx_domain;
}

Step Cache::tell(Query& query, Reply& reply) const noexcept {
    Note* const note = query.kept<Note>(this);
    if (note == nullptr && !query.for_nobody()) return Step::done;
    const Time now = content_->now();
    const bool verifies = note != nullptr && note->verifies;
    if (!verifies && !query.for_nobody()) {
        // Who asked the others something else has put the question back.
        keep(query, Content::key_of(query, note->hash), reply, now);
        return Step::done;
    }
    const Key key = content_->key_of(query);
    const bool good = replaces_stale(query, reply);
    // With prefer_positive, a denial is noted beside the good answer that it does not replace.
    if (good || (content_->settings.prefer_positive && !reply.failed()))
        keep(query, key, reply, now);
    end_refresh(key, good, now);
    if (verifies && !good) (void)stands_in(query, reply, now);
    if (query.for_nobody()) {
        const auto& waiting = content_->waiting.at(query.worker());
        if (waiting != nullptr) waiting->arrived(key);
    }
    return Step::done;
}

/// What is left when the source has not answered: a good answer first.
bool Cache::look_up_stale(Query& query, Time now, Hit& hit) const noexcept {
    const Key key = content_->key_of(query);
    for (int i = 0; i < copies_max; ++i) {
        hit.kind = Kind::success;
        if (!content_->success.find(key, hit.entry) || !may_serve(hit.entry, now)) {
            hit.kind = Kind::denial;
            if (!content_->denial.find(key, hit.entry) || !may_serve(hit.entry, now)) return false;
        }
        if (copy(query, hit)) return true;
    }
    return false;
}

/// Gives what is stale in place of `reply`, if it is still there.
bool Cache::stands_in(Query& query, Reply& reply, Time now) const noexcept {
    Hit hit;
    if (!look_up_stale(query, now, hit)) return false;
    reply = Reply{query.arena()};
    content_->served_stale->add(query.worker());
    serve(query, reply, hit, now);
    return true;
}

void Cache::end_refresh(const Key& key, bool good, Time now) const noexcept {
    for (const Store* store : {&content_->success, &content_->denial}) {
        Entry entry;
        if (!store->find(key, entry)) continue;
        store->end_refresh(entry, good, good ? 0 : now + content_->settings.recheck.count());
    }
}

/// Puts an answer where it belongs, and gives its records the TTL it is kept with.
bool Cache::keep(Query& query, const Key& key, Reply& reply, Time now) const noexcept {
    if (reply.failed()) return false;
    const Settings& settings = content_->settings;
    ReplyKind kind = kind_of(query, reply);
    if (kind == ReplyKind::meta || kind == ReplyKind::other_error) {
        // Not kept, but not to be kept for long by others either, as in CoreDNS.
        const Settings::Part& bounds = settings.success;
        set_ttls(reply, std::clamp(ttl_of_others, std::min(bounds.ttl_min, bounds.ttl_max),
                                   bounds.ttl_max));
        return false;
    }
    const bool soa = has_soa(reply);
    const bool answers = answers_question(query, reply);
    const bool leads_nowhere = kind == ReplyKind::no_error && !reply.answers().empty() && !answers;
    // A chain of CNAMEs to a name without such records is no data (RFC 2308 2.2).
    if (leads_nowhere && soa) kind = ReplyKind::no_data;
    const bool denies = kind == ReplyKind::name_error || kind == ReplyKind::no_data ||
                        kind == ReplyKind::server_error;
    const Settings::Part& part = denies ? settings.denial : settings.success;
    dns::Ttl ttl = settings.servfail_ttl;
    if (kind != ReplyKind::server_error) {
        ttl = std::clamp(least_ttl(reply, kind, part.ttl_max), std::min(part.ttl_min, part.ttl_max),
                         part.ttl_max);
    }
    set_ttls(reply, ttl);
    const bool unbounded = (kind == ReplyKind::name_error || leads_nowhere) && !soa;
    if (reply.truncated || ttl == 0 || unbounded) return false;
    if (longest_zone(part.disabled, query.name()) != nullptr) return false;

    const auto packed = caching::pack(reply, query.name(), query.arena());
    if (!packed) return false;
    const Kind place = denies ? Kind::denial : Kind::success;
    if (settings.prefer_positive && !denies && !answers) {
        Entry before;
        if (content_->success.find(key, before) && before.facts.answers) return false;
    }
    const Change change = content_->of(place).put(key,
                                                  {.stored = now,
                                                   .ttl = ttl,
                                                   .rcode = reply.rcode,
                                                   .recursion_available = reply.recursion_available,
                                                   .answers = answers},
                                                  *packed);
    content_->note(query.worker(), place, change);
    if (!change.kept) return false;
    // A refresh that brings an answer is the newest there is.
    const bool newest = settings.prefer_positive ? answers : query.for_nobody();
    if (!denies && newest) {
        content_->note(query.worker(), Kind::denial, content_->denial.remove(key));
    }
    return true;
}

}  // namespace nameplane::plugins
