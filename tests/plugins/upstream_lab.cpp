#include "plugins/upstream_lab.hpp"

#include "chain/registry.hpp"
#include "net/socket.hpp"
#include "services/snapshot.hpp"

#include <catch2/catch.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace nameplane::test {

namespace {

void put16(Octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

void put32(Octets& to, std::uint32_t value) {
    put16(to, value >> 16U);
    put16(to, value & 0xffffU);
}

std::size_t question_end(const Octets& message) {
    std::size_t at = 12;
    while (message[at] != 0) at += 1U + message[at];
    return at + 5;
}

}  // namespace

ScriptedUpstream::ScriptedUpstream(net::Loop& loop, Script wanted)
    : script{std::move(wanted)}, loop_{loop} {
    for (int attempt = 0; attempt < 50 && !listener_; ++attempt) {
        Result<UniqueFd> udp =
            net::bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0}, net::Share::first);
        REQUIRE(udp);
        udp_ = std::move(*udp);
        local_ = net::local_address(udp_.get());
        Result<net::TcpListener> tcp = net::TcpListener::bind(local_, net::Share::first);
        if (tcp) listener_ = std::move(*tcp);
    }
    REQUIRE(listener_);
    udp_watch_ = loop_.watch(udp_.get(), [this](bool, bool) { datagram(); });
    udp_watch_->start(true, false);
    tcp_watch_ = loop_.watch(listener_->fd(), [this](bool, bool) { accept(); });
    tcp_watch_->start(true, false);
}

void ScriptedUpstream::datagram() {
    for (;;) {
        Octets message(65535);
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t got = ::recvfrom(udp_.get(), message.data(), message.size(), MSG_DONTWAIT,
                                       reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 0) return;
        message.resize(static_cast<std::size_t>(got));
        const Question question{
            message, false, ++asked_,
            SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(from))};
        for (const Octets& answer : script(question)) {
            ::sendto(udp_.get(), answer.data(), answer.size(), 0,
                     reinterpret_cast<const sockaddr*>(&from), size);
        }
    }
}

void ScriptedUpstream::accept() {
    for (;;) {
        net::Accepted accepted = listener_->accept();
        if (accepted.status != net::AcceptStatus::accepted) return;
        ++connections_made_;
        Connection& connection =
            connections_.emplace_back(Connection{std::move(*accepted.stream), {}, nullptr});
        connection.watch = loop_.watch(connection.stream.fd(),
                                       [this, &connection](bool, bool) { readable(connection); });
        connection.watch->start(true, false);
    }
}

void ScriptedUpstream::readable(Connection& connection) {
    std::array<std::uint8_t, 65536> room;
    const net::IoResult got = connection.stream.read(room);
    if (got.io == net::Io::later) return;
    if (got.io != net::Io::some) {
        connections_.remove_if([&](const Connection& each) { return &each == &connection; });
        return;
    }
    Octets& unread = connection.unread;
    unread.insert(unread.end(), room.begin(),
                  room.begin() + static_cast<std::ptrdiff_t>(got.octets));
    while (unread.size() >= 2) {
        const std::size_t length = static_cast<std::size_t>(unread[0]) << 8U | unread[1];
        if (unread.size() < 2 + length) return;
        const auto end = unread.begin() + static_cast<std::ptrdiff_t>(2 + length);
        const Question question{{unread.begin() + 2, end}, true, ++asked_, {}};
        unread.erase(unread.begin(), end);
        for (const Octets& answer : script(question)) {
            Octets frame;
            put16(frame, static_cast<unsigned>(answer.size()));
            frame.insert(frame.end(), answer.begin(), answer.end());
            connection.stream.write(frame);
        }
    }
}

Octets answer_to(const ScriptedUpstream::Question& question, const Saying& saying) {
    const std::size_t end = question_end(question.message);
    Octets out(question.message.begin(),
               question.message.begin() + static_cast<std::ptrdiff_t>(end));
    out[2] = static_cast<std::uint8_t>(saying.flags >> 8U);
    out[3] = static_cast<std::uint8_t>(saying.flags);
    out[7] = static_cast<std::uint8_t>(saying.addresses.size());
    out[9] = saying.soa ? 1 : 0;
    out[11] = saying.edns ? 1 : 0;
    for (const std::string& text : saying.addresses) {
        const IpAddress address = *IpAddress::parse(text);
        put16(out, 0xc00c);
        put16(out, address.is_v4() ? 1 : 28);
        put16(out, 1);
        put32(out, saying.ttl);
        put16(out, static_cast<unsigned>(address.bytes().size()));
        out.insert(out.end(), address.bytes().begin(), address.bytes().end());
    }
    if (saying.soa) {
        put16(out, 0xc00c);
        put16(out, 6);
        put16(out, 1);
        put32(out, saying.ttl);
        put16(out, 2 + 2 + 20);
        put16(out, 0xc00c);
        put16(out, 0xc00c);
        for (const std::uint32_t number : {1U, 2U, 3U, 4U, 30U}) put32(out, number);
    }
    if (saying.edns) out.insert(out.end(), {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0});
    return out;
}

UpstreamLab::UpstreamLab(std::vector<conf::PluginConfig> plugins) {
    reload(std::move(plugins));
}

UpstreamLab::~UpstreamLab() {
    for (const auto& tenant : tenants_) tenant->close();
}

void UpstreamLab::serve(const std::vector<conf::ServerConfig>& servers,
                        std::shared_ptr<const services::Snapshot> snapshot) {
    auto built = chain::Chains::build(servers, Setup{.zones = {},
                                                     .workers = 1,
                                                     .metrics = metrics,
                                                     .own_addresses = {},
                                                     .services_synced = [] { return true; },
                                                     .heirlooms = &heirlooms,
                                                     .clock = &clock});
    if (!built) FAIL(built.error().text);
    chains_.push_back(*built);
    chains_.back()->begin(*this);
    use(std::move(snapshot));
}

void UpstreamLab::use(std::shared_ptr<const services::Snapshot> snapshot) {
    snapshot_ = std::move(snapshot);
    handler_.use(*chains_.back(), services::ServiceView{*snapshot_});
}

void UpstreamLab::reload(std::vector<conf::PluginConfig> plugins) {
    serve({{.zones = {dns::Name{}}, .plugins = std::move(plugins)}}, services::Snapshot::empty());
}

void UpstreamLab::hold(const server::Arrival& arrival, server::Return& way) noexcept {
    way.connection = arrival.place;
}

void UpstreamLab::answer(const server::Return& way,
                         std::span<const std::uint8_t> message) noexcept {
    answers_[way.connection].emplace(message.begin(), message.end());
}

std::size_t UpstreamLab::begin(const std::string& name, std::uint16_t type, Ask how) {
    const std::size_t number = answers_.size();
    answers_.emplace_back();
    Octets message;
    put16(message, static_cast<unsigned>(number));
    put16(message, how.checking_disabled ? 0x0110 : 0x0100);
    put16(message, 1);
    put32(message, 0);
    put16(message, how.edns || how.dnssec_ok ? 1 : 0);
    const auto parsed = dns::Name::parse(name);
    REQUIRE(parsed);
    message.insert(message.end(), parsed->view().wire().begin(), parsed->view().wire().end());
    put16(message, type);
    put16(message, how.klass);
    if (how.edns || how.dnssec_ok) {
        message.push_back(0);
        put16(message, 41);
        put16(message, 1232);
        put16(message, 0);
        put16(message, how.dnssec_ok ? 0x8000 : 0);
        put16(message, 0);
    }
    Octets out(65535);
    const server::Arrival arrival{.client = {IpAddress::v4(192, 0, 2, 1), 4242},
                                  .server = {IpAddress::v4(192, 0, 2, 53), 53},
                                  .transport = how.tcp ? Transport::tcp : Transport::udp,
                                  .late = this,
                                  .place = number};
    out.resize(handler_.answer(message, arrival, out));
    if (!out.empty()) answers_[number] = std::move(out);
    return number;
}

bool UpstreamLab::run_until(const std::function<bool()>& done) {
    bool is_done = done();
    const auto end = events.timer([&] { events.stop(); });
    const auto look = events.timer([&] {
        if (is_done) return;
        if (time_passes) clock.advance(std::chrono::milliseconds{1});
        is_done = done();
        if (is_done) events.stop();
    });
    end->start(std::chrono::minutes{2});
    look->start(std::chrono::milliseconds{0}, std::chrono::milliseconds{1});
    if (!is_done) events.run();
    return is_done;
}

void UpstreamLab::run_for(std::chrono::milliseconds time) {
    std::chrono::milliseconds::rep turns = 0;
    (void)run_until([&] { return turns++ == time.count(); });
}

Octets UpstreamLab::await(std::size_t number) {
    REQUIRE(run_until([&] { return answers_[number].has_value(); }));
    return *answers_[number];
}

LdnsMessage UpstreamLab::ask(const std::string& name, std::uint16_t type, Ask how) {
    const auto read = read_with_ldns(await(begin(name, type, how)));
    REQUIRE(read);
    return *read;
}

double UpstreamLab::count(std::string_view name, std::string_view label,
                          std::string_view value) const {
    double sum = 0;
    for (const metrics::FamilyReading& family : metrics.read()) {
        if (family.name != name) continue;
        for (const metrics::Sample& sample : family.samples) {
            const bool matches =
                label.empty() || std::ranges::count(sample.labels, std::pair{std::string{label},
                                                                             std::string{value}});
            if (matches) sum += sample.value + static_cast<double>(sample.histogram.count);
        }
    }
    return sum;
}

conf::PluginConfig plugin_with(const std::string& name,
                               const std::vector<std::pair<std::string, Options::Value>>& values) {
    for (const chain::PluginKind& kind : chain::plugin_kinds()) {
        if (kind.name != name) continue;
        Options options{kind.options};
        for (const auto& [key, value] : values) options.set(key, value);
        return {name, options};
    }
    FAIL("no plugin is called " << name);
    return {};
}

std::vector<std::string> addresses_of(const LdnsMessage& message) {
    std::vector<std::string> out;
    for (const std::string& line : message.answers) out.push_back(line.substr(line.rfind(' ') + 1));
    std::ranges::sort(out);
    return out;
}

}  // namespace nameplane::test
