// hot path
#include "zone/store.hpp"

namespace nameplane::zone {

const ZoneSet::Entry* ZoneSet::at(const Suffixes& name, std::size_t i) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    const dns::NameView wanted = name.name(i);
    for (std::size_t slot = name.hash(i) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        const Entry& entry = entries_[slots_[slot] - 1];
        if (entry.origin.view().equals(wanted)) return &entry;
    }
    return nullptr;
}

const ZoneSet::Entry* ZoneSet::find(const Suffixes& name) const noexcept {
    if (entries_.empty()) return nullptr;
    for (std::size_t i = 0; i < name.count(); ++i) {
        if (const Entry* entry = at(name, i)) return entry;
    }
    return nullptr;
}

const ZoneSet::Entry* ZoneSet::find_exact(dns::NameView origin) const noexcept {
    if (entries_.empty()) return nullptr;
    const dns::Name lower = dns::Name{origin}.lower();
    return at(Suffixes{lower}, 0);
}

}  // namespace nameplane::zone
