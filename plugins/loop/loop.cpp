#include "plugins/loop/loop.hpp"

#include "net/connect.hpp"
#include "net/loop.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/base/random.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::plugins {

namespace {

using std::chrono::milliseconds;

// As CoreDNS has them.
constexpr int seen_max = 2;
constexpr milliseconds gives_up_after{30'000};
constexpr milliseconds tries_again_after{1'000};
/// Longer than any query waits: what was sent has come back by then, or is lost.
constexpr milliseconds answer_takes_max{6'000};
constexpr milliseconds quiet_after{2'000};

constexpr std::uint16_t hinfo = 13;

std::string random_label(Random& random) {
    const std::uint64_t high = random.next();
    return std::to_string((high << 32U | random.next()) >> 2U);
}

std::optional<dns::Name> random_name(const dns::Name& zone) {
    Random random;
    const std::string under = zone.view().is_root() ? "" : zone.to_string();
    return dns::Name::parse(random_label(random) + '.' + random_label(random) + '.' + under);
}

std::uint16_t port_of(std::string_view server_label) {
    std::uint16_t port = 53;
    const std::size_t colon = server_label.rfind(':');
    if (colon == std::string_view::npos) return port;
    const std::string_view digits = server_label.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return port;
}

std::vector<std::uint8_t> question_for(dns::NameView name) {
    std::vector<std::uint8_t> message{0x4c, 0x50, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    message.insert(message.end(), name.wire().begin(), name.wire().end());
    message.insert(message.end(), {0, hinfo, 0, 1});
    return message;
}

}  // namespace

/// What all workers look out for.
struct Loop::Watch {
    dns::Name zone;
    dns::Name name;
    std::vector<SocketAddress> servers;  ///< where we may be
    std::atomic<std::size_t> server{0};  ///< the one that is tried
    std::atomic<bool> off{false};
    std::atomic<int> seen{0};
    std::atomic<bool> begun{false};  ///< some worker sends the question
};

/// Sends the question until somebody answers, on the first worker that comes.
class Loop::Probe final : public Tenant {
public:
    Probe(std::shared_ptr<Watch> watch, net::Loop& loop)
        : watch_{std::move(watch)}, loop_{&loop}, timer_{loop.timer([this] { tick(); })},
          until_{std::chrono::steady_clock::now() + gives_up_after} {
        timer_->start(milliseconds{0});
    }
    void close() noexcept override {
        timer_ = nullptr;
        events_ = nullptr;
    }

private:
    void tick() {
        if (answered_ || std::chrono::steady_clock::now() > until_) {
            watch_->off = true;
            return close();
        }
        // Only this question's coming back counts.
        watch_->seen = 0;
        timer_->start(send() ? answer_takes_max : tries_again_after);
    }

    bool send() {
        events_ = nullptr;
        const SocketAddress& to = watch_->servers[watch_->server % watch_->servers.size()];
        Result<UniqueFd> fd = net::connected_udp(to, std::nullopt);
        if (!fd) return next_server();
        fd_ = std::move(*fd);
        events_ = loop_->watch(fd_.get(), [this](bool, bool) { received(); });
        events_->start(true, false);
        const std::vector<std::uint8_t> message = question_for(watch_->name);
        const ssize_t sent =
            ::send(fd_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return sent >= 0 || next_server();
    }

    bool next_server() {
        ++watch_->server;
        return false;
    }

    void received() {
        std::array<std::uint8_t, 512> room;
        events_->stop();
        if (::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT) <= 0) {
            next_server();
            timer_->start(tries_again_after);
            return;
        }
        answered_ = true;
        timer_->start(quiet_after);
    }

    std::shared_ptr<Watch> watch_;
    net::Loop* loop_;
    UniqueFd fd_;
    std::unique_ptr<net::FdWatch> events_;
    std::unique_ptr<net::Timer> timer_;
    std::chrono::steady_clock::time_point until_;
    bool answered_ = false;
};

Result<PluginPtr> Loop::make(const Options&, Setup& setup) {
    auto watch = std::make_shared<Watch>();
    if (!setup.zones.empty()) watch->zone = setup.zones.front().lower();
    const std::optional<dns::Name> name = random_name(watch->zone);
    if (!name) return Error{Errc::invalid, "the zone's name is too long for a random name in it"};
    watch->name = *name;
    const std::uint16_t port = port_of(setup.server_label);
    watch->servers = {{IpAddress::v4(127, 0, 0, 1), port}};
    for (const IpAddress& own : setup.own_addresses) watch->servers.push_back({own, port});
    return PluginPtr{new Loop{std::move(watch)}};
}

void Loop::begin(WorkerContext& worker) const {
    if (watch_->begun.exchange(true)) return;
    worker.keep(std::make_shared<Probe>(watch_, worker.loop()));
}

Step Loop::ask(Query& query, Reply&) const noexcept {
    if (query.type() != dns::Type::hinfo || watch_->off.load(std::memory_order_relaxed)) {
        return Step::next;
    }
    if (!query.name().equals(watch_->name)) return Step::next;
    if (watch_->seen.fetch_add(1) + 1 <= seen_max) return Step::next;
    // The text that people search for.
    NP_LOG_ERROR("loop.detected", "message",
                 "[FATAL] plugin/loop: Loop (" + query.client().to_string() + " -> " +
                     watch_->servers[watch_->server % watch_->servers.size()].to_string() +
                     ") detected for zone \"" + watch_->zone.to_string() +
                     "\", see https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO " +
                     watch_->name.to_string() + "\"");
    std::_Exit(EXIT_FAILURE);
}

}  // namespace nameplane::plugins
