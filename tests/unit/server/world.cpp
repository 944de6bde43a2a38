#include "world.hpp"

#include "chain/registry.hpp"
#include "conf/config.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <charconv>

namespace nameplane::test {

namespace {

class Dropping final : public Plugin {
public:
    Step ask(Query& query, Reply&) const noexcept override {
        return query.name().first_label() == "drop" ? Step::drop : Step::next;
    }
};

class Big final : public Plugin {
public:
    Step ask(Query& query, Reply& reply) const noexcept override {
        const std::string_view label = query.name().first_label();
        if (!label.starts_with("big")) return Step::next;
        std::uint32_t records = 0;
        std::from_chars(label.data() + 3, label.data() + label.size(), records);
        reply.rcode = dns::Rcode::no_error;
        // Where there is no room for all, adding fails in the end, and with it the reply.
        (void)reply.answers().reserve(query.arena(), records);
        for (std::uint32_t i = 0; i < records; ++i) {
            const auto octet = [i](unsigned shift) {
                return static_cast<std::uint8_t>(i >> shift);
            };
            reply.answer(query.name(), 1, IpAddress::v4(10, octet(16), octet(8), octet(0)));
        }
        return Step::done;
    }
};

class Echo final : public Plugin {
public:
    Step ask(Query& query, Reply& reply) const noexcept override {
        const dns::Ttl ttl = query.transport() == Transport::udp ? 1 : 2;
        const IpAddress& client = query.client().address;
        reply.rcode = dns::Rcode::no_error;
        reply.authoritative = true;
        reply.answer(query.name(), ttl, query.server().address);
        reply.additional({.owner = query.name(),
                          .type = dns::type_of(client),
                          .klass = dns::Class::in,
                          .ttl = ttl,
                          .data = client});
        return Step::done;
    }
};

template <class T> Result<PluginPtr> make(const Options&, Setup&) {
    return PluginPtr{new T};
}

constexpr std::array kinds{
    chain::PluginKind{"dropping", {}, &make<Dropping>},
    chain::PluginKind{"big", {}, &make<Big>},
    chain::PluginKind{"echo", {}, &make<Echo>},
};

}  // namespace

std::shared_ptr<const chain::Chains> build_chains(metrics::Registry& metrics) {
    const conf::ServerConfig server{.zones = {*dns::Name::parse("test.")},
                                    .plugins = {{"dropping", {}}, {"big", {}}, {"echo", {}}}};
    auto chains = chain::Chains::build({server}, Setup{.zones = {},
                                                       .workers = metrics.workers(),
                                                       .metrics = metrics,
                                                       .own_addresses = {},
                                                       .services_synced = {}});
    REQUIRE(chains);
    return *chains;
}

World::World(std::size_t workers)
    : metrics{workers}, chains{build_chains(metrics)}, snapshots{services::Snapshot::empty()} {}

double World::count(std::string_view name, std::string_view label, std::string_view value) const {
    double sum = 0;
    for (const metrics::FamilyReading& family : metrics.read()) {
        if (family.name != name) continue;
        for (const metrics::Sample& sample : family.samples) {
            const bool matches =
                label.empty() || std::ranges::count(sample.labels, std::pair{std::string{label},
                                                                             std::string{value}});
            if (matches) sum += sample.value + static_cast<double>(sample.histogram.count);
        }
    }
    return sum;
}

}  // namespace nameplane::test

namespace nameplane::chain {
std::span<const PluginKind> plugin_kinds() noexcept {
    return test::kinds;
}
}  // namespace nameplane::chain
