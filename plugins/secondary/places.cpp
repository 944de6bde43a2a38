#include "plugins/secondary/places.hpp"

#include "zone/suffixes.hpp"

#include <bit>
#include <utility>

namespace nameplane::plugins::secondary {

std::string key_of(dns::NameView lower) {
    return {reinterpret_cast<const char*>(lower.data()), lower.size()};
}

PlaceSet::PlaceSet(std::vector<PlacePtr> places)
    : places_{std::move(places)}, slots_(std::bit_ceil(places_.size() * 2 + 1)) {
    const std::size_t mask = slots_.size() - 1;
    for (std::uint32_t i = 0; i < places_.size(); ++i) {
        std::size_t slot = zone::Suffixes::hash_of(places_[i]->origin) & mask;
        while (slots_[slot] != 0) slot = (slot + 1) & mask;
        slots_[slot] = i + 1;
    }
}

const Place* PlaceSet::find(dns::NameView name) const noexcept {
    const zone::Suffixes suffixes{name};
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = 0; i < suffixes.count(); ++i) {
        for (std::size_t slot = suffixes.hash(i) & mask; slots_[slot] != 0;
             slot = (slot + 1) & mask) {
            const Place& place = *places_[slots_[slot] - 1];
            if (place.origin.view().equals(suffixes.name(i))) return &place;
        }
    }
    return nullptr;
}

Places::Places(std::size_t workers, std::vector<PlacePtr> first)
    : set_{std::make_shared<const PlaceSet>(std::move(first))}, readers_{workers} {
    for (std::size_t i = 0; i < workers; ++i) readers_.at(i).reader.emplace(set_);
}

void Places::publish(std::vector<PlacePtr> next) {
    set_.publish(std::make_shared<const PlaceSet>(std::move(next)));
}

}  // namespace nameplane::plugins::secondary
