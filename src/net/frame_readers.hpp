#pragma once
// FrameReaders: sends messages to all readers that connect to us, by the Frame Streams protocol. A
// thread listens; each reader has a FrameStream, with a thread and bounded queues of its own: one
// that is slow loses messages and disturbs nobody else.

#include "base/fd.hpp"
#include "net/frame_stream.hpp"
#include "net/tls.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace nameplane::net {

class FrameReaders final : public FrameSink {
public:
    /// At the same time; others wait until one of them has gone.
    static constexpr std::size_t readers_max = 8;

    struct Options {
        FrameTarget at;  ///< where they come; an empty host is every address, port 0 a free one
        std::optional<TlsServer::Options> tls;  ///< its files are read anew for each reader
        std::string content_type;
        std::size_t workers = 1;
        std::size_t queue = 10'000;  ///< as of a FrameStream, for each reader
        metrics::Counter* dropped = nullptr;
    };
    /// Begins to listen. Where that fails, since the address is another one's or is not there, it
    /// is logged and tried again every second.
    explicit FrameReaders(Options options);
    /// Sends readers what is queued for them if they take it: within seconds.
    ~FrameReaders() override;
    FrameReaders(const FrameReaders&) = delete;
    FrameReaders& operator=(const FrameReaders&) = delete;

    bool is_connected() const noexcept override;
    void submit(std::size_t worker, Frame frame, std::size_t octets) noexcept override;
    void dropped(std::size_t worker) noexcept override { options_.dropped->add(worker); }

private:
    struct Slot {
        std::shared_ptr<FrameStream::Incoming> incoming;
        std::unique_ptr<FrameStream> stream;
    };
    struct Waiting;

    void run();
    Result<UniqueFd> bind() const;
    void listen();
    bool wait(bool for_readers, int patience_ms) const;
    bool place(Waiting& waiting);
    std::shared_ptr<const TlsServer> tls();

    Options options_;
    std::array<Slot, readers_max> slots_;
    std::atomic<std::size_t> used_{0};  // of slots_: those in front stay for good
    std::shared_ptr<const TlsServer> tls_;
    std::string last_error_;
    UniqueFd listener_;
    UniqueFd stop_;  // an eventfd
    std::thread thread_;
};

}  // namespace nameplane::net
