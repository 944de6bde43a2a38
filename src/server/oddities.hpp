#pragma once
// Oddities: counters of what is not a query with an answer, by reason. Made once for all workers.

#include <nameplane/base/metrics.hpp>

namespace nameplane::server {

struct Oddities {
    explicit Oddities(metrics::Registry& metrics);

    // nameplane_dns_dropped_total{reason}: nothing is sent.
    metrics::Counter& too_short;    ///< shorter than a header
    metrics::Counter& response;     ///< QR is set: answering could make a loop
    metrics::Counter& cut_off;      ///< a datagram larger than we take
    metrics::Counter& by_plugin;    ///< a plugin said so
    metrics::Counter& unencodable;  ///< no room for header and question
    metrics::Counter& send_failed;  ///< the kernel refused the answer
    metrics::Counter& overflowed;   ///< the kernel had no room for a datagram

    // nameplane_dns_waiting_rejects_total: SERVFAIL, since too many wait already.
    metrics::Counter& waiting_full;

    // nameplane_dns_malformed_total{reason}: answered with FORMERR, NOTIMP or BADVERS.
    metrics::Counter& malformed;
    metrics::Counter& no_question;  ///< or more than one
    metrics::Counter& opcode;
    metrics::Counter& edns_version;

    // nameplane_dns_tcp_connections_total, nameplane_dns_tcp_closed_total{reason}.
    metrics::Counter& tcp_accepted;
    metrics::Counter& tcp_idle;     ///< nothing whole came, or nothing was read, for too long
    metrics::Counter& tcp_evicted;  ///< had to make room for a new one
    metrics::Counter& tcp_refused;  ///< new, but all others were busy
    metrics::Counter& tcp_untaken;  ///< too much lay there that it did not take
};

}  // namespace nameplane::server
