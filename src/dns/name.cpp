// hot path
#include "dns/octets.hpp"
#include <nameplane/dns/name.hpp>

#include <algorithm>

namespace nameplane::dns {

std::optional<NameView> NameView::check(std::span<const std::uint8_t> wire) noexcept {
    if (wire.empty() || wire.size() > name_octets_max) return std::nullopt;
    std::size_t at = 0;
    while (at < wire.size() && wire[at] != 0) {
        if (wire[at] > label_octets_max) return std::nullopt;
        at += 1U + wire[at];
    }
    if (at + 1 != wire.size()) return std::nullopt;
    return trusted(wire.data(), wire.size());
}

std::size_t NameView::label_count() const noexcept {
    std::size_t count = 0;
    for (const std::uint8_t* at = data_; *at != 0; at += 1U + *at) ++count;
    return count;
}

bool NameView::equals(NameView other) const noexcept {
    return size_ == other.size_ && equal_folded(data_, other.data_, size_);
}

bool NameView::is_under(NameView zone) const noexcept {
    if (size_ < zone.size_) return false;
    // The end must be compared from a label's start: "\3xaa" ends like "\2aa" does.
    const std::uint8_t* const tail = data_ + (size_ - zone.size_);
    const std::uint8_t* at = data_;
    while (at < tail) at += 1U + *at;
    return at == tail && equal_folded(tail, zone.data_, zone.size_);
}

std::optional<NameView> NameView::copy_to(Arena& arena) const noexcept {
    const std::span<std::uint8_t> room = arena.array<std::uint8_t>(size_);
    if (room.empty()) return std::nullopt;
    std::memcpy(room.data(), data_, size_);
    return trusted(room.data(), size_);
}

Name::Name(NameView view) noexcept : size_{static_cast<std::uint8_t>(view.size())} {
    std::ranges::copy(view.wire(), octets_.begin());
}

Name Name::lower() const noexcept {
    Name folded;
    folded.size_ = size_;
    copy_folded(folded.octets_.data(), octets_.data(), size_);
    return folded;
}

NameBuilder& NameBuilder::label(std::string_view text) noexcept {
    return append({}, text);
}

NameBuilder& NameBuilder::underscored(std::string_view text) noexcept {
    if (text.empty()) failed_ = true;
    return append("_", text);
}

NameBuilder& NameBuilder::append(std::string_view prefix, std::string_view text) noexcept {
    const std::size_t octets = prefix.size() + text.size();
    // One octet must stay for the final zero.
    if (octets == 0 || octets > label_octets_max || used_ + 1 + octets + 1 > octets_.size()) {
        failed_ = true;
    }
    if (failed_) return *this;
    octets_[used_] = static_cast<std::uint8_t>(octets);
    std::ranges::copy(prefix, octets_.begin() + static_cast<std::ptrdiff_t>(used_ + 1));
    std::ranges::copy(text,
                      octets_.begin() + static_cast<std::ptrdiff_t>(used_ + 1 + prefix.size()));
    used_ += 1 + octets;
    return *this;
}

std::optional<NameView> NameBuilder::finish(NameView suffix) noexcept {
    const std::size_t octets = used_ + suffix.size();
    if (failed_ || octets > name_octets_max) return std::nullopt;
    const std::span<std::uint8_t> room = arena_->array<std::uint8_t>(octets);
    if (room.empty()) return std::nullopt;
    std::memcpy(room.data(), octets_.data(), used_);
    std::memcpy(room.data() + used_, suffix.data(), suffix.size());
    return NameView::trusted(room.data(), octets);
}

}  // namespace nameplane::dns
