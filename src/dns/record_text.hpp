#pragma once
// record_text: records in zone-file form (RFC 1035 5.1), read by ldns, which knows all types. Takes
// the heap meanwhile; the record itself lies in an arena.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/dns/record.hpp>

#include <string_view>

struct ldns_struct_rr;

namespace nameplane::dns {

struct RecordTextOptions {
    Ttl ttl = 3600;   ///< where none is written
    NameView origin;  ///< for names without a final dot
};

/// "www.example.org. 60 IN A 192.0.2.1" as a record in `arena`. A class or TTL that is missing is
/// IN or that of the options. The error says "what, expected what".
Result<Record> read_record(std::string_view text, Arena& arena,
                           const RecordTextOptions& options = {});

/// "A 192.0.2.1" likewise: the root's, with TTL 0.
Result<Record> read_record_data(std::string_view text, Arena& arena,
                                const RecordTextOptions& options);

/// A record that ldns holds, copied into `arena`; the owner keeps its case. Fails when the arena is
/// full.
Result<Record> record_from_ldns(const ldns_struct_rr& rr, Arena& arena);

}  // namespace nameplane::dns
