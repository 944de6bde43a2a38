#include "acme/messages.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <utility>

namespace nameplane::acme {

namespace {

namespace dom = simdjson::dom;

constexpr std::size_t said_octets_max = 500;

std::string text_at(dom::object object, std::string_view key) {
    std::string_view text;
    if (object.at_key(key).get(text) != simdjson::SUCCESS) return {};
    return std::string{text};
}

// Of a server that may be hostile, for a line of the log.
std::string said(std::string text) {
    for (char& octet : text) {
        const auto value = static_cast<unsigned char>(octet);
        if (value < ' ' || value == 0x7f) octet = ' ';
    }
    if (text.size() > said_octets_max) text.resize(said_octets_max);
    return text;
}

State state_of(std::string_view word) noexcept {
    static constexpr std::array words{
        std::pair{std::string_view{"pending"}, State::pending},
        std::pair{std::string_view{"ready"}, State::ready},
        std::pair{std::string_view{"processing"}, State::processing},
        std::pair{std::string_view{"valid"}, State::valid},
    };
    const auto* const found = std::ranges::find(words, word, &decltype(words)::value_type::first);
    return found == words.end() ? State::failed : found->second;
}

Problem problem_of(dom::object object) {
    Problem problem{.type = text_at(object, "type"), .text = text_at(object, "detail")};
    if (problem.text.empty()) problem.text = problem.type;
    problem.text = said(std::move(problem.text));
    return problem;
}

std::string error_of(dom::object object) {
    dom::object error;
    if (object.at_key("error").get(error) != simdjson::SUCCESS) return {};
    return problem_of(error).text;
}

/// Reads `text` as an object with `read`; nothing that it gives may live longer than the call.
template <class F> auto read_object(std::string_view text, F read) {
    using Read = std::invoke_result_t<F, dom::object>;
    dom::parser parser{answer_octets_max};
    dom::object object;
    // An empty text may have no place in memory at all, which simdjson does not take.
    if (text.empty() || parser.parse(text.data(), text.size()).get(object) != simdjson::SUCCESS) {
        return Read{Error{Errc::invalid, "not an object of JSON"}};
    }
    return read(object);
}

Error lacks(const char* what) {
    return {Errc::invalid, std::string{"has no "} + what};
}

std::optional<Challenge> challenge_of(dom::object object) {
    if (text_at(object, "type") != "dns-01") return std::nullopt;
    return Challenge{.url = text_at(object, "url"), .token = text_at(object, "token")};
}

// RFC 8555 8.1: base64url, so that nothing else gets into what we sign and publish.
bool is_token(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                                   "uvwxyz0123456789-_") == text.npos;
}

}  // namespace

Result<Directory> read_directory(std::string_view text) {
    return read_object(text, [](dom::object object) -> Result<Directory> {
        Directory directory{.new_nonce = text_at(object, "newNonce"),
                            .new_account = text_at(object, "newAccount"),
                            .new_order = text_at(object, "newOrder")};
        if (directory.new_nonce.empty()) return lacks("newNonce");
        if (directory.new_account.empty()) return lacks("newAccount");
        if (directory.new_order.empty()) return lacks("newOrder");
        return directory;
    });
}

Result<Order> read_order(std::string_view text) {
    return read_object(text, [](dom::object object) -> Result<Order> {
        Order order{.state = state_of(text_at(object, "status")),
                    .authorizations = {},
                    .finalize = text_at(object, "finalize"),
                    .certificate = text_at(object, "certificate"),
                    .error = error_of(object)};
        dom::array all;
        if (object.at_key("authorizations").get(all) == simdjson::SUCCESS) {
            for (const dom::element each : all) {
                std::string_view url;
                if (each.get(url) != simdjson::SUCCESS) return lacks("URL of an authorization");
                order.authorizations.emplace_back(url);
            }
        }
        if (order.finalize.empty()) return lacks("finalize");
        if (order.state == State::valid && order.certificate.empty()) return lacks("certificate");
        return order;
    });
}

Result<Authorization> read_authorization(std::string_view text) {
    return read_object(text, [](dom::object object) -> Result<Authorization> {
        Authorization authorization{.state = state_of(text_at(object, "status"))};
        dom::object identifier;
        if (object.at_key("identifier").get(identifier) == simdjson::SUCCESS) {
            authorization.domain = text_at(identifier, "value");
        }
        if (authorization.domain.empty()) return lacks("identifier");
        dom::array challenges;
        if (object.at_key("challenges").get(challenges) != simdjson::SUCCESS) {
            return lacks("challenges");
        }
        for (const dom::element each : challenges) {
            dom::object challenge;
            if (each.get(challenge) != simdjson::SUCCESS) return lacks("challenge");
            if (authorization.error.empty()) authorization.error = error_of(challenge);
            std::optional<Challenge> dns = challenge_of(challenge);
            if (!dns) continue;
            if (dns->url.empty() || !is_token(dns->token)) return lacks("token of dns-01");
            authorization.dns = std::move(dns);
        }
        return authorization;
    });
}

Problem read_problem(std::string_view text) {
    Result<Problem> read =
        read_object(text, [](dom::object object) -> Result<Problem> { return problem_of(object); });
    return read ? std::move(*read) : Problem{};
}

std::string json_text(std::string_view text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string json{'"'};
    for (const char octet : text) {
        const auto value = static_cast<unsigned char>(octet);
        if (octet == '"' || octet == '\\') {
            json += '\\';
            json += octet;
        } else if (value < ' ') {
            json += "\\u00";
            json += digits[value >> 4U];
            json += digits[value & 15U];
        } else {
            json += octet;
        }
    }
    return json + '"';
}

}  // namespace nameplane::acme
