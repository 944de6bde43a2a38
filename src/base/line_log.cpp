#include <nameplane/base/line_log.hpp>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace nameplane {

namespace {

/// How long lines are gathered before they are written: a wake-up costs more than a line.
constexpr std::chrono::milliseconds gather{2};
/// How long a reader that takes nothing may hold the thread up in one go.
constexpr int poll_ms = 1000;

std::size_t length_to_end(std::uint64_t at, std::size_t wanted) noexcept {
    return std::min<std::size_t>(wanted, LineLog::ring_octets - at % LineLog::ring_octets);
}

}  // namespace

LineLog::LineLog(std::size_t workers, int fd, metrics::Counter& dropped)
    : fd_{fd}, dropped_{dropped}, rings_(workers + 1) {
    // Memory that no line ever comes to is never touched.
    for (Ring& ring : rings_) ring.text = std::make_unique_for_overwrite<char[]>(ring_octets);
}

LineLog::~LineLog() {
    ending_.store(true);
    wanted_.store(1);
    wanted_.notify_one();
    if (thread_.joinable()) thread_.join();
    write_out();
}

void LineLog::start() {
    std::call_once(started_, [this] { thread_ = std::thread{[this] { run(); }}; });
}

void LineLog::put(std::size_t worker, std::string_view line) noexcept {
    if (!put(rings_[worker], line)) dropped_.add(worker);
}

void LineLog::put_shared(std::string_view line) {
    const std::lock_guard lock{shared_};
    if (!put(rings_.back(), line)) dropped_.add_shared();
}

bool LineLog::put(Ring& ring, std::string_view line) noexcept {
    const std::uint64_t at = ring.written.load(std::memory_order_relaxed);
    const std::uint64_t waiting = at - ring.read.load(std::memory_order_acquire);
    if (line.size() > line_octets_max || waiting + line.size() + 1 > ring_octets) return false;
    const std::size_t first = length_to_end(at, line.size());
    std::memcpy(ring.text.get() + at % ring_octets, line.data(), first);
    std::memcpy(ring.text.get(), line.data() + first, line.size() - first);
    ring.text[(at + line.size()) % ring_octets] = '\n';
    ring.written.store(at + line.size() + 1);
    wake();
    return true;
}

void LineLog::wake() noexcept {
    // In one order with run(): either the thread sees the line, or this sees its 0.
    if (wanted_.load() == 0 && wanted_.exchange(1) == 0) {
        wanted_.notify_one();
    }
}

void LineLog::run() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "np-lines");
    while (!ending_.load()) {
        wanted_.wait(0);
        std::this_thread::sleep_for(gather);
        wanted_.store(0);
        write_out();
    }
}

void LineLog::write_out() noexcept {
    for (Ring& ring : rings_) write_out(ring);
}

void LineLog::write_out(Ring& ring) noexcept {
    std::uint64_t at = ring.read.load(std::memory_order_relaxed);
    const std::uint64_t end = ring.written.load();
    while (at != end) {
        const std::size_t octets = length_to_end(at, static_cast<std::size_t>(end - at));
        write_all({ring.text.get() + at % ring_octets, octets});
        at += octets;
        ring.read.store(at, std::memory_order_release);
    }
}

// A descriptor that fails loses its lines; one that is full is waited for, but not at the end.
void LineLog::write_all(std::span<const char> text) noexcept {
    while (!text.empty()) {
        const ssize_t written = ::write(fd_, text.data(), text.size());
        if (written >= 0) {
            text = text.subspan(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN && !ending_.load()) {
            pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
            ::poll(&writable, 1, poll_ms);
        } else if (errno != EINTR) {
            return;
        }
    }
}

}  // namespace nameplane
