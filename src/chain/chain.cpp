// hot path
#include "chain/chain.hpp"

#include <nameplane/base/check.hpp>

#include <utility>

namespace nameplane::chain {

Chain::Chain(std::span<Link> links) {
    NP_CHECK(links.size() <= plugins_in_chain_max, "the builder refuses longer chains");
    for (Link& link : links) {
        takes_all_classes_ = takes_all_classes_ || link.plugin->takes_all_classes();
        links_[size_++] = std::move(link);
    }
}

std::optional<std::string_view> Chain::metadata(Query& query,
                                                std::string_view label) const noexcept {
    for (std::size_t at = 0; at < size_; ++at) {
        if (const auto value = links_[at].plugin->metadata(query, label)) return value;
    }
    return std::nullopt;
}

Chain::Inwards Chain::walk_in(std::size_t from, Query& query, Reply& reply) const noexcept {
    for (std::size_t at = from; at < size_; ++at) {
        switch (links_[at].plugin->ask(query, reply)) {
        case Step::next: break;
        case Step::done: return {Step::done, at};
        case Step::drop: return {Step::drop, at};
        case Step::again:
            // A way out has not begun: the plugin is wrong, the client must not wait for it.
            reply.fail();
            return {Step::done, at};
        }
    }
    return {Step::done, size_};
}

std::uint64_t Chain::expects(dns::NameView name) const noexcept {
    std::uint64_t hash = 0;
    for (std::size_t at = 0; at < size_ && hash == 0; ++at) hash = links_[at].plugin->expects(name);
    return hash;
}

Step Chain::walk(Query& query, Reply& reply) const noexcept {
    query.set_metadata_source(this);
    Inwards inwards = walk_in(0, query, reply);
    std::size_t turns = 1;
    std::size_t at = inwards.stopped_at;
    while (inwards.step != Step::drop && at > 0) {
        --at;
        switch (links_[at].plugin->tell(query, reply)) {
        case Step::next:
        case Step::done: break;
        case Step::drop: return Step::drop;
        case Step::again:
            if (turns == turns_max) {
                reply.fail();
                break;
            }
            ++turns;
            reply = Reply{query.arena()};
            inwards = walk_in(at + 1, query, reply);
            at = inwards.stopped_at;
            break;
        }
    }
    return inwards.step;
}

}  // namespace nameplane::chain
