#pragma once
// Record: one resource record as views. Nothing is copied until dns/encode writes the wire; what a
// record refers to must live until then (the snapshot, the query's arena or the configuration).

#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <cstdint>
#include <span>
#include <variant>

namespace nameplane::dns {

struct SrvData {
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    std::uint16_t port = 0;
    NameView target;
};
struct MxData {
    std::uint16_t preference = 0;
    NameView exchange;
};
struct SoaData {
    NameView mname;
    NameView rname;
    std::uint32_t serial = 0;
    std::uint32_t refresh = 0;
    std::uint32_t retry = 0;
    std::uint32_t expire = 0;
    std::uint32_t minimum = 0;
};
/// Ready-made rdata that holds no compressible name.
using RawData = std::span<const std::uint8_t>;

/// IpAddress for A and AAAA; NameView for CNAME, NS and PTR; else as named.
using Rdata = std::variant<IpAddress, NameView, SrvData, MxData, SoaData, RawData>;

struct Record {
    NameView owner;
    Type type = Type::a;
    Class klass = Class::in;
    Ttl ttl = 0;
    Rdata data;
};

}  // namespace nameplane::dns
