#include "zone/authority.hpp"
#include "zones.hpp"
#include <nameplane/dns/rdata.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::test;
using zone::Authority;
using zone::Store;

namespace {

class Stub final : public Plugin {
public:
    Step ask(Query&, Reply&) const noexcept override { return Step::next; }
};

/// Looks nothing up; the test says what came of it.
class LateHost final : public Host {
public:
    bool make_room(Query&) noexcept override { return true; }
    void resume(Query&) noexcept override {}
    bool look_up(Query&, dns::NameView name, dns::Type, const Reply*& answer) noexcept override {
        target = name.to_string();
        place = &answer;
        return false;
    }
    std::string target;
    const Reply** place = nullptr;
};

zone::ZonePtr zone_with(unsigned serial, const std::string& more) {
    return zone_of("example.org", "example.org. 60 IN SOA ns. admin. " + std::to_string(serial) +
                                      " 1 2 3 4\nexample.org. 60 IN NS ns" +
                                      std::to_string(serial) + ".example.org.\n" + more);
}

/// A query for outside.example.org, and the reply to it.
struct Asked {
    explicit Asked(LateHost* host)
        : query{{.name = name, .asked = name, .arena = &arena, .host = host}}, reply{arena} {}

    Arena arena{1 << 16};
    dns::Name name = name_of("outside.example.org");
    Query query;
    Reply reply;
};

std::string text_of(const Section& section) {
    std::string text;
    for (const dns::Record& record : section.records()) {
        text += record.owner.to_string() + ' ' + dns::to_string(record.type) + ' ';
        if (const auto* name = std::get_if<dns::NameView>(&record.data)) text += name->to_string();
        if (const auto* ip = std::get_if<IpAddress>(&record.data)) text += ip->to_string();
        text += "; ";
    }
    return text;
}

}  // namespace

TEST_CASE("while an alias's target is looked up, the zone may be exchanged") {
    const auto store = std::make_shared<Store>(1, nullptr);
    const Authority authority{store, {}};
    const Stub plugin;
    LateHost host;
    Asked asked{&host};
    std::weak_ptr<const zone::Zone> old;
    {
        const zone::ZonePtr first =
            zone_with(1, "outside.example.org. 60 IN CNAME www.example.net.\n");
        old = first;
        store->put(first);
    }
    REQUIRE(authority.ask(&plugin, asked.query, asked.reply) == Step::wait);
    CHECK(host.target == "www.example.net.");
    store->put(zone_with(2, ""));
    (void)store->zones(0);
    store->sweep();
    REQUIRE(old.expired());

    Reply found{asked.arena};
    found.rcode = dns::Rcode::no_error;
    const dns::Name target = name_of("www.example.net");
    found.answer(target, 5, IpAddress::v4(192, 0, 2, 1));
    *host.place = &found;
    CHECK(authority.woken(&plugin, asked.query, asked.reply) == Step::done);
    CHECK(asked.reply.rcode == dns::Rcode::no_error);
    CHECK(asked.reply.authoritative);
    CHECK(text_of(asked.reply.answers()) == "outside.example.org. CNAME www.example.net.; "
                                            "www.example.net. A 192.0.2.1; ");
    CHECK(text_of(asked.reply.authorities()) == "example.org. NS ns2.example.org.; ");
}

TEST_CASE("what came of a look-up decides the response code") {
    struct Row {
        std::optional<dns::Rcode> found;  ///< nothing: nothing came of it
        dns::Rcode rcode;
        const char* authority;
    };
    constexpr auto ok = dns::Rcode::no_error;
    for (const Row& row :
         {Row{ok, ok, "SOA"}, Row{dns::Rcode::nx_domain, dns::Rcode::nx_domain, "SOA"},
          Row{dns::Rcode::serv_fail, dns::Rcode::serv_fail, "NS"},
          Row{dns::Rcode::refused, ok, "NS"}, Row{std::nullopt, dns::Rcode::serv_fail, "NS"}}) {
        const auto store = std::make_shared<Store>(1, nullptr);
        const Authority authority{store, {}};
        const Stub plugin;
        LateHost host;
        Asked asked{&host};
        store->put(zone_with(1, "outside.example.org. 60 IN CNAME www.example.net.\n"));
        REQUIRE(authority.ask(&plugin, asked.query, asked.reply) == Step::wait);
        Reply found{asked.arena};
        if (row.found) {
            found.rcode = *row.found;
            *host.place = &found;
        }
        CHECK(authority.woken(&plugin, asked.query, asked.reply) == Step::done);
        CHECK(asked.reply.rcode == row.rcode);
        CHECK(asked.reply.answers().size() == 1);
        REQUIRE(asked.reply.authorities().size() == 1);
        CHECK(dns::to_string(asked.reply.authorities().records()[0].type) == row.authority);
    }
}

TEST_CASE("a zone that goes meanwhile fails the query") {
    const auto store = std::make_shared<Store>(1, nullptr);
    const Authority authority{store, {}};
    const Stub plugin;
    LateHost host;
    Asked asked{&host};
    store->put(zone_with(1, "outside.example.org. 60 IN CNAME www.example.net.\n"));
    REQUIRE(authority.ask(&plugin, asked.query, asked.reply) == Step::wait);
    store->remove(name_of("example.org"));
    CHECK(authority.woken(&plugin, asked.query, asked.reply) == Step::done);
    CHECK(asked.reply.rcode == dns::Rcode::serv_fail);
    CHECK(asked.reply.answers().empty());
}

TEST_CASE("names in none of its zones go on, or are refused where nobody stands behind") {
    const auto store = std::make_shared<Store>(1, nullptr);
    const Stub plugin;
    Asked asked{nullptr};
    CHECK(Authority{store, {}}.ask(&plugin, asked.query, asked.reply) == Step::next);
    CHECK(Authority{store, {.refuses_others = true}}.ask(&plugin, asked.query, asked.reply) ==
          Step::done);
    CHECK(asked.reply.rcode == dns::Rcode::refused);
    store->put_empty(name_of("example.org"));
    CHECK(Authority{store, {}}.ask(&plugin, asked.query, asked.reply) == Step::done);
    CHECK(asked.reply.rcode == dns::Rcode::serv_fail);
}
