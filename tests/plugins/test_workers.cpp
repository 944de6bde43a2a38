// autopath, cache and forward on a real server with several workers, many clients and reloads: what
// they share must agree. ThreadSanitizer looks at the same.

#include "base/published.hpp"
#include "plugins/stage.hpp"
#include "plugins/upstream_lab.hpp"
#include "server/server.hpp"
#include "services/snapshot.hpp"
#include "support/ldns_message.hpp"
#include "unit/server/client.hpp"
#include "unit/server/message.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t workers = 3;

using Values = std::vector<std::pair<std::string, Options::Value>>;

/// A clock that many threads read.
class SharedClock final : public Clock {
public:
    Monotonic now() const noexcept override { return Monotonic{ms(ms_.load())}; }
    WallTime wall() const noexcept override { return std::chrono::system_clock::now(); }
    void advance(std::chrono::milliseconds time) { ms_ += time.count(); }

private:
    using ms = std::chrono::milliseconds;
    std::atomic<ms::rep> ms_{1'000'000};
};

/// Says that "n<i>.example." has the address 10.0.x.y of the number i, and that nothing is below
/// ".test.".
class Upstream {
public:
    Upstream() : scripted_{loop_, [this](const auto& question) { return answers(question); }} {
        thread_ = std::thread{[this] { loop_.run(); }};
    }
    ~Upstream() {
        loop_.stop();
        thread_.join();
    }
    std::string address() const { return scripted_.address(); }
    std::size_t asked() const { return asked_; }

    /// Says nothing for a while.
    void be_silent(bool silent) { silent_ = silent; }

    static std::string address_of(unsigned i) {
        return "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    }

private:
    std::vector<Octets> answers(const ScriptedUpstream::Question& question) {
        ++asked_;
        if (silent_) return {};
        const auto& message = question.message;
        const std::string name{message.begin() + 12, message.end()};
        if (name.find("\4test") != std::string::npos) {
            return {answer_to(question, {.flags = 0x8183, .soa = true})};
        }
        const auto number = static_cast<unsigned>(std::stoul(name.substr(2)));
        return {answer_to(question, {.addresses = {address_of(number)}})};
    }

    net::Loop loop_;
    std::atomic<std::size_t> asked_{0};
    std::atomic<bool> silent_{false};
    ScriptedUpstream scripted_;
    std::thread thread_;
};

/// The search list "a.test b.test".
class SearchList {
public:
    SearchList()
        : path_{std::filesystem::temp_directory_path() /
                ("nameplane-search-" + std::to_string(::getpid()))} {
        std::ofstream{path_} << "search a.test b.test\n";
    }
    ~SearchList() { std::filesystem::remove(path_); }
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

struct Serving {
    Values cache;
    std::chrono::milliseconds read_timeout;
    SharedClock clock;
    Upstream upstream;
    SearchList search;
    metrics::Registry metrics{workers};
    Heirlooms heirlooms;
    Published<chain::Chains> chains{build()};
    Published<services::Snapshot> snapshots{services::Snapshot::empty()};
    std::unique_ptr<server::Server> server;

    /// Nobody is asked twice for being late, which on a busy machine everybody is, but after
    /// `patience`.
    explicit Serving(Values cache_options = {}, std::chrono::milliseconds patience = 1min)
        : cache{std::move(cache_options)}, read_timeout{patience} {
        auto bound = server::Server::bind(
            {.listen = {SocketAddress{*IpAddress::parse("127.0.0.1"), 0}}, .workers = workers},
            chains, snapshots, metrics);
        if (!bound) FAIL(bound.error().text);
        server = std::move(*bound);
        server->start();
    }

    std::shared_ptr<const chain::Chains> build() {
        const conf::ServerConfig config{
            .zones = {dns::Name{}},
            .plugins = {
                plugin_with("autopath", {{"path", std::vector<std::string>{search.path()}}}),
                plugin_with("cache", cache),
                plugin_with("forward",
                            {{"from", std::vector<dns::Name>{dns::Name{}}},
                             {"to", std::vector<std::string>{upstream.address()}},
                             {"read_timeout", static_cast<std::uint64_t>(read_timeout.count())},
                             {"hedge", false},
                             {"max_connect_attempts", std::int64_t{0}},
                             {"max_fails", std::int64_t{0}}})}};
        auto built = chain::Chains::build({config}, Setup{.zones = {},
                                                          .workers = workers,
                                                          .metrics = metrics,
                                                          .own_addresses = {},
                                                          .services_synced = {},
                                                          .heirlooms = &heirlooms,
                                                          .clock = &clock});
        if (!built) FAIL(built.error().text);
        return *built;
    }
    SocketAddress at() const { return {*IpAddress::parse("127.0.0.1"), server->port()}; }
    double count(std::string_view name) const {
        double sum = 0;
        for (const metrics::FamilyReading& family : metrics.read()) {
            if (family.name != name) continue;
            for (const metrics::Sample& sample : family.samples) sum += sample.value;
        }
        return sum;
    }
};

/// Whether `answer` has the address of name `i`, with an alias in front for a name of the search
/// list.
bool is_right(const Octets& answer, unsigned i) {
    const auto read = read_with_ldns(answer);
    if (!read || read->rcode != 0 || read->answers.empty()) return false;
    return read->answers.back().ends_with(" A " + Upstream::address_of(i));
}

}  // namespace

TEST_CASE("what one worker has learnt the others know") {
    Stage stage{"cache 30", {.workers = 4}};
    stage.behind("www.example.", "A", {.answers = {"www.example. 300 IN A 192.0.2.1"}});
    CHECK(stage.ask("www.example.", "A", {.worker = 2}).answers() ==
          "www.example. 30 IN A 192.0.2.1");
    CHECK(stage.heard());
    for (const std::size_t worker : {0U, 1U, 3U}) {
        CHECK(stage.ask("www.example.", "A", {.worker = worker}).answers() ==
              "www.example. 30 IN A 192.0.2.1");
        CHECK_FALSE(stage.heard());
    }
}

TEST_CASE("one question of many clients, whichever workers they meet, reaches the upstream once") {
    Serving serving;
    CHECK(is_right(UdpClient{serving.at()}.ask(query("n7.example")), 7));
    for (int i = 0; i < 50; ++i) {
        CHECK(is_right(UdpClient{serving.at()}.ask(query("n7.example")), 7));
    }
    CHECK(serving.upstream.asked() == 1);
    CHECK(serving.count("coredns_cache_hits_total") == 50);
}

TEST_CASE("who waits for a refresh by another worker gets its answer") {
    Serving serving{
        {{"serve_stale",
          std::vector<Statement>{{.words = {"1h", "verify", "1s"}, .body = {}, .where = {}}}}},
        50ms};
    CHECK(is_right(UdpClient{serving.at()}.ask(query("n7.example")), 7));
    serving.clock.advance(400s);
    serving.upstream.be_silent(true);
    // The clock stands: the time to wait is not over.
    constexpr std::uint16_t clients_count = 30;
    std::vector<UdpClient> clients;
    for (std::uint16_t i = 0; i < clients_count; ++i) {
        clients.emplace_back(serving.at()).send(query("n7.example", {.id = i}));
    }
    const auto end = std::chrono::steady_clock::now() + 1min;
    while (serving.count("coredns_cache_requests_total") < clients_count + 1 &&
           std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(1ms);  // a counter tells nobody
    }
    serving.upstream.be_silent(false);
    // The upstream is late, so that it is asked again; they still wait.
    serving.clock.advance(100ms);
    for (std::uint16_t i = 0; i < clients_count; ++i) {
        const auto answer = clients[i].receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == i);
        CHECK(is_right(*answer, 7));
        const auto read = read_with_ldns(*answer);
        CHECK(read->answers.front().find(" 300 ") != std::string::npos);
    }
    CHECK(serving.count("coredns_cache_served_stale_total") == 0);
}

TEST_CASE("clients of all workers get right answers while chains are exchanged") {
    Serving serving;
    constexpr unsigned clients_count = 8;
    constexpr unsigned queries = 300;
    constexpr unsigned names = 100;
    std::atomic<unsigned> good{0};
    std::atomic<unsigned> left{clients_count};
    std::vector<std::thread> clients;
    for (unsigned number = 0; number < clients_count; ++number) {
        clients.emplace_back([&, number] {
            for (unsigned i = 0; i < queries; ++i) {
                // A port for a few questions each: they meet all workers.
                const UdpClient client{serving.at()};
                const unsigned wanted = (i * (number + 1)) % names;
                const std::string name = "n" + std::to_string(wanted) + ".example";
                const std::string searched = i % 3 == 0 ? name + ".a.test" : name;
                if (is_right(client.ask(query(searched)), wanted)) ++good;
            }
            --left;
        });
    }
    while (left > 0) {
        serving.chains.publish(serving.build());
        serving.chains.sweep();
        std::this_thread::sleep_for(1ms);
    }
    for (std::thread& client : clients) client.join();
    serving.server->drain(1min);
    CHECK(good == clients_count * queries);
    // Each name once, and once below each domain of the list; the same at once by several workers
    // at most.
    CHECK(serving.upstream.asked() < clients_count * queries / 2);
    CHECK(serving.count("coredns_cache_entries") >= names);
    serving.chains.sweep();
}
