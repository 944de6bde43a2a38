#pragma once
// Exchange: one query and its reply through parse, encode and ldns.

#include "dns/encode.hpp"
#include "dns/parse.hpp"
#include "dns_wire.hpp"
#include "support/ldns_message.hpp"
#include <nameplane/reply.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::test {

using Lines = std::vector<std::string>;

inline constexpr dns::EncodeLimits over_tcp{.tcp = true};

class Exchange {
public:
    /// The query must parse; the reply starts as NOERROR.
    explicit Exchange(Octets query, dns::ParseError expected = dns::ParseError::none)
        : query_{std::move(query)} {
        REQUIRE(parse_query(query_, question) == expected);
        reply.rcode = dns::Rcode::no_error;
    }

    const Octets& encoded(const dns::EncodeLimits& limits = {}) {
        wire_.assign(65535, 0xee);
        wire_.resize(encode(question, reply, limits, wire_));
        return wire_;
    }
    /// What ldns reads in encoded(); it must be able to.
    LdnsMessage message(const dns::EncodeLimits& limits = {}) {
        const std::optional<LdnsMessage> read = read_with_ldns(encoded(limits));
        REQUIRE(read.has_value());
        return *read;
    }
    /// A name that lives as long as the exchange.
    dns::NameView name(std::string_view text) {
        const std::optional<dns::Name> name = dns::Name::parse(text);
        REQUIRE(name.has_value());
        names_.push_back(std::make_unique<dns::Name>(*name));
        return names_.back()->view();
    }

    Arena arena{4 << 20};
    dns::Question question;
    Reply reply{arena};

private:
    Octets query_;
    Octets wire_;
    std::vector<std::unique_ptr<dns::Name>> names_;
};

}  // namespace nameplane::test
