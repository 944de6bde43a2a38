#pragma once
// Reply: the answer while it walks through the chain. Sections hold views of records; memory comes
// from the query's arena.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/record.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

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

    const Section& answers() const noexcept { return answers_; }
    const Section& authorities() const noexcept { return authorities_; }
    const Section& additionals() const noexcept { return additionals_; }
    Section& answers() noexcept { return answers_; }
    Section& authorities() noexcept { return authorities_; }
    Section& additionals() noexcept { return additionals_; }

    void answer(const dns::Record& record) noexcept { add(answers_, record); }
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
    /// Empty, SERVFAIL.
    void fail() noexcept {
        answers_.clear();
        authorities_.clear();
        additionals_.clear();
        rcode = dns::Rcode::serv_fail;
        failed_ = true;
    }
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
    bool failed_ = false;
};

}  // namespace nameplane
