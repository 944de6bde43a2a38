// hot path
#pragma once
// edns: lists of EDNS options in an arena, one option changed at a time.

#include "dns/octets.hpp"
#include "dns/reader.hpp"
#include <nameplane/base/arena.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::plugins::rewriting {

using Octets = std::span<const std::uint8_t>;

struct EdnsOption {
    std::uint16_t code = 0;
    Octets data;
};

/// Takes the next option off; nothing at the end and where it is malformed.
inline std::optional<EdnsOption> take_option(dns::ByteReader& reader) noexcept {
    const auto code = reader.u16();
    const auto length = reader.u16();
    if (!code || !length) return std::nullopt;
    const auto data = reader.octets(*length);
    if (!data) return std::nullopt;
    return EdnsOption{*code, *data};
}

inline std::optional<Octets> find_option(Octets options, std::uint16_t code) noexcept {
    dns::ByteReader reader{options};
    while (const auto option = take_option(reader)) {
        if (option->code == code) return option->data;
    }
    return std::nullopt;
}

/// Room for options that replaces a list.
class OptionList {
public:
    explicit OptionList(std::span<std::uint8_t> room) noexcept : room_{room} {}
    void add(const EdnsOption& option) noexcept {
        if (room_.size() - used_ < 4 + option.data.size()) return;
        dns::store16(room_.data() + used_, option.code);
        dns::store16(room_.data() + used_ + 2, static_cast<std::uint16_t>(option.data.size()));
        std::copy(option.data.begin(), option.data.end(), room_.data() + used_ + 4);
        used_ += 4 + option.data.size();
    }
    Octets octets() const noexcept { return room_.first(used_); }

private:
    std::span<std::uint8_t> room_;
    std::size_t used_ = 0;
};

/// `options` with the first `code` set to `data`; added at the end if it is not there. Nothing when
/// the arena is full.
inline std::optional<Octets> with_option(Arena& arena, Octets options,
                                         const EdnsOption& wanted) noexcept {
    const auto room = arena.array<std::uint8_t>(options.size() + 4 + wanted.data.size());
    if (room.empty()) return std::nullopt;
    OptionList list{room};
    bool found = false;
    dns::ByteReader reader{options};
    while (const auto option = take_option(reader)) {
        const bool replace = !found && option->code == wanted.code;
        list.add(replace ? wanted : *option);
        found = found || replace;
    }
    if (!found) list.add(wanted);
    return list.octets();
}

/// `options` without those that have `code`.
inline Octets without_option(Arena& arena, Octets options, std::uint16_t code) noexcept {
    if (!find_option(options, code)) return options;
    OptionList list{arena.array<std::uint8_t>(options.size())};
    dns::ByteReader reader{options};
    while (const auto option = take_option(reader)) {
        if (option->code != code) list.add(*option);
    }
    return list.octets();
}

}  // namespace nameplane::plugins::rewriting
