#pragma once
// Records from values: what plugins build their answers with. Nothing is copied but where an arena
// is asked for; views in a record must live until the answer is written.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/record.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace nameplane::dns {

/// An A or AAAA record, after the address's family.
Record address_record(NameView owner, Ttl ttl, const IpAddress& address) noexcept;
Record cname_record(NameView owner, Ttl ttl, NameView target) noexcept;
Record ns_record(NameView owner, Ttl ttl, NameView server) noexcept;
Record ptr_record(NameView owner, Ttl ttl, NameView target) noexcept;
Record srv_record(NameView owner, Ttl ttl, const SrvData& srv) noexcept;
Record mx_record(NameView owner, Ttl ttl, const MxData& mx) noexcept;
Record soa_record(NameView owner, Ttl ttl, const SoaData& soa) noexcept;
/// `data` as txt_data() gives it.
Record txt_record(NameView owner, Ttl ttl, RawData data) noexcept;

/// The rdata of a TXT record in `arena`: each string as one <character-string>, none as an empty
/// one (RFC 1035 3.3.14 wants at least one). Nothing if a string has more than 255 octets, all
/// together more than 65,535, or the arena is full.
std::optional<RawData> txt_data(Arena& arena, std::span<const std::string_view> strings) noexcept;

}  // namespace nameplane::dns
