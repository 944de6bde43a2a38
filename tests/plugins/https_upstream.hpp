#pragma once
// HttpsUpstream: a server of DNS over HTTPS at one loopback port, on the loop of an UpstreamLab,
// that does what a script says.

#include "net/loop.hpp"
#include "net/tcp.hpp"
#include "net/tls.hpp"
#include "plugins/upstream_lab.hpp"
#include "support/http2_server.hpp"
#include "support/web.hpp"

#include <list>
#include <memory>
#include <optional>
#include <string>

namespace nameplane::test {

/// Certificates that all upstreams of a test share, for 127.0.0.1 and dns.example.
struct HttpsTrust {
    TemporaryFolder folder;
    Certificate authority = make_authority(folder, "ca");
    Certificate server =
        make_certificate(folder, "server", authority, {.names = "IP:127.0.0.1,DNS:dns.example"});
};

class HttpsUpstream {
public:
    class Connection;
    struct Question {
        ScriptedUpstream::Question dns;  ///< for answer_to()
        ScriptedHttp2::Asked http;
        Connection* connection = nullptr;
        /// Says `answer`, with the status 200.
        void respond(const Octets& answer) const;
    };
    using Script = std::function<void(const Question&)>;

    /// Without `http` it speaks something else inside of TLS.
    HttpsUpstream(net::Loop& loop, const HttpsTrust& trust, Script script, bool http = true);
    ~HttpsUpstream();
    HttpsUpstream(const HttpsUpstream&) = delete;
    HttpsUpstream& operator=(const HttpsUpstream&) = delete;

    /// "https://127.0.0.1:PORT"
    std::string url() const { return "https://" + local_.to_string(); }
    SocketAddress socket_address() const { return local_; }
    std::size_t asked() const { return asked_; }
    std::size_t connections() const { return connections_made_; }
    std::size_t open_connections() const { return connections_.size(); }
    void close_connections() { connections_.clear(); }
    /// Sends what scripts have said since outside of their calls.
    void push();
    /// Sends so many pings on each connection, unless those before are not gone yet. False: nobody
    /// is connected any more.
    bool flood(int pings);
    std::size_t pings_sent() const { return pings_sent_; }

    class Connection {
    public:
        Connection(HttpsUpstream& upstream, net::TcpStream stream);
        ScriptedHttp2 http;
        /// When the script has returned.
        void close() { closing_ = true; }
        /// What comes from now on stays in the kernel.
        void stop_reading() { reading_ = false; }
        void push();

    private:
        friend HttpsUpstream;
        void ready();
        void ask(const ScriptedHttp2::Asked& asked);

        HttpsUpstream& upstream_;
        net::TlsStream stream_;
        std::unique_ptr<net::FdWatch> watch_;
        bool closing_ = false;
        bool reading_ = true;
    };

    Script script;
    std::uint32_t streams_max = 100;

private:
    void accept();
    void drop(const Connection& connection);

    net::Loop& loop_;
    std::shared_ptr<const net::TlsServer> tls_;
    std::optional<net::TcpListener> listener_;
    SocketAddress local_;
    std::unique_ptr<net::FdWatch> watch_;
    std::list<Connection> connections_;
    std::size_t asked_ = 0;
    std::size_t connections_made_ = 0;
    std::size_t pings_sent_ = 0;
};

}  // namespace nameplane::test
