#pragma once
// keys: the keys of a file in the form of named.conf, as far as CoreDNS reads it:
//
//     key "example." {
//         algorithm hmac-sha256;
//         secret "X28hl0BOfAL5G0jsmJWSacrwn7YRm2f6U5brnzwWEus=";
//     };

#include "dns/tsig.hpp"
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::tsig {

/// A key from words; the error says "what, expected what".
Result<dns::TsigKey> read_key(std::string_view name, std::string_view secret);

/// All keys of `text`; `algorithm` lines mean nothing, since a query names its own. The error says
/// "line N: what, expected what".
Result<std::vector<dns::TsigKey>> read_keys(std::string_view text);

}  // namespace nameplane::plugins::tsig
