// hot path
#include "plugins/cache/cache.hpp"

#include "plugins/cache/pack.hpp"
#include <nameplane/reply_kind.hpp>
#include <nameplane/zones.hpp>

#include <algorithm>

namespace nameplane::plugins {

using caching::Key;
using caching::key_of;
using caching::Kind;
using caching::Settings;
using caching::Shelf;
using caching::Store;
using caching::Waiter;

namespace {

/// A refresh that never comes back is forgotten.
constexpr caching::Time refresh_takes_max = 10'000;
constexpr dns::Ttl ttl_of_others = 5;

caching::Time age_of(const caching::Entry& entry, caching::Time now) noexcept {
    return (now - entry.stored) / 1000;
}

/// What is left of its TTL; zero or less: stale for so long.
std::int64_t ttl_left(const caching::Entry& entry, caching::Time now) noexcept {
    return static_cast<std::int64_t>(entry.ttl) - age_of(entry, now);
}

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
    bool verifies = false;  ///< there is something stale to fall back on
    Waiter waiter;
};

bool Cache::may_serve(const Entry* entry, Time now) const noexcept {
    if (entry == nullptr) return false;
    const std::int64_t left = ttl_left(*entry, now);
    if (left > 0) return true;
    const Settings& settings = content_->settings;
    return settings.serve_stale && -left < static_cast<std::int64_t>(settings.stale_for);
}

/// In CoreDNS' order: denials first, but SERVFAIL hides no good answer.
caching::Entry* Cache::look_up(const Query& query, Time now) const noexcept {
    const Settings& settings = content_->settings;
    Shelf& shelf = content_->shelves.at(query.worker());
    const Key key = key_of(query);
    const auto hit = [&](Kind kind, Entry* entry) {
        content_->hits[static_cast<std::size_t>(kind)]->add(query.worker());
        return entry;
    };
    Entry* const good = shelf.success->find(key);
    const bool has_good = may_serve(good, now);
    if (settings.prefer_positive && settings.serve_stale && has_good && good->answers) {
        return hit(Kind::success, good);
    }
    Entry* const denial = shelf.denial->find(key);
    if (may_serve(denial, now)) {
        const bool failed = denial->rcode == dns::Rcode::serv_fail;
        return failed && has_good ? hit(Kind::success, good) : hit(Kind::denial, denial);
    }
    if (has_good) return hit(Kind::success, good);
    content_->misses->add(query.worker());
    return nullptr;
}

void Cache::serve(Query& query, Reply& reply, const Entry& entry, Time now) const noexcept {
    const Settings& settings = content_->settings;
    const Shelf& shelf = content_->shelves.at(query.worker());
    const std::size_t octets = Store::answer_octets(entry);
    const std::span<std::uint8_t> copy = query.arena().array<std::uint8_t>(octets);
    if (copy.size() != octets) return reply.fail();
    (entry.is_denial ? *shelf.denial : *shelf.success).read(entry, copy);
    const std::int64_t left = ttl_left(entry, now);
    dns::Ttl ttl = left > 0 ? static_cast<dns::Ttl>(left) : settings.stale_ttl;
    if (settings.keep_ttl && (left > 0 || settings.stale_ttl == 0)) ttl = entry.ttl;
    reply.rcode = entry.rcode;
    // Some stub resolvers take no answer without AA; so CoreDNS sets it, and so do we.
    reply.authoritative = true;
    reply.recursion_available = entry.recursion_available;
    caching::unpack(copy, query.name(), ttl, query.arena(), reply);
}

bool Cache::begin_refresh(Entry& entry, Time now) const noexcept {
    if (now < entry.refresh_until) return false;
    entry.refresh_until = now + refresh_takes_max;
    return true;
}

bool Cache::prefetch_is_due(Entry& entry, Time now) const noexcept {
    const Settings& settings = content_->settings;
    if (settings.prefetch == 0) return false;
    if (now - entry.last_hit > settings.prefetch_gap.count()) entry.hits = 0;
    ++entry.hits;
    entry.last_hit = now;
    const std::int64_t threshold =
        (static_cast<std::int64_t>(entry.ttl) * settings.prefetch_percent + 99) / 100;
    return entry.hits >= settings.prefetch && ttl_left(entry, now) <= threshold;
}

Step Cache::ask(Query& query, Reply& reply) const noexcept {
    const Settings& settings = content_->settings;
    if (longest_zone(settings.zones, query.name()) == nullptr) return Step::next;
    content_->requests->add(query.worker());
    const Time now = content_->now();
    Entry* const entry = look_up(query, now);
    if (entry == nullptr) {
        // The note of an earlier turn may be there.
        if (Note* const note = query.keep<Note>(this)) *note = {};
        return Step::next;
    }
    if (ttl_left(*entry, now) <= 0) return serve_stale(query, reply, *entry, now);
    if (prefetch_is_due(*entry, now) && begin_refresh(*entry, now)) {
        content_->prefetches->add(query.worker());
        query.refresh_behind();
    }
    serve(query, reply, *entry, now);
    return Step::done;
}

Step Cache::serve_stale(Query& query, Reply& reply, Entry& entry, Time now) const noexcept {
    const Settings& settings = content_->settings;
    const bool one_at_a_time =
        !settings.verify || settings.recheck.count() != 0 || settings.verify_time.count() != 0;
    const bool mine = !one_at_a_time || begin_refresh(entry, now);
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
    const auto& waiting = content_->shelves.at(query.worker()).waiting;
    const bool waits =
        settings.verify_time.count() != 0 && waiting != nullptr && (mine || !entry.failed_refresh);
    if (waits) {
        Note* const note = query.keep<Note>(this);
        if (note != nullptr && query.can_wait()) {
            note->waiter = {.query = &query, .due = now + settings.verify_time.count()};
            waiting->add(note->waiter);
            return Step::wait;
        }
    }
    content_->served_stale->add(query.worker());
    serve(query, reply, entry, now);
    return Step::done;
}

/// The refresh has come back, or the time is over: what is there now counts.
Step Cache::woken(Query& query, Reply& reply) const noexcept {
    const Time now = content_->now();
    Entry* const entry = look_up(query, now);
    if (entry == nullptr) {
        reply.fail("what was kept is gone");
        return Step::done;
    }
    if (ttl_left(*entry, now) <= 0) content_->served_stale->add(query.worker());
    serve(query, reply, *entry, now);
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
        keep(query, reply, now);
        return Step::done;
    }
    const bool good = replaces_stale(query, reply);
    // With prefer_positive, a denial is noted beside the good answer that it does not replace.
    if (good || (content_->settings.prefer_positive && !reply.failed())) keep(query, reply, now);
    end_refresh(query, good, now);
    if (verifies && !good) (void)stands_in(query, reply, now);
    if (query.for_nobody()) {
        const auto& waiting = content_->shelves.at(query.worker()).waiting;
        if (waiting != nullptr) waiting->arrived(key_of(query));
    }
    return Step::done;
}

/// Gives what is stale in place of `reply`, if it is still there.
bool Cache::stands_in(Query& query, Reply& reply, Time now) const noexcept {
    Shelf& shelf = content_->shelves.at(query.worker());
    const Key key = key_of(query);
    Entry* entry = shelf.success->find(key);
    if (!may_serve(entry, now)) entry = shelf.denial->find(key);
    if (!may_serve(entry, now)) return false;
    reply = Reply{query.arena()};
    content_->served_stale->add(query.worker());
    serve(query, reply, *entry, now);
    return true;
}

void Cache::end_refresh(Query& query, bool good, Time now) const noexcept {
    Shelf& shelf = content_->shelves.at(query.worker());
    const Key key = key_of(query);
    for (Store* store : {shelf.success.get(), shelf.denial.get()}) {
        Entry* const entry = store->find(key);
        if (entry == nullptr) continue;
        entry->failed_refresh = !good;
        entry->refresh_until = good ? 0 : now + content_->settings.recheck.count();
    }
}

/// Puts an answer where it belongs, and gives its records the TTL it is kept with.
bool Cache::keep(Query& query, Reply& reply, Time now) const noexcept {
    if (reply.failed()) return false;
    const Settings& settings = content_->settings;
    ReplyKind kind = kind_of(query, reply);
    if (kind == ReplyKind::meta || kind == ReplyKind::other_error) return false;
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
    Shelf& shelf = content_->shelves.at(query.worker());
    const Key key = key_of(query);
    const Kind place = denies ? Kind::denial : Kind::success;
    const Entry* const before = shelf.of(place).find(key);
    const bool hides_good =
        settings.prefer_positive && !denies && !answers && before != nullptr && before->answers;
    if (hides_good) return false;
    const std::uint32_t hits = before == nullptr ? 0 : before->hits;
    const Time last_hit = before == nullptr ? 0 : before->last_hit;
    Entry* const entry = shelf.of(place).put(key, *packed);
    content_->note_size(query.worker(), place);
    if (entry == nullptr) return false;
    entry->stored = now;
    entry->ttl = ttl;
    entry->rcode = reply.rcode;
    entry->recursion_available = reply.recursion_available;
    entry->answers = answers;
    entry->is_denial = denies;
    entry->hits = hits;
    entry->last_hit = last_hit;
    // A refresh that brings an answer is the newest there is.
    const bool newest = settings.prefer_positive ? answers : query.for_nobody();
    if (!denies && newest) {
        shelf.denial->remove(key);
        content_->note_size(query.worker(), Kind::denial);
    }
    return true;
}

}  // namespace nameplane::plugins
