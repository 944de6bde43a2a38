#include "net/frame_readers.hpp"

#include "net/frame_connection.hpp"
#include "net/socket.hpp"
#include <nameplane/base/log.hpp>

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace nameplane::net {

namespace {

constexpr int backlog = 16;
constexpr int again_ms = 1000;  // where nothing can be bound
constexpr int places_ms = 250;  // where a reader waits for another to go

sockaddr_un address_of(const std::string& path) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    return address;
}

// What is left of a program that was killed: nobody answers there.
bool is_left_over(const sockaddr_un& address) noexcept {
    const UniqueFd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return probe &&
           ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
               0 &&
           errno == ECONNREFUSED;
}

Result<UniqueFd> bound_unix(const std::string& path) {
    const sockaddr_un address = address_of(path);
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) return errno_error(errno, "socket");
    if (is_left_over(address)) ::unlink(path.c_str());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return errno_error(errno, "bind " + path);
    }
    return socket;
}

Result<UniqueFd> bound_host(const FrameTarget& at) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE;
    // Every address is one socket for both families.
    if (at.host.empty()) wanted.ai_family = has_ipv6() ? AF_INET6 : AF_INET;
    const std::string text = "bind " + at.host + ':' + at.port;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(at.host.empty() ? nullptr : at.host.c_str(), at.port.c_str(),
                                   &wanted, &found);
    if (code != 0) return Error{Errc::invalid, text + ": " + ::gai_strerror(code)};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all{found, &::freeaddrinfo};
    UniqueFd socket{::socket(all->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) return errno_error(errno, "socket");
    set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(socket.get(), all->ai_addr, all->ai_addrlen) != 0) return errno_error(errno, text);
    return socket;
}

bool is_unix(const FrameTarget& at) noexcept {
    return at.kind == FrameTarget::Kind::unix_socket;
}

std::string text_of(const FrameTarget& at, int listener) {
    return is_unix(at) ? at.path : local_address(listener).to_string();
}

}  // namespace

struct FrameReaders::Waiting {
    FrameStream::Incoming::Reader reader;
};

FrameReaders::FrameReaders(Options options) : options_{std::move(options)} {
    stop_ = UniqueFd{::eventfd(0, EFD_CLOEXEC)};
    NP_CHECK(stop_, "a process that starts has descriptors");
    thread_ = std::thread{[this] { run(); }};
}

FrameReaders::~FrameReaders() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
    // Each may wait for its reader: all at the same time.
    std::vector<std::thread> ending;
    for (Slot& slot : slots_) {
        if (slot.stream != nullptr) ending.emplace_back([&slot] { slot.stream = nullptr; });
    }
    for (std::thread& each : ending) each.join();
}

bool FrameReaders::is_connected() const noexcept {
    const auto used = std::span{slots_}.first(used_.load(std::memory_order_acquire));
    return std::ranges::any_of(used, [](const Slot& slot) { return slot.stream->is_connected(); });
}

void FrameReaders::submit(std::size_t worker, Frame frame, std::size_t octets) noexcept {
    const auto used = std::span{slots_}.first(used_.load(std::memory_order_acquire));
    FrameStream* last = nullptr;  // gets the frame itself, the others a copy
    for (const Slot& slot : used) {
        if (!slot.stream->is_connected()) continue;
        if (last != nullptr) {
            Frame copy = FrameStream::allocate(octets);
            if (copy == nullptr) {
                last->dropped(worker);
            } else {
                std::memcpy(copy.get(), frame.get(), octets);
                last->submit(worker, std::move(copy), octets);
            }
        }
        last = slot.stream.get();
    }
    if (last == nullptr) return dropped(worker);
    last->submit(worker, std::move(frame), octets);
}

/// Until something comes, or for so long. False: it is time to end.
bool FrameReaders::wait(bool for_readers, int patience_ms) const {
    std::array<pollfd, 2> watched{{{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = listener_.get(), .events = POLLIN, .revents = 0}}};
    const nfds_t count = for_readers ? 2 : 1;
    ::poll(watched.data(), count, patience_ms);
    return watched[0].revents == 0;
}

void FrameReaders::run() {
    std::optional<Waiting> waiting;
    while (true) {
        if (!listener_) listen();
        const bool accepts = listener_ && !waiting;
        if (!wait(accepts, !listener_ ? again_ms : waiting ? places_ms : -1)) break;
        if (accepts) {
            UniqueFd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            if (socket) {
                waiting.emplace(Waiting{{std::move(socket), tls()}});
            } else if (!wait(false, places_ms)) {  // there may be no descriptors
                break;
            }
        }
        if (waiting && place(*waiting)) waiting.reset();
    }
    // Before it is closed: whoever takes the path next must not lose it to us.
    if (listener_ && is_unix(options_.at)) ::unlink(options_.at.path.c_str());
}

Result<UniqueFd> FrameReaders::bind() const {
    if (options_.tls) {
        // Without a certificate no reader could be answered.
        if (auto proof = TlsServer::make(*options_.tls); !proof) return std::move(proof).error();
    }
    return is_unix(options_.at) ? bound_unix(options_.at.path) : bound_host(options_.at);
}

void FrameReaders::listen() {
    Result<UniqueFd> bound = bind();
    if (bound && ::listen(bound->get(), backlog) != 0) bound = errno_error(errno, "listen");
    if (bound) {
        listener_ = std::move(*bound);
        NP_LOG_INFO("dnstap.listening", "at", text_of(options_.at, listener_.get()));
    } else if (std::exchange(last_error_, bound.error().text) != bound.error().text) {
        NP_LOG_WARNING("dnstap.cannot_listen", "error", bound.error().text);
    }
}

/// As the files are now; where they are broken, as they were.
std::shared_ptr<const TlsServer> FrameReaders::tls() {
    if (!options_.tls) return nullptr;
    Result<std::shared_ptr<const TlsServer>> fresh = TlsServer::make(*options_.tls);
    if (fresh) tls_ = std::move(*fresh);
    return tls_;
}

/// Gives who waits to a thread that has nobody, or to a new one. False: there is none.
bool FrameReaders::place(Waiting& waiting) {
    // Its certificate is not there at all.
    if (options_.tls && waiting.reader.tls == nullptr) return true;
    const std::size_t used = used_.load(std::memory_order_relaxed);
    for (Slot& slot : std::span{slots_}.first(used)) {
        if (slot.incoming->offer(waiting.reader)) return true;
    }
    if (used == readers_max) return false;
    Slot& slot = slots_[used];
    slot.incoming = std::make_shared<FrameStream::Incoming>();
    slot.incoming->offer(waiting.reader);
    auto stream = FrameStream::make({.target = {},
                                     .incoming = slot.incoming,
                                     .content_type = options_.content_type,
                                     .workers = options_.workers,
                                     .queue = options_.queue,
                                     .dropped = options_.dropped});
    NP_CHECK(stream.has_value(), "libfstrm has memory, and takes the sizes that it is given");
    slot.stream = std::move(*stream);
    used_.store(used + 1, std::memory_order_release);
    return true;
}

}  // namespace nameplane::net
