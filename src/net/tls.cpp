#include "net/tls.hpp"

#include "base/fd.hpp"
#include <nameplane/base/check.hpp>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <strings.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace nameplane::net {

namespace {

constexpr std::size_t chunk_octets = 16 << 10;
/// Steps of handshakes on one connection: one takes some twenty. What comes after it and is no data
/// (changes of keys, handshakes that are refused) costs us work that leads nowhere.
constexpr unsigned steps_max = 256;

struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
struct FreeSession {
    void operator()(SSL* session) const noexcept { SSL_free(session); }
};

// What a name proves, read from its files.
struct Proof {
    std::string name;
    std::unique_ptr<SSL_CTX, FreeContext> files;  // nothing is ever spoken with it
};

Error tls_error(const std::string& what) {
    const unsigned long code = ERR_get_error();
    if (ERR_SYSTEM_ERROR(code)) {
        ERR_clear_error();
        return errno_error(ERR_GET_REASON(code), what);
    }
    const char* const reason = ERR_reason_error_string(code);
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    ERR_clear_error();
    return {Errc::invalid, what + ": " + (reason != nullptr ? reason : text.data())};
}

Status use_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key) {
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
        return tls_error("certificate " + certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return tls_error("key " + key);
    }
    return {};
}

std::vector<Proof> read_named(const std::vector<TlsServer::Named>& all) {
    std::vector<Proof> proofs;
    for (const TlsServer::Named& each : all) {
        Proof& proof = proofs.emplace_back();
        proof.name = each.name;
        proof.files.reset(SSL_CTX_new(TLS_server_method()));
        if (proof.files == nullptr ||
            !use_certificate(proof.files.get(), each.certificate, each.key)) {
            proof.files.reset();
        }
    }
    return proofs;
}

// Whether a certificate for `name` is one for `asked`, which comes from the client.
bool is_for(const std::string& name, std::string_view asked) noexcept {
    if (asked.ends_with('.')) asked.remove_suffix(1);
    std::string_view wanted = name;
    if (wanted.starts_with("*.")) {
        wanted.remove_prefix(1);
        asked.remove_prefix(std::min(asked.find('.'), asked.size()));
    }
    return asked.size() == wanted.size() &&
           ::strncasecmp(asked.data(), wanted.data(), wanted.size()) == 0;
}

Status trust(SSL_CTX* context, const std::string& authorities) {
    const bool trusting =
        authorities.empty()
            ? SSL_CTX_set_default_verify_paths(context) == 1
            : SSL_CTX_load_verify_locations(context, authorities.c_str(), nullptr) == 1;
    return trusting ? Status{} : tls_error("CA file " + authorities);
}

// The first of ours, in the order given, that the peer offers, too: length and name as on the wire.
std::span<const unsigned char> common(std::span<const std::string_view> ours,
                                      std::span<const unsigned char> offered) noexcept {
    for (const std::string_view name : ours) {
        for (std::size_t at = 0; at < offered.size();) {
            const std::size_t length = offered[at];
            if (offered.size() - at - 1 < length) break;
            if (length == name.size() && std::memcmp(&offered[at + 1], name.data(), length) == 0) {
                return offered.subspan(at + 1, length);
            }
            at += 1 + length;
        }
    }
    return {};
}

/// Counts the steps of a session that has a counter.
void count_step(const SSL* session, int where, int) noexcept {
    auto* const steps = static_cast<unsigned*>(SSL_get_app_data(session));
    if ((where & SSL_CB_LOOP) != 0 && steps != nullptr) ++*steps;
}

}  // namespace

struct TlsClient::State {
    std::unique_ptr<SSL_CTX, FreeContext> context;
};

TlsClient::TlsClient(std::unique_ptr<State> state) : state_{std::move(state)} {}
TlsClient::~TlsClient() = default;

Result<std::shared_ptr<const TlsClient>> TlsClient::make(const Options& options) {
    auto state = std::make_unique<State>();
    state->context.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = state->context.get();
    if (context == nullptr) return tls_error("TLS");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_info_callback(context, count_step);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    if (Status trusting = trust(context, options.authorities); !trusting) return trusting.error();
    if (!options.certificate.empty()) {
        Status used = use_certificate(context, options.certificate, options.key);
        if (!used) return used.error();
    }
    if (!options.inside.empty()) {
        const std::string wire = static_cast<char>(options.inside.size()) + options.inside;
        SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                                static_cast<unsigned>(wire.size()));
    }
    return std::shared_ptr<const TlsClient>{new TlsClient{std::move(state)}};
}

struct TlsServer::State {
    std::unique_ptr<SSL_CTX, FreeContext> context;
    UniqueFd keylog;
    std::vector<Proof> named;

    static State& of(const SSL* session) noexcept {
        return *static_cast<State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(session)));
    }
    // One write a line: lines of several threads do not mix.
    static void write_key(const SSL* session, const char* line) noexcept {
        char end = '\n';
        const std::array<iovec, 2> parts{{{const_cast<char*>(line), std::strlen(line)}, {&end, 1}}};
        // What a full disk does to a help for debugging is not the client's concern.
        [[maybe_unused]] const ssize_t wrote =
            ::writev(of(session).keylog.get(), parts.data(), parts.size());
    }
    static int choose_dns(SSL*, const unsigned char** out, unsigned char* size,
                          const unsigned char* offered, unsigned count, void*) noexcept {
        static constexpr std::array<std::string_view, 1> ours{"dot"};
        const auto chosen = common(ours, {offered, count});
        if (chosen.empty()) return SSL_TLSEXT_ERR_NOACK;
        *out = chosen.data();
        *size = static_cast<unsigned char>(chosen.size());
        return SSL_TLSEXT_ERR_OK;
    }
    static int choose_http(SSL*, const unsigned char** out, unsigned char* size,
                           const unsigned char* offered, unsigned count, void*) noexcept {
        static constexpr std::array<std::string_view, 2> ours{"h2", "http/1.1"};
        const auto chosen = common(ours, {offered, count});
        if (chosen.empty()) return SSL_TLSEXT_ERR_ALERT_FATAL;
        *out = chosen.data();
        *size = static_cast<unsigned char>(chosen.size());
        return SSL_TLSEXT_ERR_OK;
    }

    // 0: the handshake fails.
    static int choose_certificate(SSL* session, void*) noexcept {
        const State& state = of(session);
        const char* const asked = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
        auto chosen = state.named.begin();
        if (asked != nullptr) {
            chosen = std::ranges::find_if(
                state.named, [&](const Proof& each) { return is_for(each.name, asked); });
        }
        if (chosen == state.named.end() || chosen->files == nullptr) return 0;
        SSL_CTX* const files = chosen->files.get();
        STACK_OF(X509)* chain = nullptr;
        SSL_CTX_get0_chain_certs(files, &chain);
        return SSL_use_cert_and_key(session, SSL_CTX_get0_certificate(files),
                                    SSL_CTX_get0_privatekey(files), chain, 1);
    }

    void ask_clients(Clients clients) noexcept {
        const auto any = [](int, X509_STORE_CTX*) { return 1; };
        const int must = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        switch (clients) {
        case Clients::unasked: SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr); break;
        case Clients::asked: SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, any); break;
        case Clients::must_show: SSL_CTX_set_verify(context.get(), must, any); break;
        case Clients::proved_if_shown:
            SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
            break;
        case Clients::must_prove: SSL_CTX_set_verify(context.get(), must, nullptr); break;
        }
    }

    Status open_keylog(const std::string& path) {
        constexpr int for_us_only = 0600;
        keylog =
            UniqueFd{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, for_us_only)};
        if (!keylog) return errno_error(errno, "keylog " + path);
        SSL_CTX_set_keylog_callback(context.get(), write_key);
        return {};
    }
};

TlsServer::TlsServer(std::unique_ptr<State> state) : state_{std::move(state)} {}
TlsServer::~TlsServer() = default;

ssl_ctx_st* TlsServer::context() const noexcept {
    return state_->context.get();
}

Result<std::shared_ptr<const TlsServer>> TlsServer::make(const Options& options) {
    auto state = std::make_unique<State>();
    state->context.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const context = state->context.get();
    if (context == nullptr) return tls_error("TLS");
    SSL_CTX_set_app_data(context, state.get());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_info_callback(context, count_step);
    // A client may not make us do a handshake again and again on one connection.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    // What a session is resumed from lies with the client: nothing is kept, and no lock is taken.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    static constexpr std::string_view name = "nameplane";
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(name.data()),
                                   name.size());
    SSL_CTX_set_num_tickets(context, 1);
    Status set;
    if (options.named.empty()) {
        set = use_certificate(context, options.certificate, options.key);
    } else {
        state->named = read_named(options.named);
        SSL_CTX_set_cert_cb(context, State::choose_certificate, nullptr);
    }
    state->ask_clients(options.clients);
    const bool trusts = options.clients != Clients::unasked || !options.authorities.empty();
    if (set && trusts) set = trust(context, options.authorities);
    if (set && options.clients != Clients::unasked && !options.authorities.empty()) {
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.authorities.c_str()));
    }
    if (set && !options.keylog.empty()) set = state->open_keylog(options.keylog);
    if (!set) return set.error();
    SSL_CTX_set_alpn_select_cb(
        context, options.inside == Inside::http ? State::choose_http : State::choose_dns, nullptr);
    return std::shared_ptr<const TlsServer>{new TlsServer{std::move(state)}};
}

struct TlsStream::State {
    std::shared_ptr<const void> context;  // what the session was made from
    TcpStream stream;
    std::unique_ptr<SSL, FreeSession> session;
    BIO* in = nullptr;   // of the session
    BIO* out = nullptr;  // of the session
    unsigned steps = 0;  // of handshakes

    State(std::shared_ptr<const void> made_from, TcpStream opened, SSL_CTX* from)
        : context{std::move(made_from)}, stream{std::move(opened)}, session{SSL_new(from)} {
        NP_CHECK(session != nullptr, "out of memory ends the process");
        SSL_set_app_data(session.get(), &steps);
        in = BIO_new(BIO_s_mem());
        out = BIO_new(BIO_s_mem());
        BIO_set_mem_eof_return(in, -1);
        SSL_set_bio(session.get(), in, out);
    }

    /// Gives the session what has come; `later` if nothing has.
    Io feed() noexcept {
        std::array<std::uint8_t, chunk_octets> room;
        const IoResult got = stream.read(room);
        if (got.io == Io::some) BIO_write(in, room.data(), static_cast<int>(got.octets));
        return got.io;
    }
};

TlsStream::TlsStream(std::shared_ptr<const TlsClient> client, TcpStream stream,
                     const std::string& name)
    : state_{std::make_unique<State>(client, std::move(stream), client->state_->context.get())} {
    SSL* const session = state_->session.get();
    SSL_set_connect_state(session);
    if (name.empty()) {
        const std::string address = state_->stream.peer().address.to_string();
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), address.c_str());
    } else {
        SSL_set_tlsext_host_name(session, name.c_str());
        SSL_set1_host(session, name.c_str());
    }
}

TlsStream::TlsStream(std::shared_ptr<const TlsServer> server, TcpStream stream)
    : state_{std::make_unique<State>(server, std::move(stream), server->state_->context.get())} {
    SSL_set_accept_state(state_->session.get());
}

TlsStream::~TlsStream() = default;
TlsStream::TlsStream(TlsStream&&) noexcept = default;
TlsStream& TlsStream::operator=(TlsStream&&) noexcept = default;

int TlsStream::fd() const noexcept {
    return state_->stream.fd();
}

bool TlsStream::is_ready() const noexcept {
    return SSL_is_init_finished(state_->session.get()) == 1;
}

bool TlsStream::is_resumed() const noexcept {
    return SSL_session_reused(state_->session.get()) == 1;
}

std::string_view TlsStream::protocol() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(state_->session.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

bool TlsStream::has_unread() const noexcept {
    return SSL_pending(state_->session.get()) > 0 || BIO_ctrl_pending(state_->in) != 0;
}

bool TlsStream::has_unsent() const noexcept {
    return BIO_ctrl_pending(state_->out) != 0;
}

Io TlsStream::flush() noexcept {
    for (;;) {
        char* data = nullptr;
        const long pending = BIO_get_mem_data(state_->out, &data);
        if (pending <= 0) return Io::some;
        const auto count = static_cast<std::size_t>(pending);
        const IoResult wrote =
            state_->stream.write({reinterpret_cast<const std::uint8_t*>(data), count});
        if (wrote.io != Io::some) return wrote.io == Io::later ? Io::later : Io::failed;
        // Takes what went off the front.
        std::array<char, chunk_octets> gone;
        for (std::size_t left = wrote.octets; left != 0;) {
            const int taken =
                BIO_read(state_->out, gone.data(), static_cast<int>(std::min(left, gone.size())));
            if (taken <= 0) return Io::failed;
            left -= static_cast<std::size_t>(taken);
        }
    }
}

Io TlsStream::handshake() noexcept {
    for (;;) {
        ERR_clear_error();
        const int done = SSL_do_handshake(state_->session.get());
        if (flush() == Io::failed) return Io::failed;
        if (done == 1) return Io::some;
        if (SSL_get_error(state_->session.get(), done) != SSL_ERROR_WANT_READ) return Io::failed;
        const Io fed = state_->feed();
        if (fed != Io::some) return fed == Io::later ? Io::later : Io::failed;
    }
}

IoResult TlsStream::read(std::span<std::uint8_t> room) noexcept {
    if (!is_ready()) {
        const Io io = handshake();
        if (io != Io::some) return {io, 0};
    }
    std::size_t filled = 0;
    // What ends the stream comes again with the next call.
    const auto ended = [&](Io io) {
        return filled != 0 ? IoResult{Io::some, filled} : IoResult{io};
    };
    while (filled < room.size()) {
        ERR_clear_error();
        const std::span<std::uint8_t> left = room.subspan(filled);
        const int got = SSL_read(state_->session.get(), left.data(), static_cast<int>(left.size()));
        if (state_->steps > steps_max) return {Io::failed};
        if (got > 0) {
            filled += static_cast<std::size_t>(got);
            continue;
        }
        const int why = SSL_get_error(state_->session.get(), got);
        if (why == SSL_ERROR_ZERO_RETURN) return ended(Io::closed);
        if (why != SSL_ERROR_WANT_READ) return ended(Io::failed);
        if (flush() == Io::failed) return ended(Io::failed);
        const Io fed = state_->feed();
        if (fed != Io::some) return ended(fed);
    }
    return {Io::some, filled};
}

Io TlsStream::write(std::span<const std::uint8_t> octets) noexcept {
    ERR_clear_error();
    const int took =
        SSL_write(state_->session.get(), octets.data(), static_cast<int>(octets.size()));
    if (took != static_cast<int>(octets.size())) return Io::failed;
    return flush();
}

void TlsStream::finish() noexcept {
    if (!is_ready()) return;
    ERR_clear_error();
    SSL_shutdown(state_->session.get());
    flush();
    ERR_clear_error();
}

}  // namespace nameplane::net
