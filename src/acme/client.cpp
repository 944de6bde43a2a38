#include "acme/client.hpp"

#include "acme/certificate.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::acme {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server may throw away nonces at any time; one that takes none is broken.
constexpr int nonce_tries = 6;
constexpr std::size_t authorizations_max = 16;
constexpr milliseconds poll_pause{500};
constexpr seconds poll_pause_max{30};
constexpr seconds poll_time_max{300};

Error stopped() {
    return {Errc::again, "stopped"};
}

bool is_bad_nonce(const Answer& answer) {
    return answer.status == 400 && read_problem(answer.body).type.ends_with(":badNonce");
}

Error refusal(const Answer& answer) {
    const Problem problem = read_problem(answer.body);
    return {Errc::permission, "the server refuses with status " + std::to_string(answer.status) +
                                  (problem.text.empty() ? "" : ": " + problem.text)};
}

std::string because(const std::string& what, const std::string& why) {
    return why.empty() ? what : what + ": " + why;
}

bool is_under_way(State state) noexcept {
    return state == State::pending || state == State::processing;
}

}  // namespace

Client::Client(Web& web, Challenges& challenges, std::string directory_url, Key account,
               std::string email)
    : web_{web}, challenges_{challenges}, directory_url_{std::move(directory_url)},
      account_{std::move(account)}, email_{std::move(email)} {}

Status Client::enter() {
    if (!account_url_.empty()) return {};
    Result<Answer> got = web_.ask({.method = Call::Method::get, .url = directory_url_, .body = {}});
    if (!got) return std::move(got).error();
    if (got->status != 200) return refusal(*got);
    Result<Directory> read = read_directory(got->body);
    if (!read) return std::move(read).error().within("directory " + directory_url_);
    directory_ = std::move(*read);
    const std::string contact =
        email_.empty() ? "" : R"(,"contact":[)" + json_text("mailto:" + email_) + ']';
    Result<Answer> account =
        post(directory_.new_account, R"({"termsOfServiceAgreed":true)" + contact + '}');
    if (!account) return std::move(account).error().within("account");
    if (account->location.empty()) return Error{Errc::io, "account: the server names none"};
    account_url_ = account->location;
    return {};
}

Result<std::string> Client::nonce() {
    if (!nonce_.empty()) return std::exchange(nonce_, {});
    Result<Answer> got =
        web_.ask({.method = Call::Method::head, .url = directory_.new_nonce, .body = {}});
    if (!got) return std::move(got).error();
    if (got->nonce.empty()) return Error{Errc::io, "the server gives no nonce"};
    return std::move(got->nonce);
}

std::string Client::header(const std::string& url, const std::string& nonce) const {
    const std::string who =
        account_url_.empty() ? R"("jwk":)" + account_.jwk() : R"("kid":)" + json_text(account_url_);
    return R"({"alg":"ES256","nonce":)" + json_text(nonce) + R"(,"url":)" + json_text(url) + ',' +
           who + '}';
}

Result<Answer> Client::post(const std::string& url, std::string_view payload) {
    for (int tries = nonce_tries;; --tries) {
        Result<std::string> fresh = nonce();
        if (!fresh) return std::move(fresh).error();
        Result<Answer> got = web_.ask({.method = Call::Method::post,
                                       .url = url,
                                       .body = account_.envelope(header(url, *fresh), payload)});
        if (!got) return got;
        nonce_ = got->nonce;
        if (got->status / 100 == 2) return got;
        if (!is_bad_nonce(*got) || tries == 1) return refusal(*got);
    }
}

template <class T>
Result<T> Client::await(const std::string& url, Result<T> (*read)(std::string_view)) {
    milliseconds waited{0};
    for (milliseconds pause = poll_pause;; pause *= 2) {
        Result<Answer> got = post(url, "");
        if (!got) return std::move(got).error();
        Result<T> now = read(got->body);
        if (!now || !is_under_way(now->state)) return now;
        // Bounded before it is counted in milliseconds: a server may say any number.
        const milliseconds asked = std::min(got->retry_after.value_or(seconds{0}), poll_pause_max);
        pause = std::clamp(std::max(pause, asked), poll_pause, milliseconds{poll_pause_max});
        waited += pause;
        if (waited > poll_time_max) return Error{Errc::io, "the server does not come to an end"};
        if (!web_.pause(pause)) return stopped();
    }
}

Status Client::prove(const std::string& authorization_url) {
    Result<Answer> got = post(authorization_url, "");
    if (!got) return std::move(got).error();
    Result<Authorization> asked = read_authorization(got->body);
    if (!asked) return std::move(asked).error().within("authorization");
    if (asked->state == State::valid) return {};  // proved not long ago
    if (!asked->dns) return Error{Errc::unsupported, "the server does not offer dns-01"};
    const std::string proof = asked->dns->token + '.' + account_.thumbprint();
    const auto presented = challenges_.present(asked->domain, base64url(sha256(proof)));
    if (!presented) return presented.error();
    Result<Answer> begun = post(asked->dns->url, "{}");
    if (!begun) return std::move(begun).error();
    const Result<Authorization> now = await(authorization_url, read_authorization);
    if (!now) return now.error();
    if (now->state == State::valid) return {};
    return Error{Errc::permission, because("the server did not find its challenge at "
                                           "_acme-challenge." +
                                               asked->domain,
                                           now->error)};
}

Result<Order> Client::finish(const Order& order, const std::string& order_url, const Key& key,
                             const std::string& domain) {
    const std::string request = base64url(certificate_request(key, domain));
    Result<Answer> got = post(order.finalize, R"({"csr":)" + json_text(request) + '}');
    if (!got) return std::move(got).error();
    Result<Order> now = await(order_url, read_order);
    if (!now) return now;
    if (now->state == State::valid) return now;
    return Error{Errc::permission, because("the order failed", now->error)};
}

Result<Issued> Client::obtain(const std::string& domain) {
    if (Status entered = enter(); !entered) return std::move(entered).error();
    Result<Answer> got = post(directory_.new_order, R"({"identifiers":[{"type":"dns","value":)" +
                                                        json_text(domain) + "}]}");
    if (!got) return std::move(got).error().within("order");
    Result<Order> order = read_order(got->body);
    if (!order) return std::move(order).error().within("order");
    if (got->location.empty() || order->authorizations.size() > authorizations_max) {
        return Error{Errc::io, "order: the server gives no sense"};
    }
    const std::string order_url = got->location;
    for (const std::string& each : order->authorizations) {
        if (Status proved = prove(each); !proved) return std::move(proved).error();
    }
    const Key key = Key::make();
    const Result<Order> done = finish(*order, order_url, key, domain);
    if (!done) return done.error();
    Result<Answer> chain = post(done->certificate, "");
    if (!chain) return std::move(chain).error().within("certificate");
    Issued issued{.chain = std::move(chain->body), .key = key.to_pem()};
    const Result<Validity> good = validity_of(issued.chain, issued.key, domain);
    if (!good) return Error{good.error()}.within("certificate");
    return issued;
}

}  // namespace nameplane::acme
