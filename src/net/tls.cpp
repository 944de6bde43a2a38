#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

namespace nameplane::net {

namespace {

constexpr std::size_t chunk_octets = 16 << 10;

struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
struct FreeSession {
    void operator()(SSL* session) const noexcept { SSL_free(session); }
};

Error tls_error(const std::string& what) {
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_get_error(), text.data(), text.size());
    ERR_clear_error();
    return {Errc::invalid, what + ": " + text.data()};
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
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    const bool trusting =
        options.authorities.empty()
            ? SSL_CTX_set_default_verify_paths(context) == 1
            : SSL_CTX_load_verify_locations(context, options.authorities.c_str(), nullptr) == 1;
    if (!trusting) return tls_error("CA file " + options.authorities);
    if (!options.certificate.empty()) {
        if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1) {
            return tls_error("certificate " + options.certificate);
        }
        if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1) {
            return tls_error("key " + options.key);
        }
        if (SSL_CTX_check_private_key(context) != 1) return tls_error("key " + options.key);
    }
    return std::shared_ptr<const TlsClient>{new TlsClient{std::move(state)}};
}

struct TlsStream::State {
    std::shared_ptr<const TlsClient> client;
    TcpStream stream;
    std::unique_ptr<SSL, FreeSession> session;
    BIO* in = nullptr;   // of the session
    BIO* out = nullptr;  // of the session

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
    : state_{std::make_unique<State>(State{std::move(client), std::move(stream), {}})} {
    SSL* const session = SSL_new(state_->client->state_->context.get());
    NP_CHECK(session != nullptr, "out of memory ends the process");
    state_->session.reset(session);
    state_->in = BIO_new(BIO_s_mem());
    state_->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(state_->in, -1);
    SSL_set_bio(session, state_->in, state_->out);
    SSL_set_connect_state(session);
    static constexpr std::array<unsigned char, 4> dot{3, 'd', 'o', 't'};
    SSL_set_alpn_protos(session, dot.data(), dot.size());
    if (name.empty()) {
        const std::string address = state_->stream.peer().address.to_string();
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), address.c_str());
    } else {
        SSL_set_tlsext_host_name(session, name.c_str());
        SSL_set1_host(session, name.c_str());
    }
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
    for (;;) {
        ERR_clear_error();
        const int got = SSL_read(state_->session.get(), room.data(), static_cast<int>(room.size()));
        if (got > 0) return {Io::some, static_cast<std::size_t>(got)};
        const int why = SSL_get_error(state_->session.get(), got);
        if (why == SSL_ERROR_ZERO_RETURN) return {Io::closed, 0};
        if (why != SSL_ERROR_WANT_READ) return {Io::failed, 0};
        if (flush() == Io::failed) return {Io::failed, 0};
        const Io fed = state_->feed();
        if (fed != Io::some) return {fed, 0};
    }
}

Io TlsStream::write(std::span<const std::uint8_t> octets) noexcept {
    ERR_clear_error();
    const int took =
        SSL_write(state_->session.get(), octets.data(), static_cast<int>(octets.size()));
    if (took != static_cast<int>(octets.size())) return Io::failed;
    return flush();
}

}  // namespace nameplane::net
