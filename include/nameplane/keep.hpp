// hot path
#pragma once
// keep: records that outlive what they are views of. For a plugin that has an answer of the plugins
// behind it and lets the query go on: while it waits, what they answered from may be exchanged.

#include <nameplane/base/arena.hpp>
#include <nameplane/reply.hpp>

#include <algorithm>
#include <variant>

namespace nameplane {

/// Copies what the records refer to into `arena`; false when it is full, and they are then useless.
inline bool keep(Section& section, Arena& arena) noexcept {
    const auto keep_name = [&](dns::NameView& name) {
        const auto copy = name.copy_to(arena);
        if (copy) name = *copy;
        return copy.has_value();
    };
    for (dns::Record& record : section.records()) {
        bool kept = keep_name(record.owner);
        if (auto* const name = std::get_if<dns::NameView>(&record.data)) {
            kept = kept && keep_name(*name);
        } else if (auto* const srv = std::get_if<dns::SrvData>(&record.data)) {
            kept = kept && keep_name(srv->target);
        } else if (auto* const mx = std::get_if<dns::MxData>(&record.data)) {
            kept = kept && keep_name(mx->exchange);
        } else if (auto* const soa = std::get_if<dns::SoaData>(&record.data)) {
            kept = kept && keep_name(soa->mname) && keep_name(soa->rname);
        } else if (auto* const raw = std::get_if<dns::RawData>(&record.data)) {
            const auto copy = arena.array<std::uint8_t>(raw->size());
            kept = kept && copy.size() == raw->size();
            if (kept) std::copy(raw->begin(), raw->end(), copy.begin());
            *raw = copy;
        }
        if (!kept) return false;
    }
    return true;
}

}  // namespace nameplane
