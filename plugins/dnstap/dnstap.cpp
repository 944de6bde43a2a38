#include "plugins/dnstap/dnstap.hpp"

#include "dns/encode.hpp"
#include "dns/parse.hpp"
#include "net/frame_readers.hpp"
#include <nameplane/heirlooms.hpp>
#include <nameplane/tap.hpp>

#include <string>

namespace nameplane::plugins {

using tapping::Event;
using tapping::WallTime;

namespace {

WallTime now() noexcept {
    return std::chrono::system_clock::now();
}

constexpr const char* content_type = "protobuf:dnstap.Dnstap";

Result<std::shared_ptr<net::FrameSink>> make_sink(const tapping::Settings& settings,
                                                  const Setup& setup) {
    metrics::Counter& dropped = setup.metrics.counter(
        "nameplane_dnstap_dropped_total",
        "Messages of the plugin dnstap that no receiver was there for, or too slow.",
        {{"to", settings.label}});
    if (settings.listens) {
        return std::shared_ptr<net::FrameSink>{std::make_shared<net::FrameReaders>(
            net::FrameReaders::Options{.at = settings.target,
                                       .tls = settings.tls,
                                       .content_type = content_type,
                                       .workers = setup.workers,
                                       .queue = settings.queue,
                                       .dropped = &dropped})};
    }
    auto stream = net::FrameStream::make({.target = settings.target,
                                          .incoming = nullptr,
                                          .content_type = content_type,
                                          .workers = setup.workers,
                                          .queue = settings.queue,
                                          .dropped = &dropped});
    if (!stream) return std::move(stream).error();
    return std::shared_ptr<net::FrameSink>{std::move(*stream)};
}

// What a stream depends on, so that it goes on over a reload that leaves it alone.
std::string key_of(const tapping::Settings& settings) {
    return "dnstap " + settings.label + ' ' + std::to_string(settings.queue) + ' ' +
           std::to_string(settings.target.send_buffer_octets) +
           (settings.target.verify ? " verified" : "") +
           (settings.tls ? ' ' + settings.tls->certificate + ' ' + settings.tls->key + ' ' +
                               settings.tls->authorities
                         : "");
}

}  // namespace

Dnstap::Dnstap(tapping::Settings settings, std::shared_ptr<net::FrameSink> sink)
    : settings_{std::move(settings)}, extra_{settings_.extra}, sink_{std::move(sink)} {}

Result<PluginPtr> Dnstap::make(const Options& given, Setup& setup) {
    Result<tapping::Settings> settings = tapping::read_settings(given);
    if (!settings) return settings.error();
    if (settings->target.kind == net::FrameTarget::Kind::unix_socket) {
        settings->target.path = setup.path_of(settings->target.path);
    }
    if (settings->tls) {
        for (std::string* const path :
             {&settings->tls->certificate, &settings->tls->key, &settings->tls->authorities}) {
            if (!path->empty()) *path = setup.path_of(*path);
        }
    }
    if (setup.heirlooms == nullptr) return PluginPtr{new Dnstap{std::move(*settings), nullptr}};
    std::optional<Error> error;
    const auto fresh = [&]() -> std::shared_ptr<net::FrameSink> {
        auto sink = make_sink(*settings, setup);
        if (sink) return std::move(*sink);
        error = sink.error();
        return nullptr;
    };
    auto sink = setup.heirlooms->get<net::FrameSink>(
        key_of(*settings), [](const net::FrameSink&) { return true; }, fresh);
    if (error) return *error;
    return PluginPtr{new Dnstap{std::move(*settings), std::move(sink)}};
}

bool Dnstap::has_receiver(Query& query) const noexcept {
    if (sink_ == nullptr) return false;
    if (sink_->is_connected()) return true;
    sink_->dropped(query.worker());
    return false;
}

std::string_view Dnstap::extra(Query& query) const noexcept {
    if (settings_.extra.empty()) return {};
    const Note* const note = query.kept<Note>(this);
    void* const room =
        query.arena().allocate(sizeof(query_format::Line), alignof(query_format::Line));
    if (room == nullptr || note == nullptr) return {};
    auto* const line = new (room) query_format::Line;
    // As CoreDNS: nothing of the answer.
    const Reply none{query.arena()};
    extra_.write(note->as_asked, query, none, {}, *line);
    return line->text();
}

void Dnstap::send(Query& query, Event& event) const noexcept {
    event.identity = settings_.identity;
    event.version = settings_.version;
    event.extra = extra(query);
    tapping::Packed packed = tapping::pack(event);
    if (packed.frame == nullptr) return sink_->dropped(query.worker());
    sink_->submit(query.worker(), std::move(packed.frame), packed.octets);
}

Step Dnstap::ask(Query& query, Reply&) const noexcept {
    // What is only looked up for another query is not the client's.
    if (query.for_nobody() || query.parts().asked_by != nullptr) return Step::next;
    Note* const note = query.keep<Note>(this);
    if (note == nullptr) return Step::next;
    note->asked = now();
    note->as_asked = {.name = query.name_as_asked(),
                      .type = query.type(),
                      .klass = query.klass(),
                      .dnssec_ok = query.dnssec_ok(),
                      .recursion_desired = query.recursion_desired(),
                      .udp_size = query.udp_size(),
                      .at = std::chrono::steady_clock::now()};
    // It would move if the query waits.
    if (const auto copy = note->as_asked.name.copy_to(query.arena())) note->as_asked.name = *copy;
    if (!has_receiver(query)) return Step::next;
    Event event{.type = Event::Type::client_query,
                .tcp = query.transport() == Transport::tcp,
                .asks = query.client(),
                .asked = note->asked};
    if (settings_.full) event.query = query.message();
    send(query, event);
    return Step::next;
}

Step Dnstap::tell(Query& query, Reply& reply) const noexcept {
    const Note* const note = query.kept<Note>(this);
    if (note == nullptr || !has_receiver(query)) return Step::done;
    Event event{.type = Event::Type::client_response,
                .tcp = query.transport() == Transport::tcp,
                .asks = query.client(),
                .asked = note->asked,
                .answered = now()};
    if (settings_.full) event.response = wire_of(query, reply);
    send(query, event);
    return Step::done;
}

std::span<const std::uint8_t> Dnstap::wire_of(Query& query, const Reply& reply) const noexcept {
    dns::Question question;
    if (dns::parse_query(query.message(), question) != dns::ParseError::none) return {};
    const bool tcp = query.transport() == Transport::tcp;
    const std::span<std::uint8_t> out = query.arena().array<std::uint8_t>(tcp ? 65535 : 4096);
    if (out.empty()) return {};
    return out.first(dns::encode(question, reply, {.tcp = tcp}, out));
}

void Dnstap::tap(Query& query, const UpstreamExchange& exchange) const noexcept {
    if (query.for_nobody() || !has_receiver(query)) return;
    Event event{.type = Event::Type::forwarder_query,
                .tcp = exchange.tcp,
                .answers = exchange.upstream,
                .asked = exchange.asked};
    if (settings_.full) event.query = query.message();
    send(query, event);
    event.type = Event::Type::forwarder_response;
    event.query = {};
    if (settings_.full) event.response = exchange.answer;
    event.answered = exchange.answered;
    send(query, event);
}

}  // namespace nameplane::plugins
