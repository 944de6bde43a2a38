// Any octets as a message to a server with plugins that look into queries: there is no answer, or
// one that belongs to the query and is no larger than it may be. Its first octet says how it came.

#include "chain/builder.hpp"
#include "chain/registry.hpp"
#include "conf/compile.hpp"
#include "conf/corefile.hpp"
#include "dns/parse.hpp"
#include "server/handler.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/check.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/setup.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

using namespace nameplane;

namespace {

constexpr std::string_view corefile = R"(. {
    nsid here
    bufsize 1100
    metadata
    tsig {
        secret key.example. NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=
    }
    chaos v1 somebody@example
    any
    acl old.example {
        filter type TXT net 192.0.2.0/24
        drop type HINFO
    }
    rewrite continue edns0 local append 0xffee abcdef revert
    rewrite continue edns0 local replace 0xffef {client_ip}
    rewrite continue edns0 subnet replace 24 56 revert
    rewrite continue edns0 local unset 0xfff0
    rewrite name regex (.*)\.old\.example {1}.new.example answer auto
    rewrite type HTTPS A
    dns64 {
        allow_ipv4
        translate_all
    }
    autopath @kubernetes
    loadbalance
    minimal
    header {
        query set rd
        response set ra
    }
    hosts {
        192.0.2.1 a.new.example b.new.example
        2001:db8::1 a.new.example
        fallthrough
    }
    template IN MX example {
        match ^(?P<first>[^.]*)\.(.*)$
        answer "{{ .Name }} 60 IN MX 10 {{ .Group.first }}.mail.example."
        additional "{{ .Group.first }}.mail.example. 60 IN A 192.0.2.7"
        fallthrough
    }
    kubernetes cluster.local 10.in-addr.arpa {
        pods verified
        fallthrough in-addr.arpa
    }
    whoami
}
served.example:53 {
    erratic
}
)";

/// What a worker has.
struct Server {
    metrics::Registry metrics{1};
    server::Oddities oddities{metrics};
    std::shared_ptr<const services::Snapshot> snapshot = services::Snapshot::empty();
    std::shared_ptr<const chain::Chains> chains = made(metrics);
    server::Handler handler{0, {}, oddities};

    Server() { handler.use(*chains, services::ServiceView{*snapshot}); }
    static std::shared_ptr<const chain::Chains> made(metrics::Registry& metrics) {
        const auto reading = conf::read_corefile(corefile, "Corefile", {});
        const conf::Compiled compiled = conf::compile(reading.document, chain::plugin_tables());
        for (const auto* problems : {&reading.problems, &compiled.problems}) {
            for (const conf::Problem& problem : *problems) {
                NP_CHECK(false, problem.to_string().c_str());
            }
        }
        auto built = chain::Chains::build(
            compiled.config.runtime.servers,
            Setup{.zones = {}, .metrics = metrics, .services_synced = [] { return true; }});
        NP_CHECK(built.has_value(), built ? "" : built.error().text.c_str());
        return std::move(*built);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Server server;
    static std::array<std::uint8_t, server::Handler::tcp_octets_max> out;
    if (size == 0) return 0;
    const std::span<const std::uint8_t> message{data + 1, size - 1};
    const bool tcp = (data[0] & 1U) != 0;
    const server::Arrival arrival{
        .client =
            *SocketAddress::parse((data[0] & 2U) != 0 ? "[2001:db8::9]:4242" : "192.0.2.9:4242"),
        .server = *SocketAddress::parse("192.0.2.53:53"),
        .transport = tcp ? Transport::tcp : Transport::udp};
    const std::size_t written = server.handler.answer(message, arrival, out);
    if (written == 0) return 0;
    NP_CHECK(written >= 12 && written <= (tcp ? out.size() : 1232U), "an answer has its bounds");
    NP_CHECK(std::ranges::equal(message.first(2), std::span{out}.first(2)), "and the query's id");
    NP_CHECK((out[2] & 0x80U) != 0, "and is one");
    return 0;
}
