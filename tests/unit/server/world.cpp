#include "world.hpp"

#include "chain/registry.hpp"
#include "conf/config.hpp"
#include "net/loop.hpp"
#include <nameplane/base/worker_local.hpp>
#include <nameplane/dns/rdata.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <charconv>
#include <utility>
#include <vector>

namespace nameplane::test {

namespace {

/// Only for names whose first label begins with "a".
class Picky final : public Plugin {
public:
    Step ask(Query&, Reply&) const noexcept override { return Step::next; }
    bool filters() const noexcept override { return true; }
    bool admits(Query& query) const noexcept override {
        return query.name().first_label().starts_with('a') && query.worker() == 0;
    }
};

thread_local Foresights* foresights = nullptr;

class Dropping final : public Plugin {
public:
    bool foresees() const noexcept override { return true; }
    void foresee(const Foreseen& question, std::uint64_t& note,
                 unsigned step) const noexcept override {
        if (foresights == nullptr) return;
        const std::uint64_t wanted = step == 0 ? 0 : question.name.size() + step - 1;
        foresights->calls.push_back(std::to_string(step) + " " + question.name.to_string() + " " +
                                    std::to_string(static_cast<unsigned>(question.type)) +
                                    (note == wanted ? "" : "!"));
        note = question.name.size() + step;
    }
    Step ask(Query& query, Reply&) const noexcept override {
        return query.name().first_label() == "drop" ? Step::drop : Step::next;
    }
};

std::atomic<std::size_t> refreshes{0};

/// Lets queries wait for one another. What it holds on a worker must be let go there.
class Holding final : public Plugin {
public:
    explicit Holding(std::size_t workers) : held_{workers} {}

    void begin(WorkerContext& worker) const override {
        auto held = std::make_shared<Held>();
        held->timer = worker.loop().timer([] {});
        held_.at(worker.number()) = held;
        worker.keep(held);
    }
    Step ask(Query& query, Reply&) const noexcept override {
        const std::string_view label = query.name().first_label();
        const std::shared_ptr<Held>& held = held_.at(query.worker());
        if (label == "fresh") query.refresh_behind();
        if (held == nullptr || held->timer == nullptr) return Step::next;
        if (label == "release") {
            for (Query* each : std::exchange(held->queries, {})) each->resume();
        }
        if (!label.starts_with("hold")) return Step::next;
        if (!query.can_wait()) return Step::next;
        held->queries.push_back(&query);
        return Step::wait;
    }
    Step woken(Query& query, Reply&) const noexcept override {
        return query.name().first_label() == "holddrop" ? Step::drop : Step::next;
    }
    Step tell(Query& query, Reply&) const noexcept override {
        if (query.for_nobody()) ++refreshes;
        return Step::done;
    }

private:
    struct Held final : Tenant {
        std::vector<Query*> queries;
        std::unique_ptr<net::Timer> timer;
        void close() noexcept override {
            queries.clear();
            timer = nullptr;
        }
    };
    mutable WorkerLocal<std::shared_ptr<Held>> held_;
};

Result<PluginPtr> make_holding(const Options&, Setup& setup) {
    return PluginPtr{new Holding{setup.workers}};
}

/// Answers "ask.<rest>" with a CNAME to <rest> and what the server says of that, and "loop.<rest>"
/// with one to itself, "out.<rest>" with one to the root, which nobody serves.
class Asking final : public Plugin {
public:
    Step ask(Query& query, Reply& reply) const noexcept override {
        const std::string_view label = query.name().first_label();
        if (label != "ask" && label != "loop" && label != "out") return Step::next;
        Note* const note = query.keep<Note>(this);
        if (note == nullptr) return Step::next;
        if (label == "ask") note->target = query.name().parent();
        if (label == "loop") note->target = query.name();
        if (!query.look_up(note->target, query.type(), note->answer)) return Step::wait;
        return woken(query, reply);
    }
    Step woken(Query& query, Reply& reply) const noexcept override {
        const Note& note = *query.kept<Note>(this);
        reply.rcode = note.answer == nullptr ? dns::Rcode::nx_domain : note.answer->rcode;
        reply.answer(dns::cname_record(query.name(), 3, note.target));
        if (note.answer == nullptr) return Step::done;
        for (const auto& record : note.answer->answers().records()) reply.answer(record);
        return Step::done;
    }

private:
    struct Note {
        dns::NameView target;
        const Reply* answer = nullptr;
    };
};

class Big final : public Plugin {
public:
    Step ask(Query& query, Reply& reply) const noexcept override {
        std::string_view label = query.name().first_label();
        if (label.starts_with("hold")) label.remove_prefix(4);
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
    chain::PluginKind{"picky", {}, &make<Picky>},
    chain::PluginKind{"dropping", {}, &make<Dropping>},
    chain::PluginKind{"holding", {}, &make_holding},
    chain::PluginKind{"asking", {}, &make<Asking>},
    chain::PluginKind{"big", {}, &make<Big>},
    chain::PluginKind{"echo", {}, &make<Echo>},
};

}  // namespace

Foresights::Foresights() {
    foresights = this;
}
Foresights::~Foresights() {
    foresights = nullptr;
}

std::size_t refreshed() {
    return refreshes;
}

std::shared_ptr<const chain::Chains> build_chains(metrics::Registry& metrics) {
    const conf::ServerConfig server{
        .zones = {*dns::Name::parse("test.")},
        .plugins = {{"dropping", {}}, {"asking", {}}, {"holding", {}}, {"big", {}}, {"echo", {}}}};
    // Every listener of a test leads to it.
    const chain::Layout layout{.labels = std::vector<std::string>(4, "dns://:53"), .places = {}};
    auto chains = chain::Chains::build({server},
                                       Setup{.zones = {},
                                             .workers = metrics.workers(),
                                             .metrics = metrics,
                                             .own_addresses = {},
                                             .services_synced = {}},
                                       layout);
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
