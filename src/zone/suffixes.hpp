// hot path
#pragma once
// Suffixes: a name and all names above it, each with its hash; made once for a query, then used for
// every table that the name is looked up in. No heap.

#include <nameplane/dns/name.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace nameplane::zone {

/// Of a name in lower case, which must outlive it.
class Suffixes {
public:
    explicit Suffixes(dns::NameView name) noexcept : name_{name} {
        std::size_t at = 0;
        for (const std::uint8_t* wire = name.data(); wire[at] != 0; at += 1U + wire[at]) {
            starts_[count_++] = static_cast<std::uint8_t>(at);
        }
        starts_[count_] = static_cast<std::uint8_t>(at);
        hashes_[count_] = root_hash;
        for (std::size_t i = count_; i-- > 0;) {
            const std::uint8_t* const label = name.data() + starts_[i];
            hashes_[i] = with_label(hashes_[i + 1], label);
        }
        ++count_;
    }

    /// The root counted, too.
    std::size_t count() const noexcept { return count_; }
    /// The name without its first `i` labels: 0 is the name itself, count() - 1 the root.
    dns::NameView name(std::size_t i) const noexcept {
        return dns::NameView::trusted(name_.data() + starts_[i], name_.size() - starts_[i]);
    }
    std::uint32_t hash(std::size_t i) const noexcept { return hashes_[i]; }
    /// Which i of the above has as many labels as `above`, a name that this one is equal to or
    /// below.
    std::size_t place_of(dns::NameView above) const noexcept {
        return count_ - 1 - above.label_count();
    }

    static std::uint32_t hash_of(dns::NameView name) noexcept { return Suffixes{name}.hash(0); }
    /// That of "*" in front of the name of this hash.
    static std::uint32_t wildcard_hash(std::uint32_t parent) noexcept {
        constexpr std::uint8_t star[2] = {1, '*'};
        return with_label(parent, star);
    }

private:
    static constexpr std::uint32_t root_hash = 0x811c9dc5U;  // FNV-1a
    static std::uint32_t with_label(std::uint32_t hash, const std::uint8_t* label) noexcept {
        for (std::size_t i = 0; i <= label[0]; ++i) hash = (hash ^ label[i]) * 0x01000193U;
        return hash;
    }

    static constexpr std::size_t labels_max = 127;
    dns::NameView name_;
    std::size_t count_ = 0;
    std::array<std::uint8_t, labels_max + 1> starts_;   ///< the first count_ are set
    std::array<std::uint32_t, labels_max + 1> hashes_;  ///< likewise
};

}  // namespace nameplane::zone
