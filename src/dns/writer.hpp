// hot path
#pragma once
// Writer: puts names and records into a message, compressing names (RFC 1035 4.1.4, RFC 3597 4).
// Nothing is written behind the limit: a step that does not fit says so and is to be undone with
// rewind().

#include "dns/name_table.hpp"
#include "dns/parse.hpp"
#include <nameplane/dns/record.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::dns {

/// Used for one message. The header's 12 octets are left to the caller, the question goes first.
class Writer {
public:
    /// `out` is the message from its header on, as large as it may get.
    explicit Writer(std::span<std::uint8_t> out) noexcept : out_{out} {}

    std::size_t size() const noexcept { return at_; }
    /// Back to an earlier size(). Names written since must not be referred to: after a rewind only
    /// raw() is of use.
    void rewind(std::size_t size) noexcept { at_ = size; }

    /// The question as it was asked. Once, before any record.
    bool question(const Question& question) noexcept;
    /// A whole record. False if it does not fit; part of it may then be written.
    bool record(const Record& record) noexcept;
    /// `octets` of room to fill, or nullptr.
    std::uint8_t* raw(std::size_t octets) noexcept {
        if (out_.size() - at_ < octets) return nullptr;
        at_ += octets;
        return out_.data() + at_ - octets;
    }

private:
    enum class Compress : bool { no, yes };
    /// Where a name's labels start in it.
    struct Labels {
        explicit Labels(NameView name) noexcept;
        std::size_t count = 0;
        std::array<std::uint8_t, name_octets_max / 2> at;  ///< the first `count` are set
    };

    bool name(NameView name, Compress compress) noexcept;
    bool pointer(std::size_t target) noexcept;
    std::size_t place_in_question(NameView name) const noexcept;
    bool name_by_label(NameView name, Compress compress) noexcept;
    const Labels& question_labels() noexcept;

    bool rdata(const Record& record) noexcept;
    bool address(const IpAddress& address) noexcept;
    bool srv(const SrvData& srv) noexcept;
    bool mx(const MxData& mx, Compress compress) noexcept;
    bool soa(const SoaData& soa, Compress compress) noexcept;
    bool octets(std::span<const std::uint8_t> octets) noexcept;

    std::span<std::uint8_t> out_;
    std::size_t at_ = 12;
    NameView asked_;    ///< the question's name in the query's own octets
    NameView lowered_;  ///< the same in lower case: most owners are this very view
    NameView last_;     ///< the name written last, by its address; at last_place_ unless that is 0
    std::size_t last_place_ = 0;
    // Both are made when a name is met that is not the question's by address.
    std::optional<Labels> question_labels_;
    std::optional<NameTable> table_;  ///< names that the question does not have
};

}  // namespace nameplane::dns
