// A file of TSIG keys from anybody: keys with a name and a secret, each once, or what is wrong and
// in which line, without the secret.

#include "plugins/tsig/keys.hpp"
#include <nameplane/base/check.hpp>

#include <cstdint>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto keys = plugins::tsig::read_keys(text);
    if (!keys) {
        NP_CHECK(keys.error().text.starts_with("line "), "an error has its line");
        return 0;
    }
    for (std::size_t i = 0; i < keys->size(); ++i) {
        const dns::TsigKey& key = (*keys)[i];
        NP_CHECK(!key.secret.empty() && key.name == key.name.lower(), "a key can be used");
        for (std::size_t j = 0; j < i; ++j) NP_CHECK(!((*keys)[j].name == key.name), "once");
    }
    return 0;
}
