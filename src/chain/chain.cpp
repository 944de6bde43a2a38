// hot path
#include "chain/chain.hpp"

#include <nameplane/base/check.hpp>
#include <nameplane/stage_clock.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::chain {

Chain::Chain(std::span<Link> links) {
    NP_CHECK(links.size() <= plugins_in_chain_max, "the builder refuses longer chains");
    for (Link& link : links) {
        takes_all_classes_ = takes_all_classes_ || link.plugin->takes_all_classes();
        filters_ = filters_ || link.plugin->filters();
        takes_unusual_[size_] = link.plugin->takes_unusual();
        taps_ = taps_ || link.plugin->taps();
        if (foreseeing_ == nullptr && link.plugin->foresees()) foreseeing_ = link.plugin.get();
        links_[size_++] = std::move(link);
    }
    if (size_ == 0) return;
    char* at = nobody_answered_.data();
    for (const std::string_view part :
         {std::string_view{"plugin/"}, links_[size_ - 1].name.substr(0, name_octets_max),
          std::string_view{": no next plugin found"}}) {
        at = std::ranges::copy(part, at).out;
    }
    nobody_answered_size_ = static_cast<std::size_t>(at - nobody_answered_.data());
}

bool Chain::admits(Query& query) const noexcept {
    query.set_metadata_source(this);
    for (std::size_t at = 0; at < size_; ++at) {
        if (!links_[at].plugin->admits(query)) return false;
    }
    return true;
}

bool Chain::search_path(std::string_view plugin, Query& query, SearchPath& path) const noexcept {
    for (std::size_t at = 0; at < size_; ++at) {
        if (links_[at].name == plugin) return links_[at].plugin->search_path(query, path);
    }
    return false;
}

std::optional<std::string_view> Chain::metadata(Query& query,
                                                std::string_view label) const noexcept {
    for (std::size_t at = 0; at < size_; ++at) {
        if (const auto value = links_[at].plugin->metadata(query, label)) return value;
    }
    return std::nullopt;
}

std::unique_ptr<ZoneRecords> Chain::zone_records(Query& query, dns::NameView name) const noexcept {
    for (std::size_t at = 0; at < size_; ++at) {
        if (auto records = links_[at].plugin->zone_records(query, name)) return records;
    }
    return nullptr;
}

void Chain::nobody_answered(const Query& query, Reply& reply) const noexcept {
    if (query.opcode() != dns::Opcode::query) {
        reply.rcode = dns::Rcode::not_imp;
    } else if (size_ != 0 && !query.is_unusual()) {
        // As CoreDNS: a block whose plugins all pass a question on has failed it. Without any, the
        // question is refused.
        reply.fail(std::string_view{nobody_answered_.data(), nobody_answered_size_});
    }
}

void Chain::tap(Query& query, const UpstreamExchange& exchange) const noexcept {
    for (std::size_t at = 0; at < size_; ++at) {
        if (links_[at].plugin->taps()) links_[at].plugin->tap(query, exchange);
    }
}

Step Chain::watched(WalkWatch::Part part, std::size_t at, Query& query,
                    Reply& reply) const noexcept {
    using Part = WalkWatch::Part;
    const Link& link = links_[at];
    WalkWatch* const watch = query.watch();
    const WalkWatch::Visit visit{.place = at, .name = link.name, .part = part};
    if (watch != nullptr) watch->begins(visit);
    Step step = Step::done;
    switch (part) {
    case Part::ask: step = link.plugin->ask(query, reply); break;
    case Part::woken: step = link.plugin->woken(query, reply); break;
    case Part::tell: step = link.plugin->tell(query, reply); break;
    }
    if (StageClock* const clock = query.clock(); clock != nullptr) {
        clock->lap(StageClock::plugin(link.kind, part == Part::tell));
    }
    if (watch != nullptr && query.watch() == watch) watch->ends(visit, step, query, reply);
    return step;
}

inline Step Chain::ask(std::size_t at, Query& query, Reply& reply) const noexcept {
    if (query.is_watched()) [[unlikely]]
        return watched(WalkWatch::Part::ask, at, query, reply);
    return links_[at].plugin->ask(query, reply);
}

inline Step Chain::woken(std::size_t at, Query& query, Reply& reply) const noexcept {
    if (query.is_watched()) [[unlikely]]
        return watched(WalkWatch::Part::woken, at, query, reply);
    return links_[at].plugin->woken(query, reply);
}

inline Step Chain::tell(std::size_t at, Query& query, Reply& reply) const noexcept {
    if (query.is_watched()) [[unlikely]]
        return watched(WalkWatch::Part::tell, at, query, reply);
    return links_[at].plugin->tell(query, reply);
}

Chain::Inwards Chain::walk_in(std::size_t from, Query& query, Reply& reply) const noexcept {
    for (std::size_t at = from; at < size_; ++at) {
        if (!meets(at, query)) continue;
        query.at_ = static_cast<std::uint8_t>(at);
        const Step step = ask(at, query, reply);
        switch (step) {
        case Step::next: break;
        case Step::done: query.answered_by_ = links_[at].kind; return {step, at};
        case Step::drop:
        case Step::wait: return {step, at};
        case Step::again:
            // A way out has not begun: the plugin is wrong, the client must not wait for it.
            reply.fail();
            return {Step::done, at};
        }
    }
    nobody_answered(query, reply);
    query.answered_by_ = 0;
    return {Step::done, size_};
}

std::uint64_t Chain::expects(dns::NameView name) const noexcept {
    std::uint64_t hash = 0;
    for (std::size_t at = 0; at < size_ && hash == 0; ++at) hash = links_[at].plugin->expects(name);
    return hash;
}

Step Chain::walk(Query& query, Reply& reply) const noexcept {
    query.set_metadata_source(this);
    return walk_out(walk_in(0, query, reply), query, reply);
}

Step Chain::walk_behind(std::size_t place, Query& query, Reply& reply) const noexcept {
    query.outermost_ = static_cast<std::uint8_t>(place);
    query.set_metadata_source(this);
    return walk_out(walk_in(place + 1, query, reply), query, reply);
}

Step Chain::resume(Query& query, Reply& reply) const noexcept {
    const std::size_t at = query.at_;
    if (std::exchange(query.outwards_, false)) {
        return walk_out({Step::done, at + 1U}, query, reply);
    }
    const Step step = woken(at, query, reply);
    switch (step) {
    case Step::next: return walk_out(walk_in(at + 1, query, reply), query, reply);
    case Step::done: query.answered_by_ = links_[at].kind; break;
    case Step::drop:
    case Step::wait: break;
    case Step::again: reply.fail(); return walk_out({Step::done, at}, query, reply);
    }
    return walk_out({step, at}, query, reply);
}

Step Chain::walk_out(Inwards inwards, Query& query, Reply& reply) const noexcept {
    std::size_t at = inwards.stopped_at;
    while (inwards.step == Step::done && at > query.outermost_) {
        --at;
        if (!meets(at, query)) continue;
        query.at_ = static_cast<std::uint8_t>(at);
        switch (tell(at, query, reply)) {
        case Step::next:
        case Step::done: break;
        case Step::drop: return Step::drop;
        case Step::wait: query.outwards_ = true; return Step::wait;
        case Step::again:
            if (query.turns_ == turns_max) {
                reply.fail();
                break;
            }
            ++query.turns_;
            reply = Reply{query.arena()};
            inwards = walk_in(at + 1, query, reply);
            at = inwards.stopped_at;
            break;
        }
    }
    return inwards.step;
}

}  // namespace nameplane::chain
