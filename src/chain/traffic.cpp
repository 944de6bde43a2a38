// hot path
#include "chain/traffic.hpp"

namespace nameplane::chain {

std::size_t Traffic::type_slot(dns::Type type) noexcept {
    using enum dns::Type;
    switch (type) {
    case a: return 0;
    case aaaa: return 1;
    case srv: return 2;
    case ptr: return 3;
    case cname: return 4;
    case txt: return 5;
    case soa: return 6;
    case ns: return 7;
    case mx: return 8;
    case ds: return 9;
    case dnskey: return 10;
    case rrsig: return 11;
    case nsec: return 12;
    case ixfr: return 13;
    case axfr: return 14;
    case any: return 15;
    case https: return 16;
    case svcb: return 17;
    case nsec3: return 18;
    case hinfo:
    case naptr:
    case opt:
    case tlsa:
    case tsig:
    case caa: break;
    }
    return types - 1;
}

std::size_t Traffic::rcode_slot(dns::Rcode rcode) noexcept {
    using enum dns::Rcode;
    switch (rcode) {
    case no_error: return 0;
    case form_err: return 1;
    case serv_fail: return 2;
    case nx_domain: return 3;
    case not_imp: return 4;
    case refused: return 5;
    case not_auth: return 6;
    case not_zone: return 7;
    case bad_vers: return 8;
    case bad_cookie: return 9;
    }
    return rcodes - 1;
}

void Traffic::asked(std::size_t worker, const Request& request) const noexcept {
    const auto transport = static_cast<std::size_t>(request.transport);
    const auto family = static_cast<std::size_t>(request.family);
    requests_[transport][family][type_slot(request.type)]->add(worker);
    request_size_[transport]->observe(worker, static_cast<double>(request.octets));
    if (request.dnssec_ok) do_requests_->add(worker);
}

void Traffic::answered(std::size_t worker, Transport transport, dns::Rcode rcode,
                       std::size_t octets, std::size_t plugin) const noexcept {
    responses_->add(worker, rcode_slot(rcode), plugin);
    response_size_[static_cast<std::size_t>(transport)]->observe(worker,
                                                                 static_cast<double>(octets));
}

}  // namespace nameplane::chain
