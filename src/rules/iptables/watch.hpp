#pragma once
// TableWatch: notices that somebody else replaced a table, without libiptc. The kernel tells how
// many entries and octets a table has for next to nothing, so a flush or another rule is seen at
// once; a change that keeps both is seen by a digest of all entries, taken once a second, of tables
// that are not huge. Rule thread only.

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
    TableWatch(Family family, TableName name) : family_{family}, name_{name} {}

    /// How the table is now, is how it shall be.
    void remember();
    /// Whether it is otherwise, or gone.
    bool changed();

    /// Larger tables have no digest: reading them would cost more than all else we do.
    static constexpr std::size_t digest_octets_max = 8 * 1024 * 1024;

private:
    /// What IPT_SO_GET_INFO tells: where the built-in chains begin and end, entries, octets.
    using Shape = std::array<std::uint32_t, 13>;
    std::optional<Shape> shape();
    std::optional<std::uint64_t> digest(const Shape& shape);

    Family family_;
    TableName name_;
    UniqueFd socket_;
    std::optional<Shape> shape_;
    std::optional<std::uint64_t> digest_;
    std::chrono::steady_clock::time_point digest_at_{};
};

}  // namespace nameplane::rules::iptables
