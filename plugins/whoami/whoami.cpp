#include "plugins/whoami/whoami.hpp"

namespace nameplane::plugins {

Result<PluginPtr> Whoami::make(const Options& given, Setup&) {
    return PluginPtr{new Whoami{given.seconds("ttl")}};
}

Step Whoami::ask(Query& query, Reply& reply) const noexcept {
    const SocketAddress& client = query.client();
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    reply.additional({.owner = query.name(),
                      .type = dns::type_of(client.address),
                      .klass = query.klass(),
                      .ttl = ttl_,
                      .data = client.address});
    dns::NameBuilder builder{query.arena()};
    builder.underscored(query.transport() == Transport::udp ? "udp" : "tcp");
    // A name that is too long for one more label gets the address only.
    if (const std::optional<dns::NameView> owner = builder.finish(query.name())) {
        reply.additional({.owner = *owner,
                          .type = dns::Type::srv,
                          .klass = query.klass(),
                          .ttl = ttl_,
                          .data = dns::SrvData{.port = client.port, .target = {}}});
    }
    return Step::done;
}

}  // namespace nameplane::plugins
