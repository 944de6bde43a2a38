// hot path
#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <cstring>

namespace nameplane::plugins::templating {

bool Value::truth() const noexcept {
    switch (kind) {
    case Kind::nothing: return false;
    case Kind::boolean: return boolean;
    case Kind::integer: return integer != 0;
    case Kind::real: return real != 0;
    case Kind::text: return !text.empty();
    case Kind::list:
    case Kind::map: return !list.empty();
    case Kind::object: return !null;
    case Kind::objects: return integer != 0;
    }
    return false;
}

std::size_t Value::size() const noexcept {
    switch (kind) {
    case Kind::nothing:
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::text:
    case Kind::object: return 0;
    case Kind::list: return list.size();
    case Kind::map: return list.size() / 2;
    case Kind::objects: return static_cast<std::size_t>(integer);
    }
    return 0;
}

Value Value::element(std::size_t at) const noexcept {
    if (kind == Kind::objects) return object_of(object, from);
    return of(list[kind == Kind::map ? 2 * at + 1 : at]);
}

Value Value::value_of(std::string_view key) const noexcept {
    for (std::size_t i = 0; kind == Kind::map && i + 1 < list.size(); i += 2) {
        if (list[i] == key) return of(list[i + 1]);
    }
    return {};
}

void Output::add(std::string_view text) noexcept {
    if (text.size() > room_.size() - size_) {
        good_ = false;
        return;
    }
    std::ranges::copy(text, room_.data() + size_);
    size_ += text.size();
}

void Output::add_times(char c, std::size_t count) noexcept {
    if (count > room_.size() - size_) {
        good_ = false;
        return;
    }
    std::fill_n(room_.data() + size_, count, c);
    size_ += count;
}

Outcome keep(std::string_view text, Arena& arena, std::string_view& kept) noexcept {
    kept = {};
    if (text.empty()) return Outcome::good;
    const std::span<char> room = arena.array<char>(text.size());
    if (room.empty()) return Outcome::no_memory;
    std::memcpy(room.data(), text.data(), text.size());
    kept = {room.data(), room.size()};
    return Outcome::good;
}

}  // namespace nameplane::plugins::templating
