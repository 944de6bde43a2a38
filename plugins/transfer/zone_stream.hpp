#pragma once
// ZoneStream: the messages of a transfer: SOA, all records, SOA, in messages of about
// octets_wanted.

#include <nameplane/base/metrics.hpp>
#include <nameplane/dns/record.hpp>
#include <nameplane/stream.hpp>
#include <nameplane/transfer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace nameplane::plugins::transfer {

/// 0 if it is no SOA.
std::uint32_t serial_of(const dns::Record& soa) noexcept;
/// Of a record, before compression.
std::size_t octets_of(const dns::Record& record) noexcept;

class ZoneStream final : public AnswerStream {
public:
    /// Compression can point at the first 16 KiB of a message only, and a worker makes a message in
    /// one go.
    static constexpr std::size_t octets_wanted = 16 << 10;

    ZoneStream(std::unique_ptr<ZoneRecords> records, std::size_t worker, metrics::Counter& whole,
               metrics::Counter& broken_off) noexcept;
    /// Counts it as broken off if its end was not reached.
    ~ZoneStream() override;

    Went next(Reply& reply, Arena& arena) noexcept override;
    void want_one_message() noexcept override;

private:
    bool take(const dns::Record& record, Reply& reply) noexcept;
    void hold(const dns::Record& record, dns::RawData data);

    std::unique_ptr<ZoneRecords> records_;
    std::size_t worker_;
    metrics::Counter& whole_;
    metrics::Counter& broken_off_;
    std::size_t wanted_ = octets_wanted;
    std::size_t octets_ = 0;  // of the message that is being made, before compression
    bool begun_ = false;
    bool ended_ = false;
    // A record too large for the message at hand, for the next one.
    bool holds_ = false;
    dns::Record held_;
    dns::Name held_owner_;
    std::vector<std::uint8_t> held_data_;
};

}  // namespace nameplane::plugins::transfer
