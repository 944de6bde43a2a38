// Names below a cluster's zone, from any octets: what a name is taken for is made of its labels and
// leads back to it, in each grammar.

#include "plugins/kubernetes/request.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <cstdint>

using namespace nameplane;
using namespace nameplane::plugins::kubernetes;

namespace {

dns::NameView made(Arena& arena, std::initializer_list<std::string_view> labels,
                   dns::NameView zone) {
    dns::NameBuilder name{arena};
    for (const std::string_view label : labels) name.label(label);
    return name.finish(zone).value_or(dns::NameView{});
}

void check(const Request& request, dns::NameView name, dns::NameView zone, Arena& arena) {
    const std::string_view whole{reinterpret_cast<const char*>(name.data()), name.size()};
    for (const std::string_view part :
         {request.ns, request.service, request.endpoint, request.cluster, request.topology,
          request.port, request.protocol}) {
        const bool inside =
            part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
        NP_CHECK(part.empty() || inside, "what is found lies in the name");
    }
    if (request.shape == Shape::apex) NP_CHECK(name.equals(zone), "only the zone is the apex");
    if (request.shape == Shape::service) {
        NP_CHECK(made(arena, {request.service, request.ns, "svc"}, zone).equals(name),
                 "a Service's name is that name");
    }
    if (request.shape == Shape::endpoint && request.cluster.empty()) {
        NP_CHECK(
            made(arena, {request.endpoint, request.service, request.ns, "svc"}, zone).equals(name),
            "an endpoint's name is that name");
    }
    if (request.shape == Shape::name_space) {
        NP_CHECK(made(arena, {request.ns, request.below_pod ? "pod" : "svc"}, zone).equals(name),
                 "a namespace's name is that name");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Arena arena{1 << 14};
    arena.clear();
    const dns::Name zone = *dns::Name::parse("cluster.local.");
    // Labels in wire form up to a length that is none, then the zone.
    dns::NameBuilder name{arena};
    for (std::size_t at = 0; at < size;) {
        const std::size_t length = data[at];
        if (length == 0 || length > dns::label_octets_max || at + 1 + length > size) break;
        name.label({reinterpret_cast<const char*>(data + at + 1), length});
        at += 1 + length;
    }
    const auto whole = name.finish(zone);
    if (!whole) return 0;
    const dns::Name lower = dns::Name{*whole}.lower();
    for (const bool multicluster : {false, true}) {
        for (const bool zonal : {false, true}) {
            check(parse_request(lower, zone, {.multicluster = multicluster, .zonal = zonal}), lower,
                  zone, arena);
        }
    }
    return 0;
}
