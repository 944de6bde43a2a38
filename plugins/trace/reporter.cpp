#include "plugins/trace/reporter.hpp"

#include <pthread.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

namespace nameplane::plugins::tracing {

namespace {

/// A query through five plugins takes about 500.
constexpr std::size_t ring_octets = 256 << 10;
/// What people read of an error.
constexpr std::size_t error_octets_max = 256;
/// So long traces gather, so that busy workers ring seldom.
constexpr std::chrono::milliseconds gather_time{10};

/// In front of each message, for what has no size of its own.
struct Sizes {
    std::uint32_t name = 0;
    std::uint32_t error = 0;
    std::uint32_t spans = 0;
};

template <class T> std::span<const std::byte> octets_of(const T& value) noexcept {
    return std::as_bytes(std::span{&value, 1});
}

/// Takes values from the front of a message of our own.
class Unpacker {
public:
    explicit Unpacker(std::span<const std::byte> left) : left_{left} {}
    template <class T> T value() {
        T value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::span<const std::byte> take(std::size_t size) {
        const auto part = left_.first(size);
        left_ = left_.subspan(size);
        return part;
    }

private:
    std::span<const std::byte> left_;
};

Trace unpack(std::span<const std::byte> message) {
    Unpacker unpacker{message};
    const auto sizes = unpacker.value<Sizes>();
    Trace trace{.head = unpacker.value<Head>()};
    const auto name = unpacker.take(sizes.name);
    trace.name = dns::Name{
        dns::NameView::trusted(reinterpret_cast<const std::uint8_t*>(name.data()), name.size())};
    const auto error = unpacker.take(sizes.error);
    trace.error.assign(reinterpret_cast<const char*>(error.data()), error.size());
    trace.spans.resize(sizes.spans);
    const auto spans = unpacker.take(sizes.spans * sizeof(Span));
    if (!spans.empty()) std::memcpy(trace.spans.data(), spans.data(), spans.size());
    return trace;
}

}  // namespace

Reporter::Reporter(Poster::Options options, std::size_t workers)
    : options_{std::move(options)}, bell_{loop_.bell([this] { gather_->start(gather_time); })} {
    for (std::size_t i = 0; i < workers; ++i) rings_.push_back(std::make_unique<Ring>(ring_octets));
    thread_ = std::thread{[this] { run(); }};
}

Reporter::~Reporter() {
    loop_.stop();
    thread_.join();
}

void Reporter::submit(std::size_t worker, const Head& head, dns::NameView name,
                      std::string_view error, std::span<const Span> spans,
                      std::size_t left_out) noexcept {
    error = error.substr(0, error_octets_max);
    const Sizes sizes{.name = static_cast<std::uint32_t>(name.size()),
                      .error = static_cast<std::uint32_t>(error.size()),
                      .spans = static_cast<std::uint32_t>(spans.size())};
    const bool taken =
        rings_[worker]->push({octets_of(sizes), octets_of(head), std::as_bytes(name.wire()),
                              std::as_bytes(std::span{error}), std::as_bytes(spans)});
    const std::size_t lost = left_out + (taken ? 0 : spans.size() + 1);
    if (lost != 0) options_.dropped->add(worker, lost);
    // Whoever comes between two drains finds it rung. Acquire and release in both exchanges: either
    // this one sees that the poster has begun to drain, or the poster sees the message.
    if (!rung_.exchange(true, std::memory_order_acq_rel)) bell_->ring();
}

std::vector<Trace> Reporter::drain() {
    rung_.exchange(false, std::memory_order_acq_rel);
    std::vector<Trace> traces;
    std::vector<std::byte> message;
    for (const auto& ring : rings_) {
        while (ring->pop(message)) traces.push_back(unpack(message));
    }
    return traces;
}

void Reporter::run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "np-trace");
    Poster poster{options_, loop_};
    gather_ = loop_.timer([&] {
        for (Trace& trace : drain()) poster.add(std::move(trace));
    });
    loop_.run();
    gather_.reset();
    for (const Trace& trace : drain()) options_.dropped->add_shared(trace.spans.size() + 1);
}

}  // namespace nameplane::plugins::tracing
