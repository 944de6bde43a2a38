// Random names, valid, nearly valid and odd: an answer always parses, and whether a name exists
// does not depend on the type that is asked.

#include "cluster.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace nameplane;
using namespace nameplane::test;

namespace {

using Random = std::mt19937;

constexpr std::array types{dns::Type::a,   dns::Type::aaaa, dns::Type::srv,   dns::Type::cname,
                           dns::Type::ptr, dns::Type::txt,  dns::Type::soa,   dns::Type::ns,
                           dns::Type::mx,  dns::Type::any,  dns::Type::https, dns::Type::dnskey};

constexpr std::array words{
    "svc",         "pod",       "dns",        "ns",       "dns-version", "testns",  "pods",
    "kube-system", "nons",      "svc1",       "svcmulti", "svcdual",     "hdls1",   "hdls6",
    "hdlsdual",    "hdlsports", "external",   "to-svc1",  "loop-a",      "chain-0", "to-missing",
    "_http",       "_tcp",      "_udp",       "http",     "tcp",         "_",       "web-0",
    "dup-name",    "172-0-0-2", "10-240-0-1", "fd00--1",  "fd00--",      "-",       "*",
    "any",         "1",         "0",          "10",       "172",         "250",     "cluster",
    "local",       "in-addr",   "arpa"};

constexpr std::array suffixes{"",
                              "cluster.local",
                              "svc.cluster.local",
                              "testns.svc.cluster.local",
                              "testns.svc.cluster.local",
                              "pods.pod.cluster.local",
                              "hdlsdual.testns.svc.cluster.local",
                              "svcmulti.testns.svc.cluster.local",
                              "to-svc1.testns.svc.cluster.local",
                              "dns.cluster.local",
                              "1.0.0.10.in-addr.arpa",
                              "0.0.10.in-addr.arpa",
                              "0.0.172.in-addr.arpa",
                              "in-addr.arpa",
                              "ip6.arpa",
                              "example"};

std::size_t below(Random& random, std::size_t limit) {
    return random() % limit;
}

std::string random_label(Random& random) {
    if (below(random, 8) != 0) {
        std::string word = words[below(random, words.size())];
        for (char& c : word) {
            if (below(random, 8) == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        }
        if (below(random, 16) == 0) word[below(random, word.size())] = static_cast<char>(random());
        return word;
    }
    std::string label(1 + below(random, 63), '\0');
    for (char& c : label) c = static_cast<char>(random());
    return label;
}

/// Up to ten labels in front of a suffix, as many as fit.
dns::Name random_name(Random& random) {
    std::vector<std::string> labels;
    const std::string suffix = suffixes[below(random, suffixes.size())];
    const std::size_t most = below(random, 6) == 0 ? 10 : below(random, 3);
    for (std::size_t i = below(random, most + 1); i > 0; --i) {
        labels.push_back(random_label(random));
    }
    const dns::Name tail = *dns::Name::parse(suffix + ".");
    std::vector<std::uint8_t> wire;
    for (const std::string& label : labels) {
        if (wire.size() + 1 + label.size() + tail.view().size() > dns::name_octets_max) break;
        wire.push_back(static_cast<std::uint8_t>(label.size()));
        wire.insert(wire.end(), label.begin(), label.end());
    }
    wire.insert(wire.end(), tail.view().wire().begin(), tail.view().wire().end());
    const auto view = dns::NameView::check(wire);
    REQUIRE(view.has_value());
    return dns::Name{*view};
}

/// Cheaper than half a million assertions of Catch's.
void must(bool holds, const char* what) {
    if (!holds) FAIL(what);
}

void check_answer(const LdnsMessage& message, dns::Type type) {
    const auto rcode = static_cast<dns::Rcode>(message.rcode);
    must(rcode == dns::Rcode::no_error || rcode == dns::Rcode::nx_domain,
         "the rcode is NOERROR or NXDOMAIN");
    must(message.authoritative, "the answer is authoritative");
    if (rcode == dns::Rcode::nx_domain) must(message.answers.empty(), "NXDOMAIN has no answers");
    if (message.answers.empty()) {
        must(message.authorities.size() == 1, "no answers: one record of authority");
        must(message.authorities[0].find(" IN SOA ") != std::string::npos, "no answers: the SOA");
    }
    const std::string wanted = " IN " + dns::to_string(type) + " ";
    for (std::string line : message.answers) {
        INFO(line);
        // ldns leaves quotes in names as they are; blanks behind them then count as text.
        std::ranges::replace(line, '\t', ' ');
        const bool is_type = line.find(wanted) != std::string::npos;
        must(is_type || line.find(" IN CNAME ") != std::string::npos,
             "an answer has the type asked for or is a CNAME");
    }
    const Lines lines = sorted(message.answers);
    must(std::ranges::adjacent_find(lines) == lines.end(), "no answer stands twice");
    const Lines glue = sorted(message.additionals);
    must(std::ranges::adjacent_find(glue) == glue.end(), "no additional record stands twice");
}

}  // namespace

TEST_CASE("kubernetes: 20,000 random names") {
    constexpr std::uint32_t seed = 20240607;
    Random random{seed};
    const Example example{{.zones = {"cluster.local.", "in-addr.arpa.", "ip6.arpa."},
                           .own_addresses = {"10.250.0.1"},
                           .values = {{"pods", std::string{"insecure"}}}}};
    std::size_t answered = 0;
    std::size_t missing = 0;
    for (int i = 0; i < 20000; ++i) {
        const dns::Name name = random_name(random);
        INFO("seed " << seed << ", name " << i << ": " << name.to_string());
        const dns::Rcode rcode = example.asker().rcode(name, types[0]);
        const bool all_alike = std::ranges::all_of(
            types, [&](dns::Type type) { return example.asker().rcode(name, type) == rcode; });
        must(all_alike, "a name exists for all types or for none");
        const dns::Type type = types[below(random, types.size())];
        const Answered one = example.asker().ask(name, type, {.tcp = below(random, 2) == 0});
        must(one.next == (rcode == dns::Rcode::refused), "only names that are not ours go on");
        if (one.next) continue;
        must(static_cast<dns::Rcode>(one.message.rcode) == rcode,
             "the wire says what the plugin said");
        check_answer(one.message, type);
        answered += one.message.answers.empty() ? 0U : 1U;
        missing += rcode == dns::Rcode::nx_domain ? 1U : 0U;
    }
    // The names are worth asking: many exist, many do not.
    CHECK(answered > 500);
    CHECK(missing > 2000);
}
