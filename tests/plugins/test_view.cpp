// The plugin view, through the router: several server blocks of one zone, made from a Corefile.

#include "agent/commands.hpp"
#include "agent/settings.hpp"
#include "chain/builder.hpp"
#include "server/handler.hpp"
#include "support/alloc_guard.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;

namespace {

using Octets = std::vector<std::uint8_t>;

/// How a question comes.
struct From {
    std::string client = "192.0.2.1";
    bool tcp = false;
    std::uint16_t type = 1;
};

Octets question(const std::string& name, std::uint16_t type) {
    Octets out{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    const auto parsed = dns::Name::parse(name);
    REQUIRE(parsed);
    out.insert(out.end(), parsed->view().wire().begin(), parsed->view().wire().end());
    out.insert(out.end(),
               {static_cast<std::uint8_t>(type >> 8U), static_cast<std::uint8_t>(type), 0, 1});
    return out;
}

/// The server blocks of a Corefile, and who answers from them.
class Blocks {
public:
    explicit Blocks(const std::string& corefile)
        : compiled_{agent::compile_text(corefile, "Corefile")} {
        for (const conf::Problem& problem : compiled_.problems) FAIL(problem.to_string());
        auto chains = chain::Chains::build(
            compiled_.config.runtime.servers,
            Setup{.zones = {}, .metrics = metrics, .own_addresses = {}, .services_synced = {}});
        if (!chains) FAIL(chains.error().text);
        chains_ = *chains;
        handler_.use(*chains_, services::ServiceView{});
    }

    std::size_t answer(const Octets& message, const From& from, Octets& out) {
        const auto client = IpAddress::parse(from.client);
        REQUIRE(client);
        return handler_.answer(message,
                               {.client = {*client, 4242},
                                .server = {IpAddress::v4(192, 0, 2, 53), 53},
                                .transport = from.tcp ? Transport::tcp : Transport::udp},
                               out);
    }
    /// The addresses in the answer, or "REFUSED".
    std::string ask(const std::string& name, const From& from = {}) {
        Octets out(65535);
        out.resize(answer(question(name, from.type), from, out));
        const auto read = read_with_ldns(out);
        REQUIRE(read);
        if (read->rcode == 5) return "REFUSED";
        std::string all;
        for (const std::string& line : read->answers) {
            all += (all.empty() ? "" : " ") + line.substr(line.rfind(' ') + 1);
        }
        return all;
    }
    std::vector<std::string> warnings() const {
        std::vector<std::string> out;
        for (const conf::Problem& warning : compiled_.warnings) out.push_back(warning.to_string());
        return out;
    }
    double count(std::string_view name, const metrics::Labels& labels) const {
        double sum = 0;
        for (const metrics::FamilyReading& family : metrics.read()) {
            if (family.name != name) continue;
            for (const metrics::Sample& sample : family.samples) {
                const bool fits = std::ranges::all_of(labels, [&](const auto& label) {
                    return std::ranges::count(sample.labels, label) != 0;
                });
                if (fits) sum += sample.value;
            }
        }
        return sum;
    }

    metrics::Registry metrics{1};

private:
    conf::Compiled compiled_;
    std::shared_ptr<const chain::Chains> chains_;
    server::Oddities oddities_{metrics};
    server::Handler handler_{0, {}, oddities_};
};

/// A block of "." that answers everything with this address.
std::string block(const std::string& lines, const std::string& address) {
    return ".:53 {\n" + lines + "\n template ANY A {\n answer \"{{ .Name }} 1 IN A " + address +
           "\"\n }\n}\n";
}

struct Case {
    const char* expression;
    bool taken;
    From from = {};
    const char* name = "www.example.org.";
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("view: what an expression says of a query") {
    const Case cases[] = {
        {"true", true},
        {"false", false},
        {"1", false},
        {"'true'", false},
        {"name() == 'www.example.org.'", true},
        {"name() == 'www.example.org.'", true, {}, "WWW.example.org."},
        {"name() startsWith 'ftp.'", false},
        {"name() matches '^www[.]'", true},
        {"incidr(client_ip(), '192.0.2.0/24')", true},
        {"incidr(client_ip(), '192.0.3.0/24')", false},
        {"incidr(client_ip(), '2001:db8::/32')", true, {.client = "2001:db8:1::7"}},
        {"incidr(client_ip(), '2001:db8::/32')", false},
        {"incidr('192.0.2.1', '192.0.2.0/24')", true},
        {"incidr(name(), '192.0.2.0/24')", false},
        {"incidr(client_ip(), 'nonsense') || true", false},
        {"client_ip() == '2001:db8:1::7'", true, {.client = "2001:db8:1::7"}},
        {"proto() == 'tcp'", true, {.tcp = true}},
        {"proto() == 'tcp'", false},
        {"type() in ['A', 'AAAA']", true},
        {"type() == 'TYPE65280'", false},
        {"class() == 'IN' && opcode() == 0 && id() == 4660", true},
        {"size() == 33 && bufsize() == 512 && do() == false", true},
        {"port() == '4242' && server_ip() == '192.0.2.53' && server_port() == '53'", true},
        {"metadata('view/name') == ''", true},
        {"int(name()) == 1", false},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.expression);
        Blocks blocks{
            block(std::string{"view one {\n expr "} + row.expression + "\n }", "10.0.0.1") +
            block("", "10.0.0.2")};
        CHECK(blocks.ask(row.name, row.from) == (row.taken ? "10.0.0.1" : "10.0.0.2"));
    }
}

TEST_CASE("view: the first block whose conditions are all true takes the query") {
    Blocks blocks{
        block("view office {\n expr incidr(client_ip(), '192.0.2.0/24')\n expr proto() == 'udp'\n}",
              "10.0.0.1") +
        block("view lab {\n expr incidr(client_ip(), '192.0.2.0/23')\n}", "10.0.0.2") +
        block("view all", "10.0.0.3") + block("", "10.0.0.4")};
    CHECK(blocks.ask("a.example.") == "10.0.0.1");
    CHECK(blocks.ask("a.example.", {.tcp = true}) == "10.0.0.2");
    CHECK(blocks.ask("a.example.", {.client = "192.0.3.1"}) == "10.0.0.2");
    CHECK(blocks.ask("a.example.", {.client = "203.0.113.1"}) == "10.0.0.3");
    CHECK(blocks.warnings().empty());
}

TEST_CASE("view: who is in none asks shorter zones, and is refused at the end") {
    const std::string longer =
        "example.org {\n view one {\n expr name() startsWith 'a.'\n }\n"
        " template ANY A {\n answer \"{{ .Name }} 1 IN A 10.0.0.1\"\n }\n}\n";
    Blocks alone{longer};
    CHECK(alone.ask("a.example.org.") == "10.0.0.1");
    CHECK(alone.ask("b.example.org.") == "REFUSED");
    Blocks with_root{longer + block("", "10.0.0.9")};
    CHECK(with_root.ask("a.example.org.") == "10.0.0.1");
    CHECK(with_root.ask("b.example.org.") == "10.0.0.9");
}

TEST_CASE("view: a block without one takes everything, and what it hides is warned about") {
    Blocks blocks{block("", "10.0.0.1") + block("view never", "10.0.0.2")};
    CHECK(blocks.ask("a.example.") == "10.0.0.1");
    CHECK(blocks.warnings() ==
          std::vector<std::string>{
              "Corefile:7: zones: '.:53' is served by a block without a view before, which leaves "
              "this one no query (first at Corefile:1)"});
}

TEST_CASE("view: expressions see metadata where the block has the plugin") {
    const auto blocks = [](const std::string& lines) {
        return Blocks{
            block(lines + "\nview one {\n expr metadata('view/name') == 'one'\n}", "10.0.0.1") +
            block("", "10.0.0.2")};
    };
    CHECK(blocks("").ask("a.example.") == "10.0.0.2");
    CHECK(blocks("metadata").ask("a.example.") == "10.0.0.1");
    CHECK(blocks("metadata other.example").ask("a.example.") == "10.0.0.2");
    // What one block allows, the next one does not get.
    Blocks three{block("metadata\nview one {\n expr false\n}", "10.0.0.1") +
                 block("view two {\n expr metadata('view/name') == 'two'\n}", "10.0.0.2") +
                 block("", "10.0.0.3")};
    CHECK(three.ask("a.example.") == "10.0.0.3");
}

TEST_CASE("view: the name stands in metadata of the walk and in metrics") {
    Blocks blocks{
        ".:53 {\n metadata\n view office {\n expr proto() == 'udp'\n }\n cache\n"
        " template ANY TXT {\n answer \"{{ .Name }} 1 IN TXT {{ .Meta `view/name` }}\"\n }\n"
        "}\n" +
        block("cache", "10.0.0.2")};
    CHECK(blocks.ask("a.example.", {.type = 16}) == "\"office\"");
    CHECK(blocks.ask("a.example.", {.tcp = true}) == "10.0.0.2");
    CHECK(blocks.ask("a.example.", {.tcp = true}) == "10.0.0.2");
    const auto count = [&](std::string_view name, const std::string& view) {
        return blocks.count(name, {{"server", "dns://:53"}, {"view", view}});
    };
    CHECK(count("coredns_dns_requests_total", "office") == 1);
    CHECK(count("coredns_dns_requests_total", "") == 2);
    CHECK(count("coredns_dns_responses_total", "office") == 1);
    CHECK(count("coredns_cache_requests_total", "office") == 1);
    CHECK(count("coredns_cache_hits_total", "") == 1);
    CHECK(count("coredns_template_matches_total", "office") == 1);
    CHECK(blocks.count("coredns_dns_responses_total",
                       {{"view", "office"}, {"rcode", "NOERROR"}, {"plugin", "template"}}) == 1);
    CHECK(blocks.count("coredns_dns_responses_total", {{"view", ""}, {"plugin", "cache"}}) == 1);
    CHECK(blocks.count("coredns_dns_responses_total", {{"view", ""}, {"plugin", "template"}}) == 1);
}

TEST_CASE("view: choosing takes nothing from the heap") {
    Blocks blocks{
        ".:53 {\n metadata\n view one {\n"
        " expr incidr(client_ip(), '198.51.100.0/24') || name() matches '^b' || type() == 'MX'\n"
        " expr metadata('view/name') == 'one' && port() == '4242'\n }\n whoami\n}\n"
        ".:53 {\n view two {\n expr lower(name()) endsWith 'example.' && len(server_ip()) > 3\n }\n"
        " whoami\n}\n"};
    const Octets first = question("b.example.", 1);
    const Octets second = question("a.example.", 1);
    const From from;
    Octets out(65535);
    const auto round = [&] {
        std::size_t octets = 0;
        for (int i = 0; i < 1000; ++i) {
            octets += blocks.answer(first, from, out);
            octets += blocks.answer(second, from, out);
        }
        return octets;
    };
    REQUIRE(round() != 0);
    const std::size_t before = allocations();
    REQUIRE(round() != 0);
    CHECK(allocations() == before);
}

TEST_CASE("view: what is wrong is said") {
    const auto mistakes = [](const std::string& lines) {
        const conf::Compiled compiled =
            agent::compile_text(".:53 {\n" + lines + "\n}\n", "Corefile");
        std::string all;
        for (const conf::Problem& problem : compiled.problems) all += problem.to_string() + '\n';
        if (!all.empty()) return all;
        const Status made = agent::try_plugins(compiled.config);
        return made ? std::string{} : made.error().text;
    };
    CHECK(mistakes("view") == "Corefile:2: view: no 'name', expected one text\n");
    CHECK(mistakes("view a {\n expr 1 == 'a'\n expr nothing()\n expr name(\n}") ==
          "Corefile:3: view: expr: '==' of int and string, expected types that go together\n"
          "Corefile:4: view: expr: 'nothing()', expected a function that exists\n"
          "Corefile:5: view: expr: the end, expected a value");
    CHECK(mistakes("view a {\n expr\n}") != "");
    CHECK(mistakes("view a\nview b") != "");
}
