// What a load balancer, or anybody, sends to a health check port: the answer is one of HTTP, and
// nothing is waited for that is too large.

#include "agent/health_ports.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    constexpr std::size_t body_octets_max = 1 << 20;
    for (const std::size_t endpoints : {0U, 3U}) {
        const agent::HealthReply reply =
            agent::health_reply(text, {"ns", "name"}, endpoints, true, "now");
        if (!reply.text.starts_with("HTTP/1.")) std::abort();
        if (reply.text.find("\r\n\r\n") == std::string::npos) std::abort();
        if (!reply.close && reply.body > body_octets_max) std::abort();
    }
    return 0;
}
