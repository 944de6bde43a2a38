// What an HTTP client sends, in pieces: HTTP/1.1 or HTTP/2 by the first octet, answers at once or
// later.

#include "net/http_session.hpp"
#include "server/doh.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

using namespace nameplane;

namespace {

struct Host final : net::HttpHost {
    void requested(const net::HttpRequest& request) override {
        const server::DohQuery query = server::read_doh(request, room);
        if (request.body.size() > net::HttpLimits::body_octets_max) std::abort();
        const auto& trace = request.trace;
        if (trace && trace->names_trace() && trace->span == 0) std::abort();
        streams.push_back(request.stream);
        if (!later) answer(query);
    }
    void refused(unsigned status) override {
        if (status < 400) std::abort();
    }
    void answer(const server::DohQuery& query) {
        for (const std::uint64_t stream : std::exchange(streams, {})) {
            const auto response = query.status == 200 ? server::doh_response(query.message)
                                                      : server::doh_refusal(query.status);
            open = session->respond(stream, response) && open;
        }
    }

    bool later = false;
    bool open = true;
    net::HttpSession* session = nullptr;
    std::vector<std::uint8_t> room;
    std::vector<std::uint64_t> streams;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    Host host;
    const auto session =
        (data[0] & 1) != 0 ? net::HttpSession::http2(host) : net::HttpSession::http1(host);
    host.session = session.get();
    host.later = (data[0] & 2) != 0;
    const std::size_t step = std::size_t{data[1]} * 4 + 1;
    std::span<const std::uint8_t> left{data + 2, size - 2};
    bool open = true;
    while (open && !left.empty()) {
        const auto piece = left.first(std::min(step, left.size()));
        left = left.subspan(piece.size());
        open = session->receive(piece);
        if (host.later) host.answer({400, {}});
        while (open && session->is_paused()) {
            session->output().clear();
            open = session->receive({});
        }
        // Answers that wait for the client's windows included.
        if (session->output().size() > 2 * net::HttpLimits::kept_octets_max) std::abort();
        session->output().clear();
    }
    session->shut_down();
    return 0;
}
