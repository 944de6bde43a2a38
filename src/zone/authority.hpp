#pragma once
// Authority: how the plugins that serve zones answer: file, auto, secondary. They differ in where
// their zones come from.

#include "zone/lookup.hpp"
#include "zone/store.hpp"
#include <nameplane/plugin.hpp>
#include <nameplane/zones.hpp>

#include <memory>
#include <optional>
#include <string_view>

namespace nameplane::zone {

/// A part of a plugin, which hands its own functions on to it.
class Authority {
public:
    struct Options {
        Fallthrough fallthrough;
        /// AA also where a CNAME leads to a delegation; CoreDNS' auto has it off.
        bool authoritative_aliases = true;
        /// Names in none of its zones are refused: nobody stands behind it.
        bool refuses_others = false;
    };
    Authority(std::shared_ptr<Store> store, Options options)
        : store_{std::move(store)}, options_{std::move(options)} {}

    /// Of `plugin`, whose Query::keep() is the authority's.
    [[nodiscard]] Step ask(const Plugin* plugin, Query& query, Reply& reply) const noexcept;
    [[nodiscard]] Step woken(const Plugin* plugin, Query& query, Reply& reply) const noexcept;
    /// "zone/wildcard": the wildcard that made the answer.
    std::optional<std::string_view> metadata(const Plugin* plugin, Query& query,
                                             std::string_view label) const noexcept;

    Store& store() const noexcept { return *store_; }

private:
    /// Of one query.
    struct Note {
        const Reply* found = nullptr;  ///< what came of the look-up
        std::string_view wildcard;
    };
    Step look_up(const Plugin* plugin, dns::NameView target, const Zone& zone, Query& query,
                 Reply& reply) const noexcept;
    Step not_mine(Reply& reply) const noexcept;
    Step end(Outcome outcome, Reply& reply) const noexcept;

    std::shared_ptr<Store> store_;
    Options options_;
};

}  // namespace nameplane::zone
