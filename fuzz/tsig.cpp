// A message that may be signed: whatever is found is checked, and the message signed anew.

#include "dns/tsig.hpp"

#include "dns/serial.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane::dns;
    const std::span<const std::uint8_t> message{data, size};
    (void)serial_asked_with(message);
    Tsig tsig;
    if (find_tsig(message, tsig) != TsigSearch::found) return 0;
    if (tsig.offset >= size) std::abort();
    const TsigKey key{.name = tsig.key, .secret = {1, 2, 3}};
    const TsigAlgorithm algorithm = tsig_algorithm(tsig.algorithm).value_or(TsigAlgorithm::sha256);
    const TsigVerdict verdict =
        verify_tsig(message, tsig, algorithm, key, {}, TsigCover::variables, tsig.time);
    if (verdict == TsigVerdict::bad_time) std::abort();

    std::vector<std::uint8_t> room(data, data + size);
    TsigSigner signer{
        .key_name = tsig.key, .algorithm = tsig.algorithm, .hash = algorithm, .key = &key};
    signer.prior.set(tsig.mac);
    room.resize(size + signer.octets_max());
    const std::size_t signed_size = signer.append(room, size, 1);
    if (signed_size == 0 || signed_size > room.size()) std::abort();
    return 0;
}
