// hot path
#include "plugins/hosts/hosts.hpp"

#include "dns/reverse.hpp"
#include <nameplane/dns/rdata.hpp>

namespace nameplane::plugins {

Step Hosts::ask(Query& query, Reply& reply) const noexcept {
    if (query.klass() != dns::Class::in) return Step::next;
    const hosts::HostTable& file = readers_.at(query.worker()).reader->refresh();
    const bool mine = longest_zone(settings_.zones, query.name()) != nullptr;
    if (query.type() == dns::Type::ptr) return answer_pointer(query, reply, file);
    return mine ? answer_addresses(query, reply, file) : Step::next;
}

// Addresses are ours whatever the zones are; those that have no name go on.
Step Hosts::answer_pointer(Query& query, Reply& reply,
                           const hosts::HostTable& file) const noexcept {
    const auto address = dns::address_of_reverse(query.name());
    if (!address) return Step::next;
    for (const hosts::HostTable* table : {&file, &inline_}) {
        for (const dns::NameView name : table->names_of(*address)) {
            reply.answer(dns::ptr_record(query.name(), settings_.ttl, name));
        }
    }
    if (reply.answers().empty()) return Step::next;
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    return Step::done;
}

Step Hosts::answer_addresses(Query& query, Reply& reply,
                             const hosts::HostTable& file) const noexcept {
    const dns::NameView name = query.name();
    const dns::Type type = query.type();
    const bool supported = type == dns::Type::a || type == dns::Type::aaaa;
    if (!supported && settings_.fallthrough_unsupported && settings_.fallthrough.takes(name)) {
        return Step::next;
    }
    bool exists = false;
    for (const hosts::HostTable* table : {&file, &inline_}) {
        const auto v4 = table->v4(name);
        const auto v6 = table->v6(name);
        exists = exists || !v4.empty() || !v6.empty();
        if (!supported) continue;
        for (const IpAddress& address : type == dns::Type::a ? v4 : v6) {
            reply.answer(name, settings_.ttl, address);
        }
    }
    if (!exists) return not_there(query, reply);
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    return Step::done;
}

Step Hosts::not_there(Query& query, Reply& reply) const noexcept {
    if (settings_.fallthrough.takes(query.name())) return Step::next;
    reply.fail();
    return Step::done;
}

}  // namespace nameplane::plugins
