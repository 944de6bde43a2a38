#pragma once
// UpstreamLab: a worker without a thread, and upstreams with a script, all on one loop. Plugins
// that wait (forward, cache, loop) are tested in it.

#include "base/published.hpp"
#include "chain/builder.hpp"
#include "conf/config.hpp"
#include "net/loop.hpp"
#include "net/tcp.hpp"
#include "server/batches.hpp"
#include "server/handler.hpp"
#include "services/snapshot.hpp"
#include "support/ldns_message.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/heirlooms.hpp>
#include <nameplane/worker.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::test {

using Octets = std::vector<std::uint8_t>;

/// Answers what it is asked over UDP and TCP at one loopback port, as its script says.
class ScriptedUpstream {
public:
    struct Question {
        Octets message;
        bool tcp = false;
        std::size_t number = 0;  ///< from 1
        SocketAddress from;
        std::uint16_t id() const {
            return static_cast<std::uint16_t>(message[0] << 8 | message[1]);
        }
    };
    /// The answers, any number of them.
    using Script = std::function<std::vector<Octets>(const Question&)>;

    ScriptedUpstream(net::Loop& loop, Script script);
    std::string address() const { return local_.to_string(); }
    SocketAddress socket_address() const { return local_; }
    std::size_t asked() const { return asked_; }
    std::size_t connections() const { return connections_made_; }
    void close_connections() { connections_.clear(); }
    Script script;

private:
    struct Connection {
        net::TcpStream stream;
        Octets unread;
        std::unique_ptr<net::FdWatch> watch;
    };
    void datagram();
    void accept();
    void readable(Connection& connection);

    net::Loop& loop_;
    UniqueFd udp_;
    SocketAddress local_;
    std::optional<net::TcpListener> listener_;
    std::unique_ptr<net::FdWatch> udp_watch_;
    std::unique_ptr<net::FdWatch> tcp_watch_;
    std::list<Connection> connections_;
    std::size_t asked_ = 0;
    std::size_t connections_made_ = 0;
};

/// An answer to `question`, without compression: header flags as given, records as octets.
struct Saying {
    unsigned flags = 0x8180;             ///< QR, RD, RA; the rcode in the last four bits
    std::vector<std::string> addresses;  ///< A records of the name asked
    std::uint32_t ttl = 300;
    bool soa = false;  ///< in the authority section, with a minimum of 30
    bool edns = true;
};
Octets answer_to(const ScriptedUpstream::Question& question, const Saying& saying);

/// Stands still but for advance() and what its lab lets pass.
class HandClock final : public Clock {
public:
    Monotonic now() const noexcept override { return now_; }
    WallTime wall() const noexcept override { return std::chrono::system_clock::now(); }
    void advance(std::chrono::milliseconds time) { now_ += time; }

private:
    Monotonic now_ = std::chrono::steady_clock::now();
};

class UpstreamLab final : WorkerContext, server::Late {
public:
    explicit UpstreamLab(std::vector<conf::PluginConfig> plugins);
    ~UpstreamLab();

    net::Loop events;
    metrics::Registry metrics{1};
    Heirlooms heirlooms;
    HandClock clock;  // the plugins' that ask for one
    /// Whether `clock` goes on by a millisecond with a turn of the loop, at most one in a real
    /// millisecond. What can happen in a turn has happened then, however long a busy machine stood
    /// still in between: no upstream is late that is not silent.
    bool time_passes = true;

    /// Puts a query into the handler; its answer, perhaps there already, has this number.
    struct Ask {
        bool tcp = false;
        bool edns = false;
        bool dnssec_ok = false;
        bool checking_disabled = false;
        std::uint16_t klass = 1;
    };
    std::size_t begin(const std::string& name, std::uint16_t type, Ask how);
    std::size_t begin(const std::string& name, std::uint16_t type = 1) {
        return begin(name, type, Ask{});
    }
    /// Runs the loop until answer `number` is there, two minutes at most.
    Octets await(std::size_t number);
    LdnsMessage ask(const std::string& name, std::uint16_t type, Ask how);
    LdnsMessage ask(const std::string& name, std::uint16_t type = 1) {
        return ask(name, type, Ask{});
    }
    bool is_answered(std::size_t number) const { return answers_[number].has_value(); }
    /// Runs the loop until `done()`, two minutes at most; false if it does not come true.
    bool run_until(const std::function<bool()>& done);
    /// Runs the loop for so many turns, each of a millisecond or longer.
    void run_for(std::chrono::milliseconds time);
    /// A reload: the same plugins, or others.
    void reload(std::vector<conf::PluginConfig> plugins);
    /// The same with any server blocks, and this cluster.
    void serve(const std::vector<conf::ServerConfig>& servers,
               std::shared_ptr<const services::Snapshot> snapshot);
    /// Another state of the cluster, for the same plugins.
    void use(std::shared_ptr<const services::Snapshot> snapshot);
    double count(std::string_view name, std::string_view label = {},
                 std::string_view value = {}) const;
    server::Handler& handler() { return handler_; }

private:
    std::size_t number() const noexcept override { return 0; }
    net::Loop& loop() noexcept override { return events; }
    void keep(std::shared_ptr<Tenant> tenant) override { tenants_.push_back(std::move(tenant)); }
    void hold(const server::Arrival& arrival, server::Return& way) noexcept override;
    void answer(const server::Return& way, std::span<const std::uint8_t> message) noexcept override;

    server::Oddities oddities_{metrics};
    std::vector<std::shared_ptr<const chain::Chains>> chains_;  // all that ever were
    std::shared_ptr<const services::Snapshot> snapshot_;
    server::Handler handler_{0, {}, oddities_};
    std::vector<std::shared_ptr<Tenant>> tenants_;
    std::vector<std::optional<Octets>> answers_;
};

/// A plugin of the registry with these values.
conf::PluginConfig
plugin_with(const std::string& name,
            const std::vector<std::pair<std::string, Options::Value>>& values = {});
std::vector<std::string> addresses_of(const LdnsMessage& message);

}  // namespace nameplane::test
