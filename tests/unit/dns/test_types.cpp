#include <nameplane/base/ip.hpp>
#include <nameplane/dns/types.hpp>

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::dns;

TEST_CASE("types have the names of the registry", "[types]") {
    struct Row {
        unsigned number;
        const char* name;
    };
    const Row row = GENERATE(values<Row>({
        {1, "A"},         {2, "NS"},      {5, "CNAME"},         {6, "SOA"},
        {12, "PTR"},      {13, "HINFO"},  {15, "MX"},           {16, "TXT"},
        {28, "AAAA"},     {33, "SRV"},    {35, "NAPTR"},        {41, "OPT"},
        {43, "DS"},       {46, "RRSIG"},  {47, "NSEC"},         {48, "DNSKEY"},
        {52, "TLSA"},     {64, "SVCB"},   {65, "HTTPS"},        {250, "TSIG"},
        {251, "IXFR"},    {252, "AXFR"},  {255, "ANY"},         {257, "CAA"},
        {0, "TYPE0"},     {99, "SPF"},    {39, "DNAME"},        {44, "SSHFP"},
        {23, "NSAP-PTR"}, {98, "TYPE98"}, {65280, "TYPE65280"}, {65535, "TYPE65535"},
    }));
    CAPTURE(row.name);
    CHECK(to_string(static_cast<Type>(row.number)) == row.name);
    CHECK(parse_type(row.name) == static_cast<Type>(row.number));
}

TEST_CASE("response codes have the names of the registry", "[types]") {
    struct Row {
        unsigned number;
        const char* name;
    };
    const Row row = GENERATE(values<Row>({
        {0, "NOERROR"},
        {1, "FORMERR"},
        {2, "SERVFAIL"},
        {3, "NXDOMAIN"},
        {4, "NOTIMP"},
        {5, "REFUSED"},
        {9, "NOTAUTH"},
        {10, "NOTZONE"},
        {16, "BADVERS"},
        {23, "BADCOOKIE"},
        {24, "RCODE24"},
        {4095, "RCODE4095"},
    }));
    CAPTURE(row.name);
    CHECK(to_string(static_cast<Rcode>(row.number)) == row.name);
    CHECK(parse_rcode(row.name) == static_cast<Rcode>(row.number));
}

TEST_CASE("classes have the names of the registry", "[types]") {
    struct Row {
        unsigned number;
        const char* name;
    };
    const Row row = GENERATE(
        values<Row>({{1, "IN"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"}, {2, "CLASS2"}}));
    CAPTURE(row.name);
    CHECK(to_string(static_cast<Class>(row.number)) == row.name);
    CHECK(parse_class(row.name) == static_cast<Class>(row.number));
}

TEST_CASE("names are read in any case, numbers also for types that have a name", "[types]") {
    CHECK(parse_type("aaaa") == Type::aaaa);
    CHECK(parse_type("sRv") == Type::srv);
    CHECK(parse_type("type1") == Type::a);
    CHECK(parse_class("cLaSs1") == Class::in);
    CHECK(parse_rcode("nxdomain") == Rcode::nx_domain);
}

TEST_CASE("what is no type is nothing", "[types]") {
    const char* const text = GENERATE("", "AA", "A ", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x",
                                      "TYPE 1", "TYPE99999999999", "1", "CLASS1");
    CAPTURE(text);
    CHECK_FALSE(parse_type(text).has_value());
}

TEST_CASE("a response code has twelve bits", "[types]") {
    CHECK(parse_rcode("RCODE4095").has_value());
    CHECK_FALSE(parse_rcode("RCODE4096").has_value());
}

TEST_CASE("an address has the type of its family", "[types]") {
    CHECK(type_of(IpAddress::v4(10, 0, 0, 1)) == Type::a);
    CHECK(type_of(*IpAddress::parse("fd00::1")) == Type::aaaa);
}
