#include "rules/iptables/bit_tree.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

/// So many bits are decided by one list.
constexpr unsigned step_bits = 4;

/// How many leading bits two keys of one size have in common.
unsigned common_bits(const BitKey& a, const BitKey& b) {
    for (std::size_t i = 0; i < a.octets.size(); ++i) {
        const auto differs = static_cast<std::uint8_t>(a.octets[i] ^ b.octets[i]);
        if (differs != 0)
            return static_cast<unsigned>(i * 8) + static_cast<unsigned>(std::countl_zero(differs));
    }
    return a.size;
}

class Divider {
public:
    explicit Divider(std::span<const BitKey> keys) : keys_{keys}, order_(keys.size()) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::stable_sort(order_, {}, [&](std::size_t item) { return keys[item]; });
    }

    std::vector<BitList> run() {
        add(std::nullopt, order_);
        return std::move(lists_);
    }

private:
    using Items = std::span<const std::size_t>;

    void add(const std::optional<BitRange>& range, Items items) {
        const std::size_t index = lists_.size();
        lists_.push_back({range, {}});
        std::vector<BitEntry> entries;
        const bool one_key = items.empty() || keys_[items.front()] == keys_[items.back()];
        if (items.size() <= undivided_rules_max || one_key) {
            for (const std::size_t item : items) entries.push_back({item, std::nullopt});
        } else {
            divide(items, entries);
        }
        lists_[index].entries = std::move(entries);
    }

    void divide(Items items, std::vector<BitEntry>& entries) {
        const unsigned common = common_bits(keys_[items.front()], keys_[items.back()]);
        const unsigned decided = (common / step_bits + 1) * step_bits;
        while (!items.empty()) {
            const BitRange range = BitRange::around(keys_[items.front()], decided);
            const auto end = std::ranges::find_if_not(
                items, [&](std::size_t item) { return range.contains(keys_[item]); });
            const Items inside = items.first(static_cast<std::size_t>(end - items.begin()));
            items = items.subspan(inside.size());
            if (inside.size() == 1) {
                entries.push_back({inside.front(), std::nullopt});
                continue;
            }
            entries.push_back({0, range});
            add(range, inside);
        }
    }

    std::span<const BitKey> keys_;
    std::vector<std::size_t> order_;
    std::vector<BitList> lists_;
};

}  // namespace

BitRange BitRange::around(const BitKey& key, unsigned length) noexcept {
    BitRange range{key, static_cast<std::uint8_t>(length)};
    for (std::size_t i = 0; i < key.octets.size(); ++i) {
        const std::size_t kept = std::clamp<std::size_t>(length, i * 8, i * 8 + 8) - i * 8;
        const unsigned mask = 0xff00U >> kept;
        range.first.octets[i] = static_cast<std::uint8_t>(key.octets[i] & mask);
    }
    return range;
}

bool BitRange::contains(const BitKey& key) const noexcept {
    return common_bits(first, key) >= length;
}

std::vector<BitList> divide_by_bits(std::span<const BitKey> keys) {
    return Divider{keys}.run();
}

}  // namespace nameplane::rules::iptables
