// What the kube-dns ConfigMap says, stubDomains and upstreamNameservers with a zero octet between
// them: refused, or words that stay words in the Corefile that is made of them.

#include "agent/node_local_config.hpp"
#include "conf/corefile.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <cstdint>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::size_t end = std::min(text.find('\0'), size);
    auto given = agent::parse_kube_dns(text.substr(0, end), text.substr(std::min(end + 1, size)));
    if (!given) {
        NP_CHECK(!given.error().text.empty(), "an error says what is wrong");
        return 0;
    }
    const std::size_t stubs = given->stub_domains.size();
    const agent::TemplateValues values{.addresses = {IpAddress::v4(169, 254, 20, 10)},
                                       .cluster_dns = "10.96.0.10",
                                       .prometheus_listen = "0.0.0.0:9253",
                                       .kube_dns = *given};
    const auto filled = agent::fill_template(
        ".:53 {\n    bind __PILLAR__LOCAL__DNS__\n    forward . __PILLAR__UPSTREAM__SERVERS__ {\n"
        "        force_tcp\n    }\n}\n",
        values);
    NP_CHECK(filled.has_value(), "the template has nothing unknown");
    const conf::CorefileReading reading =
        conf::read_corefile(*filled, "C",
                            {[](const std::string&) -> Result<std::string> {
                                 return Error{Errc::not_found, "nothing is imported"};
                             },
                             [](const std::string&) { return std::vector<std::string>{}; },
                             [](const std::string&) { return std::string{"set"}; }});
    NP_CHECK(reading.problems.empty() && reading.imported.empty(), "words stay words");
    NP_CHECK(reading.document.servers.size() == stubs + 1, "a block for each stub domain");
    return 0;
}
