#pragma once
// TableWatch: notices that somebody else replaced a table, without libiptc. The kernel tells how
// many entries and octets a table has for next to nothing, so a flush or another rule is seen at
// once; a change that keeps both is seen by a digest of all entries, taken once a second of tables
// that are not huge, and of any when the caller has a reason. Rule thread only.

#include "base/fd.hpp"
#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace nameplane::rules::iptables {

class TableWatch {
public:
    /// Larger tables than `routine_octets_max` are not looked at once a second: reading them would
    /// cost more than all else we do.
    TableWatch(Family family, TableName name, std::size_t routine_octets_max)
        : family_{family}, name_{name}, routine_octets_max_{routine_octets_max} {}

    /// How the table is now, is how it shall be. `closely`: take the digest of a large one, too.
    void remember(bool closely);
    bool has_digest() const noexcept { return digest_.has_value(); }
    /// Whether it is otherwise, or gone. `closely`: do not wait for the digest's next turn; without
    /// a digest the answer is yes, since nobody can tell.
    bool changed(bool closely);

private:
    /// What IPT_SO_GET_INFO tells: where the built-in chains begin and end, entries, octets.
    using Shape = std::array<std::uint32_t, 13>;
    std::optional<Shape> shape();
    std::optional<std::uint64_t> digest(const Shape& shape);

    Family family_;
    TableName name_;
    std::size_t routine_octets_max_;
    UniqueFd socket_;
    std::optional<Shape> shape_;
    std::optional<std::uint64_t> digest_;
    std::chrono::steady_clock::time_point digest_at_{};
};

}  // namespace nameplane::rules::iptables
