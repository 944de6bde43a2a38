// Any octets as a kubeconfig file: it is an access, or there is a sentence for each thing wrong.

#include "kube/api_access.hpp"

#include <cstdint>
#include <cstdlib>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const char* path : {"/none/f", "/none/f.json"}) {
        const auto access = kube::kubeconfig_from_text(text, path);
        if (access && !kube::checked_url(access->peer.url)) std::abort();
        if (!access && access.error().text.find("expected") == std::string::npos) std::abort();
    }
    return 0;
}
