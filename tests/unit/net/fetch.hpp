#pragma once
// Fetching in tests: a client with its loop, and requests that are waited for.

#include "net/http_client.hpp"
#include "support/web.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <utility>

namespace nameplane::net::testing {

struct Fetched {
    int heads = 0;
    int ends = 0;
    HttpHead head;
    HttpEnd end;
    std::string body;
};

/// A request under way, and what came of it so far.
struct Fetch {
    Fetched got;
    std::function<void()> on_head;
    std::function<void()> on_body;
    std::unique_ptr<HttpTransfer> transfer;
};

class Fetcher {
public:
    explicit Fetcher(HttpPeer peer) : client{std::in_place, std::move(peer), loop} {}
    ~Fetcher() {
        fetches.clear();
        client.reset();
    }
    Fetcher(const Fetcher&) = delete;
    Fetcher& operator=(const Fetcher&) = delete;

    Fetch& start(HttpRequest request) {
        Fetch& fetch = fetches.emplace_back();
        fetch.transfer = client->start(std::move(request), {.head =
                                                                [&fetch](const HttpHead& head) {
                                                                    ++fetch.got.heads;
                                                                    fetch.got.head = head;
                                                                    if (fetch.on_head)
                                                                        fetch.on_head();
                                                                },
                                                            .body =
                                                                [&fetch](std::string_view octets) {
                                                                    fetch.got.body += octets;
                                                                    if (fetch.on_body)
                                                                        fetch.on_body();
                                                                },
                                                            .end =
                                                                [this, &fetch](const HttpEnd& end) {
                                                                    ++fetch.got.ends;
                                                                    fetch.got.end = end;
                                                                    look();
                                                                }});
        CHECK(fetch.got.heads + fetch.got.ends == 0);
        return fetch;
    }
    Fetch& start(const char* target) { return start(HttpRequest{.target = target}); }

    /// Runs the loop until `done`, which is looked at after each end and by look().
    void run_until(std::function<bool()> done) {
        done_ = std::move(done);
        bool late = false;
        const auto limit = loop.timer([&] {
            late = true;
            loop.stop();
        });
        limit->start(std::chrono::minutes{2});
        if (!done_()) loop.run();
        REQUIRE_FALSE(late);
    }
    void look() {
        if (done_ && done_()) loop.stop();
    }

    Fetched get(HttpRequest request) {
        Fetch& fetch = start(std::move(request));
        run_until([&] { return fetch.got.ends != 0; });
        return fetch.got;
    }
    Fetched get(const char* target) { return get(HttpRequest{.target = target}); }

    Loop loop;
    std::optional<HttpClient> client;
    std::list<Fetch> fetches;

private:
    std::function<bool()> done_;
};

/// "name: value" in what /echo answered; empty if it is not there.
inline std::string echoed(const Fetched& got, const std::string& name) {
    const std::string text = '\n' + got.body;
    const std::size_t at = text.find('\n' + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 3;
    return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace nameplane::net::testing
