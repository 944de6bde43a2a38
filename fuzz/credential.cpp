// What a credential plugin prints, and times as it writes them.

#include "kube/credentials.hpp"
#include <nameplane/base/check.hpp>

#include <cstdint>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const char* version :
         {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}) {
        const auto credential = kube::exec_credential_from_text(text, version);
        if (!credential) {
            NP_CHECK(!credential.error().text.empty(), "an error says what is wrong");
            continue;
        }
        NP_CHECK(!credential->token.empty() || !credential->certificate.empty(),
                 "it says who we are");
        NP_CHECK(credential->certificate.empty() == credential->key.empty(),
                 "a certificate has its key");
    }
    if (const auto time = kube::time_from_text(text)) {
        NP_CHECK(!kube::time_from_text(std::string{text} + " "), "nothing may stand behind it");
        NP_CHECK(*time <= *kube::time_from_text("2200-12-31T23:59:60-23:59"), "it has a bound");
    }
    return 0;
}
