#include "dns/encode.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include <nameplane/dns/rdata.hpp>

#include "dns_wire.hpp"
#include "support/ldns_message.hpp"

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;

namespace {

/// A parsed query and a reply to fill; gives back wire and what ldns reads in it.
class Exchange {
public:
    explicit Exchange(Octets query) : query_{std::move(query)} {
        REQUIRE(parse_query(query_, question) == ParseError::none);
        reply.rcode = Rcode::no_error;
    }

    const Octets& encoded(const EncodeLimits& limits = {}) {
        wire_.assign(65535, 0xee);
        wire_.resize(encode(question, reply, limits, wire_));
        return wire_;
    }
    LdnsMessage message(const EncodeLimits& limits = {}) {
        const std::optional<LdnsMessage> read = read_with_ldns(encoded(limits));
        REQUIRE(read.has_value());
        return *read;
    }
    /// A name that lives as long as the exchange.
    NameView name(std::string_view text) {
        const std::optional<Name> name = Name::parse(text);
        REQUIRE(name.has_value());
        names_.push_back(std::make_unique<Name>(*name));
        return names_.back()->view();
    }

    Arena arena{1 << 20};
    Question question;
    Reply reply{arena};

private:
    Octets query_;
    Octets wire_;
    std::vector<std::unique_ptr<Name>> names_;
};

constexpr const char* web = "web.default.svc.cluster.local";
constexpr EncodeLimits over_tcp{.tcp = true};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("an address of the question's name takes 16 octets and keeps the case", "[encode]") {
    Exchange exchange{plain_query("WeB.default.SVC.cluster.local")};
    exchange.reply.authoritative = true;
    exchange.reply.answer(exchange.question.name, 5, IpAddress::v4(10, 96, 0, 7));
    const Octets expected = WireMaker{}
                                .header(0x1234, 0x8500, 1, 1)
                                .question("WeB.default.SVC.cluster.local", 1)
                                .u16(0xc00c).u16(1).u16(1).u32(5).u16(4)
                                .u8(10).u8(96).u8(0).u8(7);
    CHECK(exchange.encoded() == expected);
    CHECK(exchange.message().answers == Lines{"WeB.default.SVC.cluster.local. 5 IN A 10.96.0.7"});
}
