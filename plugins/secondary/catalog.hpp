#pragma once
// Catalog: a catalog zone (RFC 9432), which lists the zones that a secondary is to serve. Read out
// of a zone as a whole; pure; any thread. A catalog with one mistake in it counts as none at all
// (RFC 9432 5.1), so that nobody takes its zones away on hearsay.

#include "zone/zone.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::plugins::secondary {

/// One zone of a catalog.
struct CatalogMember {
    std::string id;  ///< its unique label below `zones`: lower case, odd octets escaped
    dns::Name zone;  ///< in lower case
    std::optional<dns::Name> coo;  ///< the catalog that it may move to (RFC 9432 4.3.1), lower case
    std::vector<std::string> groups;  ///< sorted octets; without effect (RFC 9432 4.3.2)
};

struct Catalog {
    std::vector<CatalogMember> members;  ///< sorted by id, each id and each zone once
};

/// The most zones that one catalog may have.
inline constexpr std::size_t catalog_members_max = 100'000;

/// What `zone` lists. Properties that are not known are left out. The error says what is wrong, in
/// characters that a log can have.
Result<Catalog> read_catalog(const zone::Zone& zone);

/// Which members of a catalog are taken. Immutable; any thread.
struct CatalogFilter {
    std::vector<dns::Name> zones;  ///< these and all below them; empty: all

    bool accepts(dns::NameView member) const noexcept;
};

}  // namespace nameplane::plugins::secondary
