#include "plugins/forward/forward.hpp"

#include "dns/parse_answer.hpp"
#include "plugins/forward/host_lookup.hpp"
#include <nameplane/tap.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace nameplane::plugins {

using forwarding::Engine;
using forwarding::Settings;
using forwarding::Shared;
using forwarding::Waiter;

/// What a query carries from ask() to tell().
struct Forward::Note {
    Waiter waiter;
    std::chrono::system_clock::time_point asked;  ///< where somebody wants to hear of it
    /// The answer that lets the next forward try; given after all if nobody did.
    std::span<const std::uint8_t> put_aside;
};

namespace {

/// What only those need that are asked over TLS or HTTPS.
Result<forwarding::TlsClients> tls_clients(const Options& given, const Settings& settings) {
    using forwarding::Scheme;
    forwarding::TlsClients clients;
    for (const auto& [scheme, inside, place] :
         {std::tuple{Scheme::tls, "dot", &clients.tls}, {Scheme::https, "h2", &clients.https}}) {
        const bool wanted =
            std::ranges::find(settings.targets, scheme, &forwarding::Target::scheme) !=
            settings.targets.end();
        if (!wanted) continue;
        auto made = net::TlsClient::make({.certificate = settings.tls_certificate,
                                          .key = settings.tls_key,
                                          .authorities = settings.tls_authorities,
                                          .inside = inside});
        if (!made) return given.wrong("tls", made.error().text + ", expected PEM files");
        *place = std::move(*made);
    }
    return clients;
}

/// The text of what went wrong, in the arena.
std::string_view reason_of(const forwarding::Failure& failure, Arena& arena) noexcept {
    const std::string text = forwarding::to_string(failure);
    const std::span<char> room = arena.array<char>(text.size());
    if (room.empty()) return "no upstream answered";
    std::ranges::copy(text, room.begin());
    return {room.data(), room.size()};
}

}  // namespace

Result<PluginPtr> Forward::make(const Options& given, Setup& setup) {
    Result<Settings> settings = forwarding::read_settings(given);
    if (!settings) return settings.error();
    if (setup.patience) settings->deadline = std::min(settings->deadline, *setup.patience);
    Result<forwarding::TlsClients> clients = tls_clients(given, *settings);
    if (!clients) return clients.error();
    // `nameplane check` runs where those names may mean nothing.
    if (setup.background != nullptr) {
        const std::vector<SocketAddress>& resolvers = settings->resolvers;
        const auto until = std::chrono::steady_clock::now() + forwarding::look_up_time_max;
        const Status found =
            forwarding::look_up_targets(given, *settings, [&](const std::string& host) {
                return forwarding::look_up_host(host, resolvers, until);
            });
        if (!found) return found.error();
    }
    auto shared = std::make_shared<Shared>(std::move(*settings), setup.workers, setup.metrics,
                                           std::move(*clients), setup.clock);
    return PluginPtr{new Forward{std::move(shared), setup.workers}};
}

Forward::Forward(std::shared_ptr<Shared> shared, std::size_t workers)
    : shared_{std::move(shared)}, engines_{workers} {
    for (const forwarding::Target& target : shared_->settings.targets) {
        labels_.push_back(target.label());
    }
}

void Forward::begin(WorkerContext& worker) const {
    // The engine's worker may close it after this plugin has gone.
    struct Both {
        std::shared_ptr<Shared> shared;
        Engine engine;
    };
    auto both =
        std::shared_ptr<Both>(new Both{shared_, Engine{*shared_, worker.number(), worker.loop()}});
    std::shared_ptr<Engine> engine{both, &both->engine};
    engines_.at(worker.number()) = engine;
    worker.keep(std::move(engine));
}

bool Forward::is_for_us(dns::NameView name) const noexcept {
    const Settings& settings = shared_->settings;
    if (!name.is_under(settings.from)) return false;
    if (name.size() == settings.from.view().size()) return true;
    return std::ranges::none_of(settings.except,
                                [name](const dns::Name& zone) { return name.is_under(zone); });
}

Step Forward::ask(Query& query, Reply& reply) const noexcept {
    if (!is_for_us(query.name())) return Step::next;
    const Settings& settings = shared_->settings;
    Engine* const engine = engines_.at(query.worker()).get();
    const std::int64_t before = shared_->concurrent.load(std::memory_order_relaxed);
    if (settings.max_concurrent != 0 && before >= settings.max_concurrent) {
        shared_->rejected.add(query.worker());
        reply.fail(dns::Rcode::refused);
        reply.error = settings.too_many;
        return Step::done;
    }
    Note* const note = query.keep<Note>(this);
    if (engine == nullptr || note == nullptr || !query.can_wait()) {
        reply.fail("too many queries wait");
        return Step::done;
    }
    note->waiter.query = &query;
    if (query.is_tapped()) note->asked = std::chrono::system_clock::now();
    if (!engine->ask(note->waiter)) {
        reply.fail("too many questions are under way");
        return Step::done;
    }
    shared_->concurrent.fetch_add(1, std::memory_order_relaxed);
    return Step::wait;
}

bool Forward::goes_on(const Reply& reply) const noexcept {
    const Settings& settings = shared_->settings;
    if (std::ranges::find(settings.next, reply.rcode) != settings.next.end()) return true;
    return settings.next_on_nodata && reply.rcode == dns::Rcode::no_error &&
           reply.answers().empty();
}

Step Forward::woken(Query& query, Reply& reply) const noexcept {
    shared_->concurrent.fetch_sub(1, std::memory_order_relaxed);
    Note& note = *query.kept<Note>(this);
    Waiter& waiter = note.waiter;
    if (waiter.message.empty()) {
        reply.fail(reason_of(*waiter.failure, query.arena()));
        return Step::done;
    }
    // The octets are the engine's; RRs refer to them until the answer is sent.
    const std::span<std::uint8_t> copy = query.arena().array<std::uint8_t>(waiter.message.size());
    if (copy.empty()) {
        reply.fail("the answer is too large");
        return Step::done;
    }
    std::ranges::copy(waiter.message, copy.begin());
    waiter.message = copy;
    if (query.is_tapped() && !waiter.joined) {
        query.tap({.upstream = shared_->settings.targets[waiter.target].address,
                   .tcp = waiter.tcp,
                   .asked = note.asked,
                   .answered = std::chrono::system_clock::now(),
                   .answer = copy});
    }
    if (read(query, reply, note) != Step::done || !goes_on(reply)) return Step::done;
    note.put_aside = copy;
    reply = Reply{query.arena()};
    return Step::next;
}

Step Forward::read(Query& query, Reply& reply, Note& note) const noexcept {
    if (dns::read_answer(note.waiter.message, query.name(), query.arena(), reply)) {
        return Step::done;
    }
    reply = Reply{query.arena()};
    reply.fail("an upstream's answer is malformed");
    return Step::drop;
}

Step Forward::tell(Query& query, Reply& reply) const noexcept {
    Note* const note = query.kept<Note>(this);
    if (note == nullptr || note->put_aside.empty()) return Step::done;
    note->put_aside = {};
    if (reply.failed() && query.answered_by() == 0) {  // nobody behind has answered
        reply = Reply{query.arena()};
        (void)read(query, reply, *note);
    }
    return Step::done;
}

std::optional<std::string_view> Forward::metadata(Query& query,
                                                  std::string_view label) const noexcept {
    if (label != "forward/upstream") return std::nullopt;
    const Note* const note = query.kept<Note>(this);
    if (note == nullptr || note->waiter.message.empty()) return std::nullopt;
    return labels_[note->waiter.target];
}

}  // namespace nameplane::plugins
