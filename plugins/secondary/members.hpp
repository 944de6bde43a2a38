#pragma once
// Members: which zones the catalogs of a secondary make it serve, and for which catalog each is
// served: what an update of one catalog changes for all of them (RFC 9432 4.4.1 and 5). Knows
// no socket and holds no zone; one thread.

#include "plugins/secondary/catalog.hpp"
#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::plugins::secondary {

/// A catalog as it is configured.
struct CatalogRule {
    dns::Name origin;  ///< lower case
    CatalogFilter filter;
};

/// What has to be done for one zone.
struct MemberChange {
    enum class What : std::uint8_t {
        added,
        removed,
        reset,  ///< all that is known of it is to be forgotten: it is another zone of that name
        moved,  ///< to another catalog, which keeps what is known of it
    };
    What what = What::added;
    dns::Name zone;
    std::size_t catalog = 0;  ///< whose it is now; of a removed one, whose it was
};

/// A zone that a catalog has, and the unique label that it was taken under.
struct OwnedMember {
    dns::Name zone;
    std::string id;
};

/// Catalogs are meant by their place in the rules.
class Members {
public:
    /// Zones `by_hand` are never members; origins of catalogs belong to them.
    Members(std::vector<CatalogRule> rules, const std::vector<dns::Name>& by_hand);

    struct Update {
        std::vector<MemberChange> changes;
        /// Zones that somebody else has, who keeps them; those only that were not named before.
        std::vector<dns::Name> refused;
        std::size_t outside = 0;  ///< members that the filter leaves out
        std::size_t members = 0;  ///< that the catalog has now
    };
    /// `catalog` lists this from now on.
    Update update(std::size_t catalog, std::shared_ptr<const Catalog> listing);

    /// What was so in the configuration before this one: the members that still may be are taken as
    /// they are, and returned. Before the first update().
    std::vector<OwnedMember> restore(std::size_t catalog, std::shared_ptr<const Catalog> listing,
                                     const std::vector<OwnedMember>& owned);

    const std::vector<CatalogRule>& rules() const noexcept { return rules_; }
    /// What the catalog listed last; nullptr: nothing yet.
    const std::shared_ptr<const Catalog>& listing(std::size_t catalog) const noexcept {
        return listed_[catalog].whole;
    }
    std::vector<OwnedMember> owned_by(std::size_t catalog) const;

private:
    using Key = std::string;  // a name's wire form
    struct Listed {
        std::shared_ptr<const Catalog> whole;
        std::map<Key, const CatalogMember*> accepted;  ///< by the filter; of `whole`
    };
    struct Owner {
        std::size_t catalog = 0;
        std::string id;
    };

    Listed read(std::size_t catalog, std::shared_ptr<const Catalog> listing,
                std::size_t& outside) const;
    const CatalogMember* find(std::size_t catalog, const Key& key) const noexcept;
    void settle(const Key& key, std::size_t updated, Update& update);
    void settle_owned(const Key& key, Owner& owner, std::size_t updated, Update& update);
    void let_go(const Key& key, Update& update);
    void settle_foreign(const Key& key, Owner& owner, std::size_t updated, Update& update);
    void refuse(const Key& key, std::size_t updated, Update& update);

    std::vector<CatalogRule> rules_;
    std::set<Key> by_hand_;
    std::vector<Listed> listed_;
    std::map<Key, Owner> owners_;
    std::set<std::pair<std::size_t, Key>> refused_;  ///< those that were named
};

}  // namespace nameplane::plugins::secondary
