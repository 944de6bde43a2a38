#pragma once
// Exchange: one request and its answer as an easy handle of libcurl. Internal to http_client.cpp,
// which decides when libcurl may be entered.

#include "net/http_client.hpp"
#include "net/http_library.hpp"

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>

namespace nameplane::net {

/// Where an exchange tells what it hears.
class ExchangeOwner {
public:
    virtual void account(std::uint64_t octets_in, std::uint64_t connections) noexcept = 0;

protected:
    ~ExchangeOwner() = default;
};

/// Until there is a connection, TLS included.
inline constexpr std::chrono::seconds http_connect_time_max{10};

/// What libcurl keeps for a transfer while others of the same connection are read.
inline constexpr std::size_t exchange_buffer_octets = 256 * 1024;

/// Loop thread only. Callbacks are called from within libcurl, so whoever reacts to them must not
/// touch libcurl before it has returned.
class Exchange {
public:
    /// `owner` must outlive the exchange, or be taken away by cancel().
    Exchange(const HttpPeer& peer, HttpRequest request, HttpCallbacks callbacks,
             ExchangeOwner& owner);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    CURL* easy() const noexcept { return easy_.get(); }
    /// Nothing is called any more. What the callbacks hold is let go, at the latest when the one
    /// that runs has returned.
    void cancel() noexcept;
    bool cancelled() const noexcept { return cancelled_; }
    /// Neither head nor body are told any more.
    void mute() noexcept { muted_ = true; }
    /// Whether the request has got a connection.
    bool connected() const noexcept;
    /// Adds to the owner's totals what was not added yet.
    void account() noexcept;
    /// What `code` means for this exchange.
    HttpEnd end_of(CURLcode code) const;
    /// Calls `end`, once, unless cancelled.
    void finish(const HttpEnd& end);

private:
    static std::size_t on_header(char* text, std::size_t size, std::size_t count, void* self);
    static std::size_t on_body(char* octets, std::size_t size, std::size_t count, void* self);

    void set_up();
    void set_up_connection(const HttpPeer& peer);
    void set_up_trust(const HttpPeer& peer);
    void address(const HttpPeer& peer);
    void header(std::string_view line);
    template <class F> void tell(F call);

    std::unique_ptr<CURL, FreeEasy> easy_;
    std::unique_ptr<curl_slist, FreeList> headers_;
    std::unique_ptr<curl_slist, FreeList> connect_to_;
    std::array<char, CURL_ERROR_SIZE> error_{};
    HttpRequest request_;
    HttpCallbacks callbacks_;
    ExchangeOwner* owner_;
    bool through_proxy_;
    HttpHead head_;
    bool head_told_ = false;
    bool muted_ = false;
    bool telling_ = false;
    bool cancelled_ = false;
    std::uint64_t octets_counted_ = 0;
    std::uint64_t connections_counted_ = 0;
};

}  // namespace nameplane::net
