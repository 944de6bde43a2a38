#include "base/fd.hpp"
#include "net/loop.hpp"

#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace std::chrono_literals;
using net::Loop;

TEST_CASE("jobs run on the loop's thread in the order of posting") {
    Loop loop;
    std::vector<int> seen;
    std::thread::id ran_on;
    std::thread poster{[&] {
        for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
        loop.post([&] {
            ran_on = std::this_thread::get_id();
            loop.stop();
        });
    }};
    loop.run();
    poster.join();
    REQUIRE(seen.size() == 1000);
    CHECK(std::ranges::is_sorted(seen));
    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("several threads post at once and nothing is lost") {
    Loop loop;
    int count = 0;  // the loop's thread only
    std::vector<std::thread> posters;
    for (int t = 0; t < 4; ++t) {
        posters.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                loop.post([&] {
                    if (++count == 2000) loop.stop();
                });
            }
        });
    }
    loop.run();
    for (std::thread& poster : posters) poster.join();
    CHECK(count == 2000);
}

TEST_CASE("a job may post a job, and stop() lets what was posted before it run") {
    Loop loop;
    std::vector<int> seen;
    loop.post([&] {
        seen.push_back(1);
        loop.post([&] {
            seen.push_back(2);
            loop.stop();
        });
    });
    loop.run();
    CHECK(seen == std::vector{1, 2});
}

TEST_CASE("a bell is heard on the loop's thread, once or more often") {
    Loop loop;
    std::atomic<bool> all_rung{false};
    int heard = 0;  // the loop's thread only
    const auto bell = loop.bell([&] {
        ++heard;
        if (all_rung.load()) loop.stop();
    });
    std::vector<std::thread> ringers;
    std::atomic<int> left{4};
    for (int t = 0; t < 4; ++t) {
        ringers.emplace_back([&] {
            for (int i = 0; i < 500; ++i) bell->ring();
            if (--left == 0) all_rung = true;
            bell->ring();
        });
    }
    loop.run();
    for (std::thread& ringer : ringers) ringer.join();
    CHECK(heard >= 1);
    CHECK(heard <= 2004);
}

TEST_CASE("stop() before run() makes the next run() return at once, and only that one") {
    Loop loop;
    loop.stop();
    loop.run();
    bool ran = false;
    loop.post([&] {
        ran = true;
        loop.stop();
    });
    loop.run();
    CHECK(ran);
}

TEST_CASE("jobs that never ran are dropped with the loop, with what they hold") {
    const auto held = std::make_shared<int>(1);
    {
        Loop loop;
        std::shared_ptr<net::Timer> timer = loop.timer([] {});
        loop.post([held, timer = std::move(timer)] {});
    }
    CHECK(held.use_count() == 1);
}

TEST_CASE("timers fire in the order of their times, once or repeatedly") {
    Loop loop;
    std::vector<std::string> seen;
    const auto late = loop.timer([&] {
        seen.emplace_back("late");
        loop.stop();
    });
    const auto early = loop.timer([&] { seen.emplace_back("early"); });
    const auto stopped = loop.timer([&] { seen.emplace_back("stopped"); });
    int beats = 0;
    const auto beat = loop.timer([&] {
        if (++beats == 3) late->start(0ms);
    });
    stopped->start(1ms);
    stopped->stop();
    early->start(1ms);
    beat->start(10ms, 1ms);
    loop.run();
    CHECK(seen == std::vector<std::string>{"early", "late"});
    CHECK(beats >= 3);
}

TEST_CASE(
    "what is to be done soon is done without another event, also when such work asks for it") {
    Loop loop;
    std::vector<int> seen;
    std::unique_ptr<net::Soon> second;
    const std::unique_ptr<net::Soon> first = loop.soon([&] {
        seen.push_back(1);
        second->call();
        second->call();
    });
    second = loop.soon([&] {
        seen.push_back(2);
        if (seen.size() < 6) return first->call();
        loop.stop();
    });
    const auto too_late = loop.timer([&] { loop.stop(); });
    too_late->start(60s);
    loop.post([&] { first->call(); });
    loop.run();
    CHECK(seen == std::vector<int>{1, 2, 1, 2, 1, 2});
}

TEST_CASE("starting a timer again replaces its time") {
    Loop loop;
    const auto begin = std::chrono::steady_clock::now();
    const auto timer = loop.timer([&] { loop.stop(); });
    timer->start(1h);
    timer->start(1ms);
    loop.run();
    CHECK(std::chrono::steady_clock::now() - begin < 1min);
}

TEST_CASE("a timer may be destroyed by what it calls") {
    Loop loop;
    std::unique_ptr<net::Timer> timer;
    timer = loop.timer([&] {
        timer.reset();
        loop.stop();
    });
    timer->start(0ms, 1ms);
    loop.run();
    CHECK(timer == nullptr);
}

TEST_CASE("a watched descriptor reports what it was asked for") {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const UniqueFd ours{ends[0]};
    UniqueFd theirs{ends[1]};
    Loop loop;
    std::vector<std::pair<bool, bool>> seen;
    std::unique_ptr<net::FdWatch> watch;
    watch = loop.watch(ours.get(), [&](bool readable, bool writable) {
        seen.emplace_back(readable, writable);
        if (seen.size() == 1) {
            watch->start(true, false);
            REQUIRE(write(theirs.get(), "x", 1) == 1);
        } else if (seen.size() == 2) {
            char octet = 0;
            REQUIRE(read(ours.get(), &octet, 1) == 1);
            theirs.reset();  // end of file is readable, too
        } else {
            watch.reset();
            loop.stop();
        }
    });
    watch->start(false, true);
    loop.run();
    CHECK(seen == std::vector<std::pair<bool, bool>>{{false, true}, {true, false}, {true, false}});
}

TEST_CASE("an error that passes does not end a watch") {
    const auto loopback = [](std::uint16_t port) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = port;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return at;
    };
    const auto bound = [](const UniqueFd& fd, sockaddr_in at) {
        socklen_t size = sizeof at;
        REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0);
        REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
        return at;
    };
    const UniqueFd ours{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    UniqueFd peer{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in at = bound(ours, loopback(0));
    const sockaddr_in peer_at = bound(peer, loopback(0));
    REQUIRE(::connect(ours.get(), reinterpret_cast<const sockaddr*>(&peer_at), sizeof peer_at) ==
            0);
    // Nobody is there, which the kernel says of the socket; then somebody is.
    peer.reset();
    REQUIRE(::send(ours.get(), "x", 1, 0) == 1);
    Loop loop;
    std::vector<int> errors;
    std::unique_ptr<net::FdWatch> watch;
    watch = loop.watch(ours.get(), [&](bool readable, bool) {
        REQUIRE(readable);
        char octet = 0;
        const bool came = ::recv(ours.get(), &octet, 1, 0) == 1;
        errors.push_back(came ? 0 : errno);
        if (came) return loop.stop();
        peer = UniqueFd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        bound(peer, peer_at);
        REQUIRE(::sendto(peer.get(), "y", 1, 0, reinterpret_cast<const sockaddr*>(&at),
                         sizeof at) == 1);
    });
    watch->start(true, false);
    loop.run();
    CHECK(errors == std::vector<int>{ECONNREFUSED, 0});
}

TEST_CASE("a watch that is stopped or gone reports nothing more") {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const UniqueFd ours{ends[0]};
    const UniqueFd theirs{ends[1]};
    REQUIRE(write(theirs.get(), "x", 1) == 1);
    Loop loop;
    int stopped_calls = 0;
    int gone_calls = 0;
    const UniqueFd again{dup(ours.get())};
    const auto stopped = loop.watch(ours.get(), [&](bool, bool) { ++stopped_calls; });
    auto gone = loop.watch(again.get(), [&](bool, bool) { ++gone_calls; });
    stopped->start(true, false);
    gone->start(true, false);
    stopped->stop();
    gone.reset();
    const auto end = loop.timer([&] { loop.stop(); });
    end->start(5ms);
    loop.run();
    CHECK(stopped_calls == 0);
    CHECK(gone_calls == 0);
}

TEST_CASE("a signal arrives as an event of the loop, each time") {
    Loop loop;
    int caught = 0;
    loop.on_signal(SIGUSR1, [&] {
        if (++caught == 2) return loop.stop();
        raise(SIGUSR1);
    });
    raise(SIGUSR1);
    loop.run();
    CHECK(caught == 2);
}

TEST_CASE("work runs on another thread, and what follows it on the loop's") {
    Loop loop;
    std::thread::id worked_on;
    int done = 0;
    loop.work([&] { worked_on = std::this_thread::get_id(); },
              [&] {
                  CHECK(worked_on != std::thread::id{});
                  CHECK(worked_on != std::this_thread::get_id());
                  ++done;
                  loop.stop();
              });
    loop.run();
    CHECK(done == 1);
}

TEST_CASE("a loop that goes waits for work that runs, drops the rest and says nothing more") {
    std::atomic<int> worked{0};
    int done = 0;
    const auto token = std::make_shared<int>(0);
    std::promise<void> begun;
    std::promise<void> may_end;
    std::thread helper;
    {
        Loop loop;
        loop.work(
            [&, token] {
                begun.set_value();
                may_end.get_future().wait();
                ++worked;
            },
            [&, token] { ++done; });
        for (int i = 0; i < 100; ++i) {
            loop.work([&, token] { ++worked; }, [&, token] { ++done; });
        }
        begun.get_future().wait();
        helper = std::thread{[&] { may_end.set_value(); }};
    }
    helper.join();
    CHECK(worked.load() >= 1);
    CHECK(done == 0);
    CHECK(token.use_count() == 1);
}
