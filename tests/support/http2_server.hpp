#pragma once
// ScriptedHttp2: the server's end of an HTTP/2 connection by nghttp2, octets in and octets out,
// that does what a script says: also what no honest server does.

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::test {

class ScriptedHttp2 {
public:
    using Octets = std::vector<std::uint8_t>;
    using Headers = std::vector<std::pair<std::string, std::string>>;

    struct Asked {
        std::int32_t stream = 0;
        std::map<std::string, std::string, std::less<>> headers;
        Octets body;
        /// A header's value; empty: there is none.
        std::string operator[](std::string_view name) const {
            const auto found = headers.find(name);
            return found == headers.end() ? std::string{} : found->second;
        }
    };
    /// Called for each request when it is whole; calls what follows, at once or later.
    using Script = std::function<void(ScriptedHttp2&, const Asked&)>;

    explicit ScriptedHttp2(Script script, std::uint32_t streams_max = 100,
                           std::uint32_t window = 65535);
    ~ScriptedHttp2() { nghttp2_session_del(session_); }
    ScriptedHttp2(const ScriptedHttp2&) = delete;
    ScriptedHttp2& operator=(const ScriptedHttp2&) = delete;

    /// False: nothing more is understood.
    bool receive(std::span<const std::uint8_t> octets);
    /// What is to be sent; not again.
    Octets output();

    void respond(std::int32_t stream, const Octets& body,
                 const std::string& content_type = "application/dns-message",
                 const std::string& status = "200", const Headers& more = {});
    /// A head that another one follows.
    void announce(std::int32_t stream, const std::string& status);
    void reset(std::int32_t stream, std::uint32_t error);
    void go_away(std::int32_t last_stream);
    void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }
    /// Octets that are no frames, perhaps, behind all that is to be sent so far.
    void raw(const Octets& octets);

    std::size_t asked = 0;
    std::map<std::int32_t, std::uint32_t> closed;  ///< streams, with their error
    bool client_goes = false;

private:
    struct Body {
        Octets octets;
        std::size_t from = 0;
    };
    static ScriptedHttp2& self(void* data) { return *static_cast<ScriptedHttp2*>(data); }
    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* data);
    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream,
                       const std::uint8_t* octets, std::size_t size, void* data);
    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data);
    static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* data);
    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* room, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source* source, void*);
    void pump();

    Script script_;
    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, Asked> requests_;
    std::list<Body> bodies_;
    Octets output_;
};

}  // namespace nameplane::test
