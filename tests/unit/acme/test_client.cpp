#include "acme/client.hpp"
#include "examples.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::acme;

namespace {

using Method = Call::Method;

constexpr const char* directory = R"({"newNonce":"n","newAccount":"a","newOrder":"o"})";
constexpr const char* order_text =
    R"({"status":"pending","authorizations":["authz"],"finalize":"fin"})";
constexpr const char* asked_text = R"({"status":"pending","identifier":{"value":"dns.example"},
    "challenges":[{"type":"dns-01","url":"chal","token":"token"}]})";

/// Plays a server: answers in the order given, whatever is asked; notes what was, and what the
/// challenge says meanwhile.
class Script final : public Web {
public:
    explicit Script(Challenges& challenges) : challenges_{challenges} {}

    Script& then(int status, std::string body, std::string location = {}) {
        answers_.push_back({.status = status,
                            .body = std::move(body),
                            .location = std::move(location),
                            .nonce = "nonce" + std::to_string(answers_.size()),
                            .retry_after = {}});
        return *this;
    }
    Script& retry_after(std::int64_t seconds) {
        answers_.back().retry_after = std::chrono::seconds{seconds};
        return *this;
    }
    Script& entered() { return then(200, directory).then(200, "").then(201, "{}", "account"); }

    Result<Answer> ask(const Call& call) override {
        asked.push_back(call.url);
        const auto name = dns::Name::parse("_acme-challenge.dns.example.");
        challenges_.for_each(*name, [&](std::string_view value) { shown.emplace_back(value); });
        if (answers_.empty()) return Error{Errc::io, "nobody there"};
        Answer answer = std::move(answers_.front());
        answers_.pop_front();
        return answer;
    }
    bool pause(std::chrono::milliseconds time) override {
        paused += time;
        return !stop;
    }

    std::vector<std::string> asked;
    std::vector<std::string> shown;
    std::chrono::milliseconds paused{0};
    bool stop = false;

private:
    Challenges& challenges_;
    std::deque<Answer> answers_;
};

struct World {
    Challenges challenges;
    Script web{challenges};
    Client client{web, challenges, "dir", *Key::from_pem(test::key_pem), ""};

    std::string failure() {
        const Result<Issued> issued = client.obtain("dns.example");
        return issued ? "none" : issued.error().text;
    }
};

}  // namespace

TEST_CASE("a challenge is there from before it is asked for until it was looked at") {
    World world;
    world.web.entered()
        .then(201, order_text, "order")
        .then(200, asked_text)
        .then(200, "{}")
        .then(200, asked_text)
        .then(200, asked_text)
        .retry_after(7)
        .then(200, R"({"status":"valid","identifier":{"value":"dns.example"},"challenges":[]})")
        .then(200, "{}")
        .then(200, R"({"status":"processing","finalize":"fin"})")
        .then(200, R"({"status":"valid","finalize":"fin","certificate":"cert"})")
        .then(200, test::certificate_pem);
    // The certificate is that of another key: ours is made for each order.
    CHECK(world.failure() == "certificate: the private key is not the certificate's");
    CHECK(world.web.asked == std::vector<std::string>{"dir", "n", "a", "o", "authz", "chal",
                                                      "authz", "authz", "authz", "fin", "order",
                                                      "order", "cert"});
    // SHA-256 of the token, a dot and the digest of the key.
    CHECK(world.web.shown ==
          std::vector<std::string>(4, base64url(sha256("token.oKIywvGUpTVTyxMQ3bwIIeQUudfr_"
                                                       "CkLMjCE19ECD-U"))));
    CHECK_FALSE(world.challenges.any());
    CHECK(world.web.paused == std::chrono::milliseconds{500 + 7000 + 500});
}

TEST_CASE("challenges are answered as they are asked for, and nothing else is") {
    const auto challenges = std::make_shared<Challenges>();
    const PluginPtr plugin = answering(challenges);
    const auto first = challenges->present("Dns.example", "one");
    const auto second = challenges->present("dns.example", "two");
    REQUIRE(first);
    REQUIRE(second);
    const auto values = [&](const char* text, dns::Type type, dns::Class klass) {
        Arena arena{4096};
        const auto name = dns::Name::parse(text);
        Query query{{.name = *name, .asked = *name, .type = type, .klass = klass, .arena = &arena}};
        Reply reply{arena};
        std::vector<std::string> all;
        if (plugin->ask(query, reply) == Step::next) return all;
        CHECK(reply.rcode == dns::Rcode::no_error);
        CHECK(reply.authoritative);
        for (const dns::Record& record : reply.answers().records()) {
            CHECK(record.ttl == 0);
            const dns::RawData data = std::get<dns::RawData>(record.data);
            all.emplace_back(data.begin() + 1, data.end());
        }
        return all;
    };
    using enum dns::Class;
    const char* const name = "_acme-challenge.dns.example.";
    CHECK(values(name, dns::Type::txt, in) == std::vector<std::string>{"one", "two"});
    CHECK(values(name, dns::Type::txt, ch).empty());
    CHECK(values(name, dns::Type::a, in).empty());
    CHECK(values("_acme-challenge.example.", dns::Type::txt, in).empty());
    CHECK_FALSE(challenges->present("dns.example", std::string(256, 'x')));
    CHECK_FALSE(challenges->present("dns..example", "x"));
}

TEST_CASE("a nonce that is refused is replaced, but not for ever") {
    const std::string bad = R"({"type":"urn:ietf:params:acme:error:badNonce","detail":"old"})";
    World world;
    world.web.then(200, directory).then(200, "");
    for (int i = 0; i < 6; ++i) world.web.then(400, bad);
    CHECK(world.failure() == "account: the server refuses with status 400: old");
    CHECK(world.web.asked == std::vector<std::string>{"dir", "n", "a", "a", "a", "a", "a", "a"});
}

TEST_CASE("what a server refuses is said in its words") {
    World world;
    SECTION("nobody there") {
        CHECK(world.failure() == "nobody there");
    }
    SECTION("no directory") {
        world.web.then(404, "<html>");
        CHECK(world.failure() == "the server refuses with status 404");
    }
    SECTION("a directory that is none") {
        world.web.then(200, "{}");
        CHECK(world.failure() == "directory dir: has no newNonce");
    }
    SECTION("an order") {
        world.web.entered().then(429, R"({"type":"rateLimited","detail":"too many"})");
        CHECK(world.failure() == "order: the server refuses with status 429: too many");
    }
    SECTION("an order without a place") {
        world.web.entered().then(201, order_text);
        CHECK(world.failure() == "order: the server gives no sense");
    }
    SECTION("only other challenges") {
        world.web.entered()
            .then(201, order_text, "order")
            .then(200, R"({"status":"pending","identifier":{"value":"a"},"challenges":[]})");
        CHECK(world.failure() == "the server does not offer dns-01");
    }
    SECTION("a challenge that was not found") {
        world.web.entered()
            .then(201, order_text, "order")
            .then(200, asked_text)
            .then(200, "{}")
            .then(200, R"({"status":"invalid","identifier":{"value":"dns.example"},"challenges":[
                {"type":"dns-01","url":"c","token":"t","error":{"detail":"no TXT record"}}]})");
        CHECK(world.failure() == "the server did not find its challenge at "
                                 "_acme-challenge.dns.example: no TXT record");
    }
    SECTION("a server that wants to be left alone for ever") {
        world.web.entered()
            .then(201, order_text, "order")
            .then(200, asked_text)
            .then(200, "{}")
            .then(200, asked_text)
            .retry_after(std::numeric_limits<std::int64_t>::max());
        CHECK(world.failure() == "nobody there");
        CHECK(world.web.paused == std::chrono::seconds{30});
    }
    SECTION("a server that never comes to an end") {
        world.web.entered().then(201, order_text, "order").then(200, asked_text).then(200, "{}");
        for (int i = 0; i < 40; ++i) world.web.then(200, asked_text);
        CHECK(world.failure() == "the server does not come to an end");
    }
    SECTION("stopped meanwhile") {
        world.web.stop = true;
        world.web.entered()
            .then(201, order_text, "order")
            .then(200, asked_text)
            .then(200, "{}")
            .then(200, asked_text);
        CHECK(world.failure() == "stopped");
    }
    CHECK_FALSE(world.challenges.any());
}
