// What an upstream says, on its way to the client through plugins that change answers: whatever
// they make of it is a message that can be read.

#include "chain/chain.hpp"
#include "chain/registry.hpp"
#include "conf/compile.hpp"
#include "conf/lines.hpp"
#include "dns/encode.hpp"
#include "dns/parse_answer.hpp"
#include "support/one_chain.hpp"
#include <nameplane/base/check.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/setup.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

using namespace nameplane;

namespace {

/// Each is a server block. Names grow and shrink, in owners and in data.
constexpr std::array<std::string_view, 4> blocks{
    "rewrite name regex (.*) {1} answer name (.*) {1}.{1} value (.*) x.{1}",
    "rewrite stop name suffix .example .test answer auto\n"
    "minimal\nloadbalance\nheader {\n response clear aa\n}",
    "rewrite name substring a aaaaaaaaaa answer name b bbbbbbbb value (.)(.*) {2}.{1}\n"
    "rewrite ttl regex .* 30-300\nrewrite cname regex (.*) {1}.example.\nany",
    "dns64 {\n allow_ipv4\n translate_all\n}\nrewrite type AAAA A\nrewrite rcode regex .* 3 0"};

/// Says to any question what the upstream said to one.
class Upstream final : public Plugin {
public:
    Step ask(Query& query, Reply& reply) const noexcept override {
        if (!dns::read_answer(said, query.name(), query.arena(), reply)) reply.fail();
        reply.rcode = dns::Rcode::no_error;
        return Step::done;
    }
    static std::span<const std::uint8_t> said;
};
std::span<const std::uint8_t> Upstream::said;

chain::Chain made(std::string_view block, metrics::Registry& metrics) {
    conf::Document document;
    std::vector<conf::Problem> problems;
    document.servers.push_back(
        {{"."}, conf::lines_of(conf::words_of(block, {"Corefile", 1}), problems), {}});
    const conf::Compiled compiled = conf::compile(document, chain::plugin_tables());
    NP_CHECK(problems.empty() && compiled.problems.empty(), "the blocks are right");
    const std::vector<dns::Name> zones{{}};
    Setup setup{.zones = zones, .workers = 1, .metrics = metrics};
    std::vector<chain::Link> links;
    for (const conf::PluginConfig& plugin : compiled.config.runtime.servers.front().plugins) {
        const auto kind =
            std::ranges::find(chain::plugin_kinds(), plugin.name, &chain::PluginKind::name);
        auto link = kind->make(plugin.options, setup);
        NP_CHECK(link.has_value(), "the plugins can be made");
        links.push_back({std::move(*link), kind->name});
    }
    links.push_back({std::make_unique<Upstream>(), "upstream"});
    return chain::Chain{links};
}

const std::vector<chain::Chain>& chains() {
    static metrics::Registry metrics{1};
    static const std::vector<chain::Chain> all = [] {
        std::vector<chain::Chain> list;
        for (const std::string_view block : blocks) list.push_back(made(block, metrics));
        return list;
    }();
    return all;
}

void walk(const chain::Chain& chain, const dns::AnswerHead& head) {
    static Arena arena{1 << 20};
    static std::array<std::uint8_t, 65535> out;
    arena.clear();
    const dns::Name name = dns::Name{head.name}.lower();
    test::OneChain host{chain};
    Query query{{.name = name,
                 .asked = head.name,
                 .type = head.type,
                 .klass = head.klass,
                 .has_edns = true,
                 .udp_size = 1232,
                 .client = *SocketAddress::parse("192.0.2.1:4242"),
                 .server = *SocketAddress::parse("192.0.2.53:53"),
                 .arena = &arena,
                 .host = &host}};
    Reply reply{arena};
    if (chain.walk(query, reply) != Step::done) return;
    dns::Question question;
    question.asked = head.name;
    question.name = name;
    question.type = head.type;
    question.klass = head.klass;
    question.edns.emplace();
    const std::size_t size = dns::encode(question, reply, {.udp_size_max = 65535}, out);
    const std::span<const std::uint8_t> sent = std::span{out}.first(size);
    NP_CHECK(dns::read_answer_head(sent).has_value(), "there is a head");
    arena.clear();
    Reply again{arena};
    NP_CHECK(dns::read_answer(sent, name, arena, again), "what we send can be read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Upstream::said = {data, size};
    const auto head = dns::read_answer_head(Upstream::said);
    if (!head) return 0;
    for (const chain::Chain& chain : chains()) walk(chain, *head);
    return 0;
}
