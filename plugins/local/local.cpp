#include "plugins/local/local.hpp"

#include <nameplane/dns/rdata.hpp>

#include <algorithm>

namespace nameplane::plugins {

namespace {

constexpr dns::Ttl ttl = 604800;
constexpr std::string_view localhost_label = "localhost";

}  // namespace

Local::Local(bool prefix, metrics::Counter& counter)
    : prefix_{prefix}, counter_{&counter}, zones_{*dns::Name::parse("localhost."),
                                                  *dns::Name::parse("0.in-addr.arpa."),
                                                  *dns::Name::parse("127.in-addr.arpa."),
                                                  *dns::Name::parse("255.in-addr.arpa.")},
      reverse_{*dns::Name::parse("1.0.0.127.in-addr.arpa.")}, root_mail_{*dns::Name::parse(
                                                                  "root.localhost.")} {}

Result<PluginPtr> Local::make(const Options& given, Setup& setup) {
    metrics::Counter& counter = setup.metrics.counter("coredns_local_localhost_requests_total",
                                                      "Queries for names of localhost but itself.");
    return PluginPtr{new Local{given.word("localhost_prefix") == "on", counter}};
}

bool Local::is_special(dns::NameView name) const noexcept {
    if (name.label_count() < 2) return false;
    return name.is_under(zones_[0]) || (prefix_ && name.first_label() == localhost_label);
}

dns::Record Local::soa(dns::NameView owner) const noexcept {
    return dns::soa_record(owner, ttl,
                           {.mname = zones_[0], .rname = root_mail_, .serial = 1, .minimum = ttl});
}

void Local::no_data(dns::NameView owner, Reply& reply) const noexcept {
    reply.authority(soa(owner));
}

void Local::answer_loopback(Query& query, Reply& reply) const noexcept {
    constexpr std::array<std::uint8_t, 16> loopback_v6{0, 0, 0, 0, 0, 0, 0, 0,
                                                       0, 0, 0, 0, 0, 0, 0, 1};
    if (query.type() == dns::Type::a) {
        reply.answer(query.name(), ttl, IpAddress::v4(127, 0, 0, 1));
    } else if (query.type() == dns::Type::aaaa) {
        reply.answer(query.name(), ttl, IpAddress::v6(loopback_v6));
    } else {
        no_data(query.name(), reply);
    }
}

void Local::answer_apex(std::size_t zone, Query& query, Reply& reply) const noexcept {
    const dns::NameView name = query.name();
    if (query.type() == dns::Type::soa) return reply.answer(soa(name));
    if (query.type() == dns::Type::ns) {
        return reply.answer(dns::ns_record(name, ttl, zones_[0]));
    }
    if (zone == 0) return answer_loopback(query, reply);
    no_data(name, reply);
}

Step Local::ask(Query& query, Reply& reply) const noexcept {
    const dns::NameView name = query.name();
    if (query.klass() != dns::Class::in) return Step::next;
    if (is_special(name)) {
        counter_->add(query.worker());
        reply.rcode = dns::Rcode::no_error;
        answer_loopback(query, reply);
        return Step::done;
    }
    const auto zone = std::ranges::find_if(
        zones_, [&](const dns::Name& candidate) { return name.is_under(candidate); });
    if (zone == zones_.end()) return Step::next;
    reply.rcode = dns::Rcode::no_error;
    if (name.equals(*zone)) {
        answer_apex(static_cast<std::size_t>(zone - zones_.begin()), query, reply);
    } else if (!name.equals(reverse_)) {
        reply.rcode = dns::Rcode::nx_domain;
        no_data(*zone, reply);
    } else if (query.type() == dns::Type::ptr) {
        reply.answer(dns::ptr_record(name, ttl, zones_[0]));
    } else {
        no_data(*zone, reply);
    }
    return Step::done;
}

}  // namespace nameplane::plugins
