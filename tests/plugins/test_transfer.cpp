// The parts of the plugin transfer: the messages of a zone, and word of its changes to a server
// with a script. The whole of it, with real servers, is in tests/integration/test_transfer.py.

#include "base/fd.hpp"
#include "dns/encode.hpp"
#include "net/socket.hpp"
#include "plugins/transfer/notifier.hpp"
#include "plugins/transfer/zone_stream.hpp"
#include "stage.hpp"
#include <nameplane/reply.hpp>

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <tuple>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::plugins::transfer;
using Went = AnswerStream::Went;

namespace {

const dns::Name origin = *dns::Name::parse("example.org.");

/// Records r0, r1, ... with TXT data of the sizes given.
class FakeZone final : public ZoneRecords {
public:
    explicit FakeZone(std::vector<std::size_t> sizes) : sizes_{std::move(sizes)} {}

    dns::Record soa() const noexcept override {
        return {.owner = origin,
                .type = dns::Type::soa,
                .ttl = 5,
                .data = dns::SoaData{.mname = origin, .rname = origin, .serial = 7}};
    }
    Step next(Arena& arena, dns::Record& record) noexcept override {
        if (at_ == sizes_.size()) return Step::end;
        const auto name = dns::NameBuilder{arena}.label("r" + std::to_string(at_)).finish(origin);
        const auto data = arena.array<std::uint8_t>(sizes_[at_]);
        if (!name || data.empty()) return Step::full;
        std::ranges::fill(data, static_cast<std::uint8_t>(at_));
        record = {.owner = *name,
                  .type = static_cast<dns::Type>(65280),
                  .ttl = 5,
                  .data = dns::RawData{data}};
        ++at_;
        return Step::record;
    }

private:
    std::vector<std::size_t> sizes_;
    std::size_t at_ = 0;
};

struct Streamed {
    std::vector<std::size_t> message_sizes;
    std::vector<std::string> owners;  // of all records
    bool whole = false;
    std::uint64_t whole_counted = 0;
    std::uint64_t broken_counted = 0;
};

Streamed stream(std::vector<std::size_t> sizes, std::size_t arena_octets = 512 << 10,
                std::size_t messages_max = 1000) {
    metrics::Registry metrics{1};
    metrics::Counter& whole = metrics.counter("whole", "");
    metrics::Counter& broken = metrics.counter("broken", "");
    Streamed out;
    dns::Question question;
    question.asked = question.name = origin;
    question.type = dns::Type::axfr;
    question.edns.emplace();
    std::vector<std::uint8_t> wire(65535);
    Arena arena{arena_octets};
    {
        ZoneStream zone{std::make_unique<FakeZone>(std::move(sizes)), 0, whole, broken};
        for (Went went = Went::more; went == Went::more && messages_max-- != 0;) {
            arena.clear();
            Reply reply{arena};
            went = zone.next(reply, arena);
            if (went == Went::broken || reply.failed()) break;
            // Room for a signature is left.
            const std::size_t size =
                dns::encode(question, reply, {.tcp = true, .octets_behind = 400}, wire);
            REQUIRE(size != 0);
            CHECK((wire[2] & 0x02) == 0);
            out.message_sizes.push_back(size);
            for (const dns::Record& record : reply.answers().records()) {
                out.owners.push_back(record.owner.to_string());
            }
            out.whole = went == Went::last;
        }
    }
    out.whole_counted = whole.value();
    out.broken_counted = broken.value();
    return out;
}

void check_owners(const Streamed& streamed, std::size_t records) {
    REQUIRE(streamed.owners.size() == records + 2);
    CHECK(streamed.owners.front() == "example.org.");
    CHECK(streamed.owners.back() == "example.org.");
    for (std::size_t i = 0; i < records; ++i) {
        CHECK(streamed.owners[i + 1] == "r" + std::to_string(i) + ".example.org.");
    }
}

}  // namespace

TEST_CASE("transfer: a small zone is one message") {
    const Streamed streamed = stream({10, 20, 30});
    CHECK(streamed.message_sizes.size() == 1);
    CHECK(streamed.whole);
    check_owners(streamed, 3);
    CHECK(streamed.whole_counted == 1);
    CHECK(streamed.broken_counted == 0);
    check_owners(stream({}), 0);
}

TEST_CASE("transfer: a large zone is many messages of some 16 KiB") {
    const Streamed streamed = stream(std::vector<std::size_t>(5000, 100));
    CHECK(streamed.whole);
    check_owners(streamed, 5000);
    CHECK(streamed.message_sizes.size() > 30);
    for (const std::size_t size : streamed.message_sizes) CHECK(size < 17'000);
}

TEST_CASE("transfer: records of any size find a message that has room for them") {
    const Streamed streamed = stream({100, 60'000, 60'000, 100, 16'000, 50'000, 64'000, 1});
    CHECK(streamed.whole);
    check_owners(streamed, 8);
}

TEST_CASE("transfer: a full arena ends the message, not the transfer") {
    const Streamed streamed = stream(std::vector<std::size_t>(500, 900), 8000);
    CHECK(streamed.whole);
    check_owners(streamed, 500);
    CHECK_FALSE(stream({9000}, 8000).whole);
}

TEST_CASE("transfer: where there is one message only it is as large as messages can be") {
    // Octets of each record, their number, whether one message holds them.
    const std::tuple<std::size_t, std::size_t, bool> zones[] = {
        {100, 5, true}, {100, 450, true}, {100, 600, false}, {64'000, 1, true}, {64'000, 2, false}};
    for (const auto& [size, count, fits] : zones) {
        metrics::Registry metrics{1};
        metrics::Counter& whole = metrics.counter("whole", "");
        metrics::Counter& broken = metrics.counter("broken", "");
        Arena arena{512 << 10};
        Reply reply{arena};
        {
            ZoneStream zone{std::make_unique<FakeZone>(std::vector<std::size_t>(count, size)), 0,
                            whole, broken};
            zone.want_one_message();
            CHECK(zone.next(reply, arena) == (fits ? Went::last : Went::more));
        }
        CHECK_FALSE(reply.failed());
        CHECK(whole.value() == (fits ? 1 : 0));
        if (!fits) continue;
        CHECK(reply.answers().records().size() == count + 2);
        CHECK(reply.answers().records().back().type == dns::Type::soa);
    }
}

TEST_CASE("transfer: one that nobody takes is counted as broken off") {
    const Streamed streamed = stream(std::vector<std::size_t>(5000, 100), 512 << 10, 3);
    CHECK_FALSE(streamed.whole);
    CHECK(streamed.whole_counted == 0);
    CHECK(streamed.broken_counted == 1);
}

namespace {

/// Hears NOTIFYs and answers them as told.
class Other {
public:
    struct Notify {
        std::vector<std::uint8_t> octets;
        SocketAddress from;
        unsigned id() const { return static_cast<unsigned>(octets[0]) << 8U | octets[1]; }
    };

    Other() {
        auto made =
            net::bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0}, net::Share::first);
        REQUIRE(made);
        socket_ = std::move(*made);
    }
    SocketAddress address() const { return net::local_address(socket_.get()); }
    /// The next one, if it is there already.
    std::optional<Notify> next() {
        std::array<std::uint8_t, 512> room;
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t got = ::recvfrom(socket_.get(), room.data(), room.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 0) return std::nullopt;
        return Notify{{room.begin(), room.begin() + got},
                      SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(from))};
    }
    void answer(const Notify& notify, unsigned rcode, unsigned id) {
        std::vector<std::uint8_t> octets = notify.octets;
        octets[0] = static_cast<std::uint8_t>(id >> 8U);
        octets[1] = static_cast<std::uint8_t>(id);
        octets[2] |= 0x80U;
        octets[3] = static_cast<std::uint8_t>(rcode);
        sockaddr_storage to;
        const unsigned size = notify.from.to_sockaddr(to);
        REQUIRE(::sendto(socket_.get(), octets.data(), octets.size(), 0,
                         reinterpret_cast<const sockaddr*>(&to), size) > 0);
    }

private:
    UniqueFd socket_;
};

struct Telling {
    metrics::Registry metrics{1};
    metrics::Counter& accepted = metrics.counter("accepted", "");
    metrics::Counter& failed = metrics.counter("failed", "");
    std::vector<Rule> rules;
    std::shared_ptr<News> news = std::make_shared<News>();
    std::optional<Notifier> notifier;
    Monotonic now{};

    explicit Telling(const std::vector<SocketAddress>& to) {
        rules.push_back({.zones = {origin}, .to = to});
        rules.push_back({.zones = {*dns::Name::parse("quiet.example.org.")}, .to_all = true});
        notifier.emplace(rules, news, Notifier::Counters{&accepted, &failed});
    }
    void tick_after(std::chrono::milliseconds pause) {
        now += pause;
        notifier->tick(now);
    }
};

constexpr std::chrono::milliseconds no_time{0};

}  // namespace

TEST_CASE("transfer: a change is told once, to those who have not heard of it") {
    Other first;
    Other second;
    Telling telling{{first.address(), second.address()}};
    telling.tick_after(no_time);
    CHECK_FALSE(first.next());
    telling.news->add(origin, 7);
    telling.news->add(*dns::Name::parse("quiet.example.org."), 7);
    telling.news->add(*dns::Name::parse("elsewhere.example."), 7);
    telling.tick_after(no_time);
    const auto told = first.next();
    REQUIRE(told);
    CHECK_FALSE(first.next());
    // Opcode NOTIFY, AA; the question is the zone's SOA.
    CHECK((told->octets[2] == 0x24 && told->octets[3] == 0x00));
    CHECK(std::vector<std::uint8_t>(told->octets.begin() + 4, told->octets.end()) ==
          std::vector<std::uint8_t>{0,   1,   0,   0, 0,   0,   0,   0, 7, 'e', 'x', 'a', 'm',
                                    'p', 'l', 'e', 3, 'o', 'r', 'g', 0, 0, 6,   0,   1});
    REQUIRE(second.next());
    first.answer(*told, 0, told->id());
    telling.tick_after(no_time);
    CHECK(telling.accepted.value() == 1);
    telling.tick_after(Notifier::patience);
    CHECK_FALSE(first.next());
    const auto again = second.next();
    REQUIRE(again);
    second.answer(*again, 0, again->id());
    telling.tick_after(no_time);
    CHECK(telling.accepted.value() == 2);
    CHECK(telling.notifier->is_idle());
}

TEST_CASE("transfer: who does not answer is told three times, and who refuses at once again") {
    Other other;
    Telling telling{{other.address()}};
    telling.news->add(origin, 7);
    telling.tick_after(no_time);
    auto told = other.next();
    REQUIRE(told);
    // An answer to something else is none.
    other.answer(*told, 0, told->id() ^ 1U);
    telling.tick_after(no_time);
    CHECK_FALSE(telling.notifier->is_idle());
    CHECK_FALSE(other.next());
    other.answer(*told, 5, told->id());
    telling.tick_after(no_time);
    told = other.next();
    REQUIRE(told);
    telling.tick_after(Notifier::patience - std::chrono::milliseconds{1});
    CHECK_FALSE(other.next());
    telling.tick_after(std::chrono::milliseconds{1});
    REQUIRE(other.next());
    telling.tick_after(Notifier::patience);
    CHECK_FALSE(other.next());
    CHECK(telling.failed.value() == 1);
    CHECK(telling.notifier->is_idle());
}

TEST_CASE("transfer: a newer change takes the place of one that is being told") {
    Other other;
    Telling telling{{other.address()}};
    telling.news->add(origin, 7);
    telling.tick_after(no_time);
    const auto old = other.next();
    REQUIRE(old);
    telling.news->add(origin, 8);
    telling.tick_after(no_time);
    const auto newer = other.next();
    REQUIRE(newer);
    other.answer(*newer, 0, newer->id());
    telling.tick_after(no_time);
    CHECK(telling.accepted.value() == 1);
    CHECK(telling.notifier->is_idle());
}

TEST_CASE("transfer: the rule with the longest zone counts") {
    const std::vector<Rule> rules{{.zones = {dns::Name{}}, .to_all = true},
                                  {.zones = {origin}},
                                  {.zones = {*dns::Name::parse("a.example.org.")}, .to_all = true}};
    CHECK(rule_for(rules, *dns::Name::parse("example.com.")) == &rules[0]);
    CHECK(rule_for(rules, *dns::Name::parse("b.example.org.")) == &rules[1]);
    CHECK(rule_for(rules, *dns::Name::parse("b.a.example.org.")) == &rules[2]);
    CHECK(rule_for({}, origin) == nullptr);
}

TEST_CASE("transfer: mistakes of the configuration") {
    CHECK(mistakes_in("transfer {\n to *\n nonsense\n}") ==
          "Corefile:3: transfer: 'nonsense', expected 'to' or 'source'");
    CHECK(mistakes_in("transfer example.org") == "Corefile:1: transfer: no 'to', expected one");
    CHECK(mistakes_in("transfer {\n to 192.0.2.1 host.example\n}") ==
          "Corefile:2: transfer: 'host.example', expected an address such as '192.0.2.1' or "
          "'[2001:db8::1]:53', or '*'");
    CHECK(mistakes_in("transfer {\n to 192.0.2.1%eth0\n}") ==
          "Corefile:2: transfer: '192.0.2.1%eth0', expected an address such as '192.0.2.1' or "
          "'[2001:db8::1]:53', or '*'");
}

TEST_CASE("transfer: no transfer without TCP") {
    Stage made{"transfer {\n to *\n}"};
    CHECK(made.ask("example.org.", "AXFR").rcode == "REFUSED");
    CHECK(made.ask("example.org.", "AXFR", {.tcp = true}).rcode == "REFUSED");
    CHECK_FALSE(made.heard());
    CHECK(made.ask("example.org.", "A").rcode == "NXDOMAIN");
    CHECK(made.heard());
}
