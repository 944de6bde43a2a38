// Any octets as the body of an API server's error, and as what a credential plugin prints.

#include "kube/api_error.hpp"
#include "kube/credentials.hpp"

#include <cstdint>
#include <cstdlib>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const kube::ApiAccess access;
    for (const int status : {401, 403, 404, 410, 429, 500}) {
        const std::string line = kube::explain({"list x", access, {.status = status}, {}, text});
        if (!line.starts_with("list x: ") || line.find('\n') != std::string::npos) std::abort();
    }
    const auto printed = kube::exec_credential_from_text(text, "client.authentication.k8s.io/v1");
    if (printed && printed->token.empty() && printed->certificate.empty()) std::abort();
    static_cast<void>(kube::time_from_text(text));
    return 0;
}
