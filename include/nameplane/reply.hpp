#pragma once
// Reply: the answer while it walks through the chain. Sections hold views of records; memory comes
// from the query's arena.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/record.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nameplane {

/// One section: a growing array in the arena.
class Section {
public:
    std::span<dns::Record> records() noexcept { return {data_, size_}; }
    std::span<const dns::Record> records() const noexcept { return {data_, size_}; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /// Room for `count` records in all, so that adding them copies nothing and cannot fail. False
    /// when the arena is full; the section is then unchanged.
    bool reserve(Arena& arena, std::size_t count) noexcept {
        if (count <= capacity_) return true;
        const std::span<dns::Record> larger = arena.array<dns::Record>(count);
        if (larger.empty()) return false;
        for (std::uint32_t i = 0; i < size_; ++i) larger[i] = data_[i];
        data_ = larger.data();
        capacity_ = static_cast<std::uint32_t>(count);
        return true;
    }
    /// False when the arena is full; the section is then unchanged.
    bool add(Arena& arena, const dns::Record& record) noexcept {
        if (size_ == capacity_ && !reserve(arena, capacity_ == 0 ? 8 : capacity_ * 2U))
            return false;
        data_[size_++] = record;
        return true;
    }
    void clear() noexcept { size_ = 0; }

private:
    dns::Record* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};

/// Used by one worker for one query. When the arena is full the reply becomes SERVFAIL and empty:
/// add functions need no checking by the caller.
class Reply {
public:
    explicit Reply(Arena& arena) noexcept : arena_{&arena} {}

    dns::Rcode rcode = dns::Rcode::refused;
    bool authoritative = false;
    bool recursion_available = false;
    bool truncated = false;  ///< set by who knows that data is missing, besides the encoder
    /// RD as the client shall see it; unset: as the client sent it.
    std::optional<bool> recursion_desired;
    /// No datagram with this answer may be larger; 0: as the client and the server agree.
    std::uint16_t udp_size_max = 0;
    /// Why the query failed, for people (see the plugin `errors`); empty when it did not.
    std::string_view error;

    const Section& answers() const noexcept { return answers_; }
    const Section& authorities() const noexcept { return authorities_; }
    const Section& additionals() const noexcept { return additionals_; }
    Section& answers() noexcept { return answers_; }
    Section& authorities() noexcept { return authorities_; }
    Section& additionals() noexcept { return additionals_; }

    void answer(const dns::Record& record) noexcept { add(answers_, record); }
    /// An option of our OPT record, sent if the client sent one. `data` lives until then.
    void edns_option(std::uint16_t code, std::span<const std::uint8_t> data) noexcept;
    /// Well-formed pairs of code and length with their data.
    std::span<const std::uint8_t> edns_options() const noexcept { return edns_options_; }

    void authority(const dns::Record& record) noexcept { add(authorities_, record); }
    void additional(const dns::Record& record) noexcept { add(additionals_, record); }
    /// An A or AAAA record.
    void answer(dns::NameView owner, dns::Ttl ttl, const IpAddress& address) noexcept {
        answer(dns::Record{.owner = owner,
                           .type = dns::type_of(address),
                           .klass = dns::Class::in,
                           .ttl = ttl,
                           .data = address});
    }
    /// Empty, SERVFAIL or what is said. It is the server's failure, no answer of a plugin's, and so
    /// those on the way out leave it alone.
    void fail(dns::Rcode as = dns::Rcode::serv_fail) noexcept {
        answers_.clear();
        authorities_.clear();
        additionals_.clear();
        authoritative = recursion_available = truncated = false;
        rcode = as;
        failed_ = true;
    }
    /// The same, and why: `reason` lives until the answer is sent.
    void fail(std::string_view reason) noexcept {
        fail();
        error = reason;
    }
    /// A plugin answers with this failure: failed() is false from here on.
    void own_failure() noexcept { failed_ = false; }
    /// Whether fail() was called, by a plugin or for want of memory.
    bool failed() const noexcept { return failed_; }

private:
    void add(Section& section, const dns::Record& record) noexcept {
        if (failed_) return;
        if (!section.add(*arena_, record)) fail();
    }

    Arena* arena_;
    Section answers_;
    Section authorities_;
    Section additionals_;
    std::span<const std::uint8_t> edns_options_;
    bool failed_ = false;
};

inline void Reply::edns_option(std::uint16_t code, std::span<const std::uint8_t> data) noexcept {
    constexpr std::size_t octets_max = 4096;
    const std::size_t before = edns_options_.size();
    if (before + 4 + data.size() > octets_max) return;
    const std::span<std::uint8_t> all = arena_->array<std::uint8_t>(before + 4 + data.size());
    if (all.empty()) return fail();
    std::copy(edns_options_.begin(), edns_options_.end(), all.begin());
    const std::size_t length = data.size();
    all[before] = static_cast<std::uint8_t>(code >> 8U);
    all[before + 1] = static_cast<std::uint8_t>(code);
    all[before + 2] = static_cast<std::uint8_t>(length >> 8U);
    all[before + 3] = static_cast<std::uint8_t>(length);
    std::copy(data.begin(), data.end(), all.begin() + static_cast<std::ptrdiff_t>(before + 4));
    edns_options_ = all;
}

}  // namespace nameplane
