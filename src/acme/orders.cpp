#include "acme/orders.hpp"

#include "acme/certificate.hpp"
#include "acme/client.hpp"
#include "acme/files.hpp"
#include "acme/resolve.hpp"
#include "net/http_call.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/base/random.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::acme {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::system_clock;

/// After a failure. Servers count what fails, and take no more for an hour after five of a name.
constexpr minutes first_pause{1};
constexpr minutes pause_max{6 * 60};
constexpr unsigned doublings_max = 9;
/// The clock may be set anew, and files may go.
constexpr hours look_every{1};

metrics::Counter& orders(metrics::Registry& metrics, const char* result) {
    return metrics.counter("nameplane_acme_orders_total", "Certificates asked for by ACME.",
                           {{"result", result}});
}

std::chrono::seconds pause_after(unsigned failures) {
    const auto whole = std::min(first_pause * (1U << std::min(failures, doublings_max)), pause_max);
    // Up to a quarter more, so that nodes do not come all at once.
    Random random;
    const auto quarter = std::chrono::seconds{whole} / 4;
    return whole +
           std::chrono::seconds{random.next() % static_cast<std::uint64_t>(quarter.count())};
}

}  // namespace

// The server of one configuration.
class Orders::Internet final : public Web {
public:
    Internet(Orders& orders, const conf::AcmeConfig& config) : orders_{orders}, config_{config} {}

    Result<Answer> ask(const Call& call) override {
        net::HttpCall request{.method = "GET",
                              .url = call.url,
                              .headers = {},
                              .body = call.body,
                              .authorities = config_.authority,
                              .addresses = {}};
        if (call.method == Call::Method::head) request.method = "HEAD";
        if (call.method == Call::Method::post) {
            request.method = "POST";
            request.headers.emplace_back("Content-Type: application/jose+json");
        }
        const std::string host{host_of(call.url)};
        if (!config_.resolver.empty() && !IpAddress::parse(host)) {
            Result<std::vector<IpAddress>> addresses = resolve(host, config_.resolver);
            if (!addresses) return std::move(addresses).error();
            request.addresses = std::move(*addresses);
        }
        Result<net::HttpReply> reply = net::http_call(request, orders_.stop_);
        if (!reply) return std::move(reply).error();
        return Answer{.status = reply->status,
                      .body = std::move(reply->body),
                      .location = std::string{reply->header("Location")},
                      .nonce = std::string{reply->header("Replay-Nonce")},
                      .retry_after = reply->retry_after};
    }
    bool pause(milliseconds time) override { return orders_.pause(time); }

private:
    Orders& orders_;
    const conf::AcmeConfig& config_;
};

Orders::Orders(std::shared_ptr<Challenges> challenges, metrics::Registry& metrics)
    : challenges_{std::move(challenges)}, metrics_{metrics}, done_{orders(metrics, "done")},
      failed_{orders(metrics, "failed")} {}

Orders::~Orders() {
    {
        const std::lock_guard lock{mutex_};
        stop_ = true;
    }
    moved_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Orders::use(const std::vector<conf::AcmeConfig>& all) {
    std::vector<Wanted> wanted;
    for (const conf::AcmeConfig& each : all) {
        for (const std::string& domain : each.domains) wanted.push_back({each, domain});
    }
    const std::lock_guard lock{mutex_};
    for (Wanted& each : wanted) {
        const auto before = std::ranges::find_if(wanted_, [&](const Wanted& other) {
            return other.domain == each.domain && other.from == each.from;
        });
        if (before != wanted_.end()) each = *before;
    }
    wanted_ = std::move(wanted);
    ++version_;
    moved_.notify_all();
    if (!thread_.joinable() && !wanted_.empty()) thread_ = std::thread{[this] { run(); }};
}

bool Orders::pause(milliseconds time) {
    std::unique_lock lock{mutex_};
    return !moved_.wait_for(lock, time, [this] { return stop_.load(); });
}

Orders::Wanted* Orders::next(std::unique_lock<std::mutex>& lock) {
    while (!stop_) {
        const auto first = std::ranges::min_element(wanted_, {}, &Wanted::due);
        const Time now = system_clock::now();
        if (first != wanted_.end() && first->due <= now) return &*first;
        const std::uint64_t before = version_;
        const Time until = first == wanted_.end() ? now + look_every : first->due;
        moved_.wait_until(lock, std::min(until, now + look_every),
                          [&] { return stop_ || version_ != before; });
    }
    return nullptr;
}

void Orders::run() {
    std::unique_lock lock{mutex_};
    while (Wanted* const due = next(lock)) {
        const Wanted chosen = *due;
        const std::uint64_t before = version_;
        lock.unlock();
        bool failed = false;
        const Time again = see_to(chosen, failed);
        lock.lock();
        // After use() it may stand elsewhere, or nowhere: it is looked at again.
        if (version_ != before) continue;
        due->due = again;
        due->failures = failed ? due->failures + 1 : 0;
    }
}

Orders::Time Orders::see_to(const Wanted& wanted, bool& failed) {
    const Files files{wanted.from.storage, wanted.from.directory, wanted.from.email};
    const auto due_of_files = [&]() -> std::optional<Time> {
        const Result<Issued> held = files.read(wanted.domain);
        if (!held) return std::nullopt;
        const Result<Validity> valid = validity_of(held->chain, held->key, wanted.domain);
        if (!valid) return std::nullopt;
        metrics_
            .gauge("nameplane_acme_certificate_end_timestamp_seconds",
                   "Until when the certificate that ACME gave counts.", {{"domain", wanted.domain}})
            .set(static_cast<double>(valid->until.time_since_epoch().count()));
        return valid->due();
    };
    const Time now = system_clock::now();
    if (const auto due = due_of_files(); due && *due > now) return std::min(*due, now + look_every);
    const Status obtained = obtain(wanted, files);
    if (obtained) {
        done_.add_shared();
        NP_LOG_INFO("acme.certificate", "domain", wanted.domain, "server", wanted.from.directory);
        const auto due = due_of_files();
        // Shorter than we need to ask: then not more often than after a failure.
        return std::max(due.value_or(now), system_clock::now() + first_pause);
    }
    if (stop_) return now;
    failed = true;
    failed_.add_shared();
    const std::chrono::seconds pause = pause_after(wanted.failures);
    NP_LOG_ERROR("acme.failed", "domain", wanted.domain, "server", wanted.from.directory, "error",
                 obtained.error(), "again_in_s", pause.count());
    return system_clock::now() + pause;
}

Status Orders::obtain(const Wanted& wanted, const Files& files) {
    Result<Key> account = files.account_key();
    if (!account) return std::move(account).error();
    Internet internet{*this, wanted.from};
    Client client{internet, *challenges_, wanted.from.directory, std::move(*account),
                  wanted.from.email};
    const Result<Issued> issued = client.obtain(wanted.domain);
    if (!issued) return issued.error();
    return files.write(wanted.domain, *issued);
}

}  // namespace nameplane::acme
