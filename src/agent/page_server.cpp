#include "agent/page_server.hpp"

#include "agent/http_date.hpp"
#include "agent/machine.hpp"
#include "agent/outgoing.hpp"
#include "net/loop.hpp"
#include "net/tcp.hpp"
#include <nameplane/base/check.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nameplane::agent {

namespace {

constexpr std::chrono::seconds idle_wait{1};     // for a request, the first one or another
constexpr std::chrono::seconds request_wait{2};  // from its first octet to the answer's last one
constexpr std::chrono::milliseconds starved_pause{100};
constexpr std::size_t request_octets_max = 16 << 10;
/// What a client may send for nothing before it is left.
constexpr std::size_t body_octets_max = std::size_t{64} * 1024;
constexpr int accepts_in_a_row_max = 64;

// Two programs on one port are a mistake: the library's own default, SO_REUSEPORT, would hide it.
void set_socket_options(int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

/// A request that is here, and its answer, as the library wants to read and write them.
class Message final : public httplib::Stream {
public:
    Message(std::string_view request, std::string& answer, const net::TcpStream& client)
        : request_{request}, answer_{&answer}, client_{&client} {}

    bool is_readable() const override { return !request_.empty(); }
    bool is_writable() const override { return true; }
    ssize_t read(char* to, std::size_t size) override {
        if (request_.empty()) return -1;
        const std::size_t given = request_.copy(to, size);
        request_.remove_prefix(given);
        return static_cast<ssize_t>(given);
    }
    ssize_t write(const char* from, std::size_t size) override {
        answer_->append(from, size);
        return static_cast<ssize_t>(size);
    }
    void get_remote_ip_and_port(std::string& ip, int& port) const override {
        name(client_->peer(), ip, port);
    }
    void get_local_ip_and_port(std::string& ip, int& port) const override {
        name(client_->local(), ip, port);
    }
    socket_t socket() const override { return client_->fd(); }

private:
    static void name(const SocketAddress& address, std::string& ip, int& port) {
        ip = address.address.to_string();
        port = address.port;
    }

    std::string_view request_;
    std::string* answer_;
    const net::TcpStream* client_;
};

constexpr std::string_view head_end = "\r\n\r\n";

/// One connection.
struct Client {
    net::TcpStream stream;
    std::string request;   // of which nothing was answered yet
    std::size_t body = 0;  // octets of one that was answered, still to come
    Outgoing answer;
    std::size_t requests_left;
    bool last = false;      ///< its answer ends the connection
    bool finished = false;  ///< it sends nothing more
    bool leaving = false;   ///< it has had its last answer, and is to notice
    std::unique_ptr<net::FdWatch> watch;
    std::unique_ptr<net::Timer> patience;

    /// Where the request that is here whole ends; 0: none is. What gets no further is one, too: the
    /// library says what is wrong with it.
    std::size_t request_end() const noexcept {
        if (body != 0) return 0;
        const std::size_t at = request.find(head_end);
        if (at != std::string::npos) return at + head_end.size();
        return finished || request.size() > request_octets_max ? request.size() : 0;
    }
    void drop_body() {
        const std::size_t here = std::min(body, request.size());
        request.erase(0, here);
        body -= here;
    }
};

/// Octets of a request's body, which nobody reads; nothing: where it ends is not said in octets, or
/// it is too long to be waited for.
std::optional<std::size_t> body_of(const httplib::Request& request) {
    if (request.has_header("Transfer-Encoding")) return std::nullopt;
    const std::string text = request.get_header_value("Content-Length");
    if (text.empty()) return 0;
    std::size_t octets = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, octets);
    if (error != std::errc{} || stop != end || octets > body_octets_max) return std::nullopt;
    return octets;
}

/// What only has status and headers yet, in the words of Go's server.
void name_error(const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    if (response.status == 404) {
        response.set_header("X-Content-Type-Options", "nosniff");
        response.set_content("404 page not found\n", "text/plain; charset=utf-8");
    } else if (response.status == 400) {
        response.set_content("400 Bad Request", "text/plain; charset=utf-8");
    }
}

void finish_headers(const httplib::Request& request, httplib::Response& response) {
    response.headers.erase("Accept-Ranges");  // pages are of the moment
    response.set_header("Date", http_date());
    if (body_of(request)) return;
    response.headers.erase("Keep-Alive");
    response.headers.erase("Connection");
    response.set_header("Connection", "close");
}

}  // namespace

struct PageServer::State {
    using Clients = std::list<Client>;
    /// What becomes of the connection: whether it goes on, behind so many octets of a body.
    struct Answered {
        bool goes_on = false;
        std::size_t body = 0;
    };
    /// Answers the request of a message.
    using Answer = std::function<Answered(Message&, bool is_last)>;

    net::Loop loop;
    Answer answer_to;
    std::size_t requests_max = 1;  // of one connection
    std::size_t most = clients_max;
    std::optional<net::TcpListener> listener;
    std::unique_ptr<net::FdWatch> arrivals;
    std::unique_ptr<net::Timer> starved;
    Clients clients;  // the one whose connection or last answer is longest ago first

    void serve(net::TcpListener socket) {
        listener.emplace(std::move(socket));
        arrivals = loop.watch(listener->fd(), [this](bool, bool) { accept(); });
        starved = loop.timer([this] { arrivals->start(true, false); });
        arrivals->start(true, false);
        loop.run();
        clients.clear();
        starved.reset();
        arrivals.reset();
        listener.reset();
    }

    void accept() {
        for (int i = 0; i < accepts_in_a_row_max; ++i) {
            net::Accepted next = listener->accept();
            if (next.status == net::AcceptStatus::none) return;
            const bool has_room = next.status == net::AcceptStatus::accepted;
            if (!has_room || clients.size() >= most) {
                if (clients.empty()) return look_away();
                clients.pop_front();
            }
            if (has_room) add(std::move(*next.stream));
        }
    }

    /// Who waits keeps the listener readable, and nothing can be done about it here.
    void look_away() {
        arrivals->stop();
        starved->start(starved_pause);
    }

    void add(net::TcpStream stream) {
        clients.push_back({.stream = std::move(stream), .requests_left = requests_max});
        const auto client = std::prev(clients.end());
        client->watch =
            loop.watch(client->stream.fd(), [this, client](bool, bool) { go_on(client); });
        client->patience = loop.timer([this, client] { clients.erase(client); });
        client->patience->start(idle_wait);
        client->watch->start(true, false);
    }

    // Answers, in order, whatever is there; erases the client when it is over.
    void go_on(Clients::iterator client) {
        while (!client->leaving) {
            if (client->answer.empty()) {
                if (client->request_end() == 0 && !read(*client)) break;
                if (client->request_end() == 0) {
                    if (client->finished) break;
                    return client->watch->start(true, false);
                }
                answer(*client);
            }
            const net::Io wrote = client->answer.write(client->stream);
            if (wrote == net::Io::later) return wait_for(client);
            if (wrote != net::Io::some) break;
            if (client->last) {
                leave(*client);
            } else {
                client->patience->start(idle_wait);
                clients.splice(clients.end(), clients, client);
            }
        }
        if (!client->leaving || is_gone(*client)) clients.erase(client);
    }

    // False: the client is gone.
    static bool read(Client& client) {
        std::array<std::uint8_t, 4096> room;
        while (client.request_end() == 0 && !client.finished) {
            const net::IoResult got = client.stream.read(room);
            if (got.io == net::Io::later) return true;
            if (got.io == net::Io::failed) return false;
            client.finished = got.io == net::Io::closed;
            const bool begins = client.request.empty() && client.body == 0;
            if (begins) client.patience->start(request_wait);
            client.request.append(reinterpret_cast<const char*>(room.data()), got.octets);
            client.drop_body();
        }
        return true;
    }

    void answer(Client& client) {
        const std::size_t end = client.request_end();
        const std::string request = client.request.substr(0, end);
        client.request.erase(0, end);
        --client.requests_left;
        // What has no end of its own is no request, and nothing is known of what follows.
        client.last = client.requests_left == 0 || !request.ends_with(head_end);
        Message message{request, client.answer.text, client.stream};
        const Answered answered = answer_to(message, client.last);
        client.last = client.last || !answered.goes_on;
        client.body = answered.body;
        client.drop_body();
    }

    // For the client to take more of its answer; those who have waited longest go, if too much
    // lies here.
    void wait_for(Clients::iterator client) {
        client->watch->start(false, true);
        std::size_t octets = 0;
        for (const Client& each : clients) octets += each.answer.untaken();
        for (auto at = clients.begin(); octets > untaken_octets_max && at != clients.end();) {
            const auto next = std::next(at);
            octets -= at->answer.untaken();
            if (at->answer.untaken() != 0) clients.erase(at);
            at = next;
        }
    }

    // To close at once would take the answer away from who still sends.
    static void leave(Client& client) {
        client.leaving = true;
        ::shutdown(client.stream.fd(), SHUT_WR);
        client.watch->start(true, false);
    }
    static bool is_gone(Client& client) {
        std::array<std::uint8_t, 4096> room;
        const net::Io io = client.finished ? net::Io::closed : client.stream.read(room).io;
        return io == net::Io::closed || io == net::Io::failed;
    }
};

PageServer::PageServer() : state_{std::make_unique<State>()} {
    set_error_handler(httplib::Server::Handler{name_error});
    set_post_routing_handler(finish_headers);
    set_socket_options(agent::set_socket_options);
    set_keep_alive_timeout(idle_wait.count());
}

PageServer::~PageServer() {
    const UniqueFd never_served{svr_sock_.exchange(INVALID_SOCKET)};
}

void PageServer::serve() {
    UniqueFd bound{svr_sock_.exchange(INVALID_SOCKET)};
    if (!bound) return;
    auto listener = net::TcpListener::adopt(std::move(bound));
    NP_CHECK(listener, "a socket that was bound listens");
    state_->requests_max = keep_alive_max_count_;
    state_->most = share_of_descriptors(clients_max, 16);
    state_->answer_to = [this](Message& message, bool is_last) -> State::Answered {
        bool closed = false;
        std::optional<std::size_t> body = 0;
        // Pages are pages, whatever is to be done with them; the library would wait for a body of a
        // POST that has none.
        const auto as_question = [&body](httplib::Request& request) {
            body = body_of(request);
            if (request.method != "HEAD") request.method = "GET";
        };
        const bool good = process_request(message, is_last, closed, as_question);
        return {good && !closed && body, body.value_or(0)};
    };
    state_->serve(std::move(*listener));
}

void PageServer::end() noexcept {
    state_->loop.stop();
}

}  // namespace nameplane::agent
