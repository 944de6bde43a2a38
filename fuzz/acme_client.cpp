// An ACME server that says anything, one answer after the other: a certificate is had or there is a
// sentence, the time that is waited is bounded, and no challenge stays behind. Answers are divided
// by lines "--"; the first line of each is STATUS LOCATION NONCE RETRY-AFTER, "-" for none.

#include "acme/client.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace nameplane;
using namespace nameplane::acme;

namespace {

/// What stands in front of `divider`; takes both away.
std::string_view take(std::string_view& text, std::string_view divider) {
    const std::string_view front = text.substr(0, text.find(divider));
    text.remove_prefix(std::min(text.size(), front.size() + divider.size()));
    return front;
}

std::string word_of(std::string_view& line) {
    const std::string_view word = take(line, " ");
    return word == "-" ? std::string{} : std::string{word};
}

class Script final : public Web {
public:
    explicit Script(std::string_view text) : text_{text} {}

    Result<Answer> ask(const Call&) override {
        if (text_.empty()) return Error{Errc::io, "nobody there"};
        std::string_view body = take(text_, "\n--\n");
        std::string_view line = take(body, "\n");
        Answer answer;
        const std::string status = word_of(line);
        std::from_chars(status.data(), status.data() + status.size(), answer.status);
        answer.location = word_of(line);
        answer.nonce = word_of(line);
        long seconds = 0;
        if (std::from_chars(line.data(), line.data() + line.size(), seconds).ec == std::errc{} &&
            seconds > 0) {
            answer.retry_after = std::chrono::seconds{seconds};
        }
        answer.body = body;
        return answer;
    }
    bool pause(std::chrono::milliseconds time) override {
        if (time < std::chrono::milliseconds{1} || time > std::chrono::minutes{1}) std::abort();
        waited_ += time;
        if (waited_ > std::chrono::hours{3}) std::abort();
        return true;
    }

private:
    std::string_view text_;
    std::chrono::milliseconds waited_{0};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Key account = Key::make();
    Challenges challenges;
    Script server{{reinterpret_cast<const char*>(data), size}};
    Client client{server, challenges, "https://acme.example/directory", account, "me@example"};
    const Result<Issued> issued = client.obtain("dns.example");
    if (!issued && issued.error().text.empty()) std::abort();
    if (issued && (issued->chain.empty() || issued->key.empty())) std::abort();
    if (challenges.any()) std::abort();
    return 0;
}
