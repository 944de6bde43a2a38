// Any octets as a watch and as a list: the pieces do not depend on where the octets are cut, and
// none is longer than allowed.

#include "kube/splitter.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

using namespace nameplane;

namespace {

using kube::Piece;
constexpr std::size_t octets_max = 1000;

using Pieces = std::vector<std::pair<Piece::What, std::string>>;

template <class S> Pieces pieces(std::string_view text, std::size_t cut) {
    S splitter{octets_max};
    Pieces out;
    for (std::size_t at = 0; at < text.size(); at += cut) {
        const std::string block{text.substr(at, cut)};
        splitter.feed(block);
        for (Piece piece = splitter.next(); piece.what != Piece::What::nothing;
             piece = splitter.next()) {
            if (piece.what == Piece::What::object && piece.octets.size() > octets_max) std::abort();
            out.emplace_back(piece.what, piece.octets);
            if (piece.what == Piece::What::garbage) return out;
        }
    }
    return out;
}

template <class S> void run(std::string_view text) {
    const Pieces whole = pieces<S>(text, std::max<std::size_t>(text.size(), 1));
    if (pieces<S>(text, 1) != whole || pieces<S>(text, 37) != whole) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    run<kube::WatchSplitter>(text);
    run<kube::ListSplitter>(text);
    static_cast<void>(kube::name_in(text));
    return 0;
}
