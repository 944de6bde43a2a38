#pragma once
// What a plugin whose zones are no zone::Zone lets others have of them as a whole: the records, for
// the plugin `transfer`.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/record.hpp>

#include <cstdint>

namespace nameplane {

/// A zone as it is at one moment, record by record. Made for one transfer, on its worker; keeps
/// what it reads from, or reads what the query it was made for sees (Query::services()).
class ZoneRecords {
public:
    enum class Step : std::uint8_t {
        record,  ///< `record` is the next one
        end,     ///< there was no other
        full,    ///< the arena is: ask again when it has been emptied
    };

    virtual ~ZoneRecords() = default;
    /// Valid as long as this object.
    virtual dns::Record soa() const noexcept = 0;
    /// The records of the zone but its SOA, in any order, each at least once. Must be quick: for
    /// one record, no walk over the zone. What `record` refers to lives as long as this object, or
    /// lies in `arena`.
    virtual Step next(Arena& arena, dns::Record& record) noexcept = 0;
};

}  // namespace nameplane
