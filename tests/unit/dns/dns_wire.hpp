#pragma once
// Messages for the tests of dns: queries built octet by octet, apart from the code under test.

#include <nameplane/dns/types.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace nameplane::test {

using Octets = std::vector<std::uint8_t>;

/// A message put together by hand; nothing is checked, so that wrong ones can be made too.
class WireMaker {
public:
    WireMaker& u8(unsigned value);
    WireMaker& u16(unsigned value);
    WireMaker& u32(std::uint32_t value);
    /// Labels between dots, no escapes, with the final zero; "" and "." are the root.
    WireMaker& name(std::string_view text);
    WireMaker& text(std::string_view octets);
    WireMaker& header(unsigned id, unsigned flags, unsigned questions, unsigned answers = 0,
                      unsigned authorities = 0, unsigned additionals = 0);
    WireMaker& question(std::string_view name, unsigned type, unsigned klass = 1);
    /// Root owner, type OPT.
    WireMaker& opt(unsigned udp_size, std::uint32_t ttl = 0, const Octets& options = {});
    /// A record with any rdata.
    WireMaker& record(std::string_view owner, unsigned type, unsigned klass, std::uint32_t ttl,
                      const Octets& data);

    const Octets& octets() const { return octets_; }
    operator const Octets&() const { return octets_; }

private:
    Octets octets_;
};

/// One question, id 0x1234, RD set.
Octets plain_query(std::string_view name, unsigned type = 1);
/// The same with an OPT that offers `udp_size`.
Octets edns_query(std::string_view name, unsigned udp_size, unsigned type = 1);

}  // namespace nameplane::test
