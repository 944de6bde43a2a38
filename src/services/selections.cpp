#include "services/selections.hpp"

#include <algorithm>

namespace nameplane::services {

bool SelectorSet::add(const Selector& selector) {
    if (bit_of(selector)) return true;
    if (selectors_.size() == max) return false;
    selectors_.push_back(selector);
    return true;
}

std::optional<std::uint8_t> SelectorSet::bit_of(const Selector& selector) const {
    const auto found = std::ranges::find(selectors_, selector);
    if (found == selectors_.end()) return std::nullopt;
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(found - selectors_.begin()));
}

std::uint8_t SelectorSet::judge(const Labels& labels) const {
    unsigned bits = 0;
    for (std::size_t i = 0; i < selectors_.size(); ++i) {
        if (selectors_[i].matches(labels)) bits |= 1U << i;
    }
    return static_cast<std::uint8_t>(bits);
}

std::string SelectorSet::to_string() const {
    std::string text;
    for (const Selector& selector : selectors_) text += selector.to_string() + '\n';
    return text;
}

}  // namespace nameplane::services
