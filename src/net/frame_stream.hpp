#pragma once
// FrameStream: sends messages to a receiver by the Frame Streams protocol (dnstap's carrier), over
// libfstrm. A thread of its own connects, sends, and connects anew; who has a message never waits:
// it goes into a bounded queue, or nowhere. To readers that connect to us: net/frame_readers.

#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nameplane::net {

/// Where frames go.
struct FrameTarget {
    enum class Kind : std::uint8_t { unix_socket, tcp, tls };
    Kind kind = Kind::unix_socket;
    std::string path;                  ///< of the socket
    std::string host;                  ///< address or name
    std::string port;                  ///< number
    bool verify = true;                ///< TLS: the receiver must prove its host's name
    int send_buffer_octets = 1 << 20;  ///< TCP: what the kernel may hold
};

/// Memory for one message; submit() takes it.
struct FrameFree {
    void operator()(std::uint8_t* octets) const noexcept;
};
using Frame = std::unique_ptr<std::uint8_t[], FrameFree>;

/// Where messages are left: for a receiver, or for all readers that have come.
class FrameSink {
public:
    virtual ~FrameSink() = default;
    /// Whether somebody is there; a message that is not submitted then need not be made either.
    virtual bool is_connected() const noexcept = 0;
    /// Never blocks. Only one thread may use the same `worker`.
    virtual void submit(std::size_t worker, Frame frame, std::size_t octets) noexcept = 0;
    /// A message of that worker was not even made, for want of a receiver or of memory.
    virtual void dropped(std::size_t worker) noexcept = 0;
};

class FrameStream final : public FrameSink {
public:
    class Connection;
    class Incoming;

    struct Options {
        FrameTarget target;
        std::shared_ptr<Incoming> incoming;  ///< if not nullptr, connections come from there
        std::string content_type;            ///< "protobuf:dnstap.Dnstap"
        std::size_t workers = 1;             ///< each has a queue of its own
        std::size_t queue = 10'000;  ///< messages of one worker; rounded to what the library has
        metrics::Counter* dropped = nullptr;  ///< messages that went nowhere
    };
    /// Begins to connect; that nobody is there yet is no error.
    static Result<std::unique_ptr<FrameStream>> make(Options options);
    /// Sends what is queued if somebody takes it, and ends the thread: within seconds.
    ~FrameStream() override;
    FrameStream(const FrameStream&) = delete;
    FrameStream& operator=(const FrameStream&) = delete;

    bool is_connected() const noexcept override;
    /// nullptr if there is no memory.
    static Frame allocate(std::size_t octets) noexcept;
    void submit(std::size_t worker, Frame frame, std::size_t octets) noexcept override;
    void dropped(std::size_t worker) noexcept override { options_.dropped->add(worker); }

private:
    struct State;
    FrameStream(Options options, std::unique_ptr<State> state);

    Options options_;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::net
