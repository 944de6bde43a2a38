// Members of catalogs as they come and go: a keeper with its thread, and a primary on loopback that
// serves what a test lays down.

#include "dns/encode.hpp"
#include "dns/record_text.hpp"
#include "plugins/secondary/keeper.hpp"
#include "upstream_lab.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/reply.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::plugins::secondary;

namespace {

dns::Name name(const std::string& text) {
    return *dns::Name::parse(text);
}

/// Answers SOA and AXFR over TCP, on a thread of its own.
class Primary {
public:
    Primary()
        : upstream_{loop_, [this](const auto& question) { return answers(question); }},
          thread_{[this] { loop_.run(); }} {}
    ~Primary() {
        loop_.post([this] {
            upstream_.close_connections();
            loop_.stop();
        });
        thread_.join();
    }
    Primary(const Primary&) = delete;
    Primary& operator=(const Primary&) = delete;

    struct Text {
        std::uint32_t serial = 1;
        std::vector<std::string> lines;
        std::uint32_t expire = 86'400;
        std::uint32_t told = 0;  ///< serial for who asks for the SOA alone; 0: the same
    };
    void put(const std::string& origin, Text text) {
        const std::lock_guard lock{mutex_};
        zones_[origin] = std::move(text);
    }
    /// A member with one name, www, of this address.
    void put_member(const std::string& origin, std::uint32_t serial, const std::string& address) {
        put(origin, {serial, {"www." + origin + " 60 IN A " + address}});
    }
    /// Refuses everything from now on.
    void stop() {
        const std::lock_guard lock{mutex_};
        zones_.clear();
    }
    SocketAddress address() const { return upstream_.socket_address(); }

private:
    std::vector<Octets> answers(const ScriptedUpstream::Question& question) {
        const std::lock_guard lock{mutex_};
        dns::Question asked;
        asked.id = question.id();
        std::size_t end = 12;
        while (question.message[end] != 0) end += 1U + question.message[end];
        const auto origin = dns::NameView::trusted(question.message.data() + 12, end - 11);
        asked.asked = asked.name = origin;
        asked.type =
            static_cast<dns::Type>(question.message[end + 1] << 8 | question.message[end + 2]);
        const auto found = zones_.find(origin.to_string());
        if (found == zones_.end()) return {message(asked, {}, dns::Rcode::refused)};
        const std::vector<std::string> lines = lines_of(found->first, found->second, asked.type);
        std::vector<Octets> messages;
        constexpr std::size_t lines_a_message = 500;
        for (std::size_t i = 0; i < lines.size(); i += lines_a_message) {
            const std::size_t size = std::min(lines_a_message, lines.size() - i);
            messages.push_back(message(asked, std::span{lines}.subspan(i, size)));
        }
        return messages;
    }

    static Octets message(const dns::Question& asked, std::span<const std::string> lines,
                          dns::Rcode rcode = dns::Rcode::no_error) {
        Arena arena{1 << 20};
        Reply reply{arena};
        reply.rcode = rcode;
        for (const std::string& line : lines) reply.answer(dns::read_record(line, arena).value());
        Octets out(65'535);
        out.resize(dns::encode(asked, reply, {.tcp = true}, out));
        return out;
    }

    static std::vector<std::string> lines_of(const std::string& origin, const Text& text,
                                             dns::Type type) {
        const std::uint32_t serial =
            type == dns::Type::axfr || text.told == 0 ? text.serial : text.told;
        const std::string soa = origin + " 60 IN SOA ns.example. h.example. " +
                                std::to_string(serial) + " 3600 1 " + std::to_string(text.expire) +
                                " 30";
        if (type != dns::Type::axfr) return {soa};
        std::vector<std::string> lines{soa, origin + " 60 IN NS ns.example."};
        lines.insert(lines.end(), text.lines.begin(), text.lines.end());
        lines.push_back(soa);
        return lines;
    }

    std::mutex mutex_;
    std::map<std::string, Text> zones_;
    net::Loop loop_;
    ScriptedUpstream upstream_;
    std::thread thread_;
};

struct Listed {
    std::string id;
    std::string zone;
    std::string coo{};
};

Primary::Text catalog_text(const std::string& origin, std::uint32_t serial,
                           const std::vector<Listed>& members, const std::string& version = "2") {
    Primary::Text text;
    text.serial = serial;
    text.lines.push_back("version." + origin + " 60 IN TXT \"" + version + "\"");
    for (const Listed& member : members) {
        const std::string node = member.id + ".zones." + origin;
        text.lines.push_back(node + " 60 IN PTR " + member.zone);
        if (!member.coo.empty()) text.lines.push_back("coo." + node + " 60 IN PTR " + member.coo);
    }
    return text;
}

/// A keeper of catalogs as the plugin has it, and what it leaves to the next.
class Lab : public zone::Listener {
public:
    struct Catalogs {
        std::vector<std::string> origins{"cat."};
        CatalogFilter filter{};
        std::vector<std::string> by_hand{};
        const Primary* second = nullptr;  ///< asked behind the first one
    };
    explicit Lab(Primary& primary) : Lab{primary, Catalogs{}} {}
    Lab(Primary& primary, const Catalogs& catalogs) : primary_{primary} { start(catalogs, false); }

    /// Another keeper takes over; the one before ends when it is there.
    void reload(const Catalogs& catalogs) { start(catalogs, true); }
    void reload() { reload(Catalogs{}); }

    /// Waits for the zone's address of www; nothing after a minute.
    bool await_address(const std::string& origin, const std::string& address) {
        return await([&] { return address_of(origin) == address; });
    }
    /// Whether it comes true within a minute, as changes of the store let it.
    bool await(const std::function<bool()>& done) {
        std::unique_lock lock{told_->mutex};
        const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            // Zones without content come and go without a word.
            told_->changed.wait_for(lock, std::chrono::milliseconds{5});
        }
        return true;
    }
    std::string address_of(const std::string& origin) const {
        const zone::ZonePtr zone = store_->newest(name(origin));
        if (zone == nullptr) return "";
        const zone::Node* const node = zone->find(name("www." + origin));
        if (node == nullptr) return "";
        const zone::Set* const set = zone->set_of(*node, dns::Type::a);
        if (set == nullptr) return "";
        const dns::Record record = zone->record_of(*set, zone->rrs_of(*set)[0], name(origin));
        const auto* const address = std::get_if<IpAddress>(&record.data);
        return address == nullptr ? "" : address->to_string();
    }
    zone::ZonePtr zone(const std::string& origin) const { return store_->newest(name(origin)); }
    bool serves(const std::string& origin) const {
        return store_->newest_set()->find_exact(name(origin)) != nullptr;
    }
    /// Whether the next keeper would take it over.
    bool leaves(const std::string& origin) const { return legacies_.at(origin)->zone() != nullptr; }
    std::shared_ptr<const zone::ZoneSet> all() const { return store_->newest_set(); }
    /// As a worker does: false if there is no such place.
    bool notify(const std::string& origin) {
        const Place* const place = places_->at(0).find_exact(name(origin));
        if (place == nullptr) return false;
        keeper_->notified(*place);
        return true;
    }
    /// A new serial of a catalog, and a NOTIFY; true when it counts.
    bool update(const std::string& origin, const Primary::Text& text) {
        primary_.put(origin, text);
        return notify(origin) && await([&] {
                   const zone::ZonePtr now = zone(origin);
                   return now != nullptr && now->serial() == text.serial;
               });
    }
    std::uint64_t failed() const { return failed_->value(); }
    std::uint64_t up_to_date() const { return up_to_date_->value(); }
    std::uint64_t expired() const { return expired_->value(); }

private:
    struct Told {
        std::mutex mutex;
        std::condition_variable changed;
    };

    void changed(const zone::Change&) noexcept override { told_->changed.notify_all(); }

    std::vector<ZoneSettings> settings(const Catalogs& catalogs) {
        std::vector<ZoneSettings> zones;
        const auto add = [&](const std::string& origin) -> ZoneSettings& {
            ZoneSettings& zone = zones.emplace_back();
            zone.origin = name(origin);
            zone.primaries = {primary_.address()};
            if (catalogs.second != nullptr) zone.primaries.push_back(catalogs.second->address());
            auto& legacy = legacies_[origin];
            if (legacy == nullptr) legacy = std::make_shared<Legacy>();
            zone.legacy = legacy;
            return zone;
        };
        for (const std::string& origin : catalogs.by_hand) add(origin);
        for (const std::string& origin : catalogs.origins) {
            ZoneSettings& zone = add(origin);
            zone.catalog = catalogs.filter;
            auto& legacy = catalog_legacies_[origin];
            if (legacy == nullptr) legacy = std::make_shared<CatalogLegacy>();
            zone.catalog_legacy = legacy;
        }
        return zones;
    }

    void start(const Catalogs& catalogs, bool again) {
        std::vector<ZoneSettings> zones = settings(catalogs);
        auto directory = std::make_shared<zone::Directory>();
        directory->listen(std::shared_ptr<zone::Listener>{told_, this});
        auto store = std::make_shared<zone::Store>(1, directory);
        auto places = std::make_unique<Places>(1);
        for (const ZoneSettings& zone : zones) {
            places->put(place_of(zone));
            if (const zone::ZonePtr there = zone.legacy->zone()) {
                store->put(there);
            } else {
                store->put_empty(zone.origin);
            }
        }
        auto keeper = std::make_unique<Keeper>(
            std::move(zones), store, Counters{transferred_, failed_, up_to_date_, expired_},
            *places);
        CHECK(again == (keeper_ != nullptr));
        keeper_ = std::move(keeper);
        places_ = std::move(places);
        store_ = std::move(store);
        directory_ = std::move(directory);
    }

    metrics::Counter counters_[4]{metrics::Counter{1}, metrics::Counter{1}, metrics::Counter{1},
                                  metrics::Counter{1}};
    metrics::Counter* transferred_ = &counters_[0];
    metrics::Counter* failed_ = &counters_[1];
    metrics::Counter* up_to_date_ = &counters_[2];
    metrics::Counter* expired_ = &counters_[3];
    Primary& primary_;
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    std::map<std::string, std::shared_ptr<Legacy>> legacies_;
    std::map<std::string, std::shared_ptr<CatalogLegacy>> catalog_legacies_;
    std::shared_ptr<zone::Directory> directory_;
    std::shared_ptr<zone::Store> store_;
    std::unique_ptr<Places> places_;
    std::unique_ptr<Keeper> keeper_;
};

}  // namespace

TEST_CASE("secondary: members of a catalog are fetched, kept new and taken away") {
    Primary primary;
    primary.put("cat.", catalog_text("cat.", 1, {{"1", "a.test."}, {"2", "b.test."}}));
    primary.put_member("a.test.", 1, "192.0.2.1");
    primary.put_member("b.test.", 1, "192.0.2.2");
    Lab lab{primary};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    REQUIRE(lab.await_address("b.test.", "192.0.2.2"));
    CHECK(lab.zone("cat.")->serial() == 1);

    // A NOTIFY for a member is for it, not for its catalog.
    primary.put_member("b.test.", 2, "192.0.2.22");
    REQUIRE(lab.notify("b.test."));
    REQUIRE(lab.await_address("b.test.", "192.0.2.22"));

    const zone::ZonePtr stays = lab.zone("b.test.");
    primary.put_member("c.test.", 1, "192.0.2.3");
    REQUIRE(lab.update("cat.", catalog_text("cat.", 2, {{"2", "b.test."}, {"3", "c.test."}})));
    // All at once: who sees one of the changes sees the others.
    CHECK_FALSE(lab.serves("a.test."));
    CHECK(lab.serves("c.test."));
    CHECK(lab.zone("b.test.") == stays);
    REQUIRE(lab.await_address("c.test.", "192.0.2.3"));
    CHECK_FALSE(lab.notify("a.test."));
    CHECK(lab.zone("b.test.") == stays);
}

TEST_CASE("secondary: a member of another unique label is fetched anew, with a lower serial, too") {
    Primary primary;
    primary.put("cat.", catalog_text("cat.", 1, {{"1", "a.test."}}));
    primary.put_member("a.test.", 7, "192.0.2.7");
    Lab lab{primary};
    REQUIRE(lab.await_address("a.test.", "192.0.2.7"));
    primary.put_member("a.test.", 1, "192.0.2.1");
    REQUIRE(lab.update("cat.", catalog_text("cat.", 2, {{"2", "a.test."}})));
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
}

TEST_CASE("secondary: a broken catalog changes nothing") {
    Primary primary;
    primary.put("cat.", catalog_text("cat.", 1, {{"1", "a.test."}}));
    primary.put_member("a.test.", 1, "192.0.2.1");
    primary.put_member("b.test.", 1, "192.0.2.2");
    Lab lab{primary};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    REQUIRE(lab.failed() == 0);
    primary.put("cat.", catalog_text("cat.", 2, {{"2", "b.test."}}, "1"));
    REQUIRE(lab.notify("cat."));
    REQUIRE(lab.await([&] { return lab.failed() > 0; }));
    CHECK(lab.zone("cat.")->serial() == 1);
    CHECK(lab.address_of("a.test.") == "192.0.2.1");
    CHECK_FALSE(lab.serves("b.test."));
    REQUIRE(lab.update("cat.", catalog_text("cat.", 3, {{"2", "b.test."}})));
    CHECK_FALSE(lab.serves("a.test."));
    REQUIRE(lab.await_address("b.test.", "192.0.2.2"));
}

TEST_CASE("secondary: zones that are configured win, and a filter keeps members out") {
    Primary primary;
    primary.put(
        "cat.",
        catalog_text("cat.", 1,
                     {{"1", "a.test."}, {"2", "b.test."}, {"3", "a.example."}, {"4", "cat."}}));
    for (const char* const zone : {"a.test.", "b.test.", "a.example."}) {
        primary.put_member(zone, 1, "192.0.2.1");
    }
    Lab lab{primary, {.filter = {{name("test.")}}, .by_hand = {"b.test."}}};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    REQUIRE(lab.await_address("b.test.", "192.0.2.1"));
    CHECK_FALSE(lab.serves("a.example."));
    // The catalog gives up the zone that it never had.
    REQUIRE(lab.update("cat.", catalog_text("cat.", 2, {{"1", "a.test."}})));
    CHECK(lab.address_of("b.test.") == "192.0.2.1");
    CHECK(lab.notify("b.test."));
}

TEST_CASE("secondary: a member moves to another catalog with all that is known of it") {
    Primary primary;
    primary.put("old.", catalog_text("old.", 1, {{"1", "a.test."}, {"2", "b.test."}}));
    primary.put("new.", catalog_text("new.", 1, {}));
    primary.put_member("a.test.", 7, "192.0.2.1");
    primary.put_member("b.test.", 7, "192.0.2.2");
    Lab lab{primary, {.origins = {"old.", "new."}}};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    REQUIRE(lab.await_address("b.test.", "192.0.2.2"));
    const zone::ZonePtr content = lab.zone("a.test.");
    REQUIRE(lab.await([&] { return lab.zone("new.") != nullptr; }));
    REQUIRE(lab.update(
        "old.", catalog_text("old.", 2, {{"1", "a.test.", "new."}, {"2", "b.test.", "new."}})));
    REQUIRE(lab.update("new.", catalog_text("new.", 2, {{"1", "a.test."}, {"9", "b.test."}})));
    // The other label: another zone of that name. Its content was dropped with the update.
    CHECK(lab.zone("a.test.") == content);
    REQUIRE(lab.await_address("b.test.", "192.0.2.2"));
    REQUIRE(lab.update("old.", catalog_text("old.", 3, {})));
    CHECK(lab.zone("a.test.") == content);
    CHECK(lab.address_of("b.test.") == "192.0.2.2");
    REQUIRE(lab.update("new.", catalog_text("new.", 3, {{"9", "b.test."}})));
    CHECK_FALSE(lab.serves("a.test."));
}

TEST_CASE("secondary: a reload takes no member away") {
    Primary primary;
    primary.put("cat.", catalog_text("cat.", 1, {{"1", "a.test."}, {"2", "b.example."}}));
    primary.put_member("a.test.", 1, "192.0.2.1");
    primary.put_member("b.example.", 1, "192.0.2.2");
    Lab lab{primary};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    REQUIRE(lab.await_address("b.example.", "192.0.2.2"));
    const zone::ZonePtr content = lab.zone("a.test.");
    primary.stop();
    lab.reload();
    CHECK(lab.zone("a.test.") == content);
    CHECK(lab.address_of("b.example.") == "192.0.2.2");
    CHECK(lab.notify("a.test."));
    // A filter that is narrower now.
    lab.reload({.filter = {{name("test.")}}});
    CHECK(lab.zone("a.test.") == content);
    CHECK_FALSE(lab.serves("b.example."));
    // And is wider again: the catalog that is there brings the member back.
    primary.put_member("b.example.", 3, "192.0.2.3");
    lab.reload();
    CHECK(lab.zone("a.test.") == content);
    REQUIRE(lab.await_address("b.example.", "192.0.2.3"));
}

TEST_CASE("secondary: a catalog that has expired leaves its members, over a reload, too") {
    Primary primary;
    Primary::Text text = catalog_text("cat.", 1, {{"1", "a.test."}});
    text.expire = 1;
    primary.put("cat.", text);
    primary.put_member("a.test.", 1, "192.0.2.1");
    Lab lab{primary};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    const zone::ZonePtr content = lab.zone("a.test.");
    primary.stop();
    REQUIRE(lab.await([&] { return lab.expired() > 0; }));
    REQUIRE(lab.await([&] { return lab.zone("cat.") == nullptr; }));
    CHECK(lab.zone("a.test.") == content);
    lab.reload();
    CHECK(lab.serves("cat."));
    CHECK(lab.zone("cat.") == nullptr);
    CHECK(lab.zone("a.test.") == content);
    // It comes back and lets the member go.
    primary.put("cat.", catalog_text("cat.", 2, {}));
    REQUIRE(lab.notify("cat."));
    REQUIRE(lab.await([&] { return !lab.serves("a.test."); }));
}

TEST_CASE("secondary: a zone comes from the primary that has a newer one") {
    Primary first;
    Primary second;
    first.put_member("a.test.", 5, "192.0.2.5");
    Lab lab{first, {.origins = {}, .by_hand = {"a.test."}, .second = &second}};
    REQUIRE(lab.await_address("a.test.", "192.0.2.5"));
    second.put_member("a.test.", 6, "192.0.2.6");
    REQUIRE(lab.notify("a.test."));
    REQUIRE(lab.await_address("a.test.", "192.0.2.6"));
    // What the first one has is older now, and nothing to the second one's change.
    second.put_member("a.test.", 7, "192.0.2.7");
    REQUIRE(lab.notify("a.test."));
    REQUIRE(lab.await_address("a.test.", "192.0.2.7"));
    CHECK(lab.failed() == 0);
    // One that has nothing newer is enough, whatever the others say.
    second.stop();
    const std::uint64_t before = lab.up_to_date();
    REQUIRE(lab.notify("a.test."));
    REQUIRE(lab.await([&] { return lab.failed() == 1; }));
    CHECK(lab.up_to_date() == before + 1);
    CHECK(lab.address_of("a.test.") == "192.0.2.7");
}

TEST_CASE("secondary: a transfer that is older than the serial it was told of changes nothing") {
    Primary primary;
    primary.put_member("a.test.", 5, "192.0.2.5");
    Lab lab{primary, {.origins = {}, .by_hand = {"a.test."}}};
    REQUIRE(lab.await_address("a.test.", "192.0.2.5"));
    for (const std::uint32_t serial : {4U, 5U}) {
        primary.put("a.test.", {serial, {"www.a.test. 60 IN A 192.0.2.4"}, 86'400, 6});
        const std::uint64_t before = lab.failed();
        REQUIRE(lab.notify("a.test."));
        REQUIRE(lab.await([&] { return lab.failed() > before; }));
        CHECK(lab.address_of("a.test.") == "192.0.2.5");
    }
    primary.put_member("a.test.", 6, "192.0.2.6");
    REQUIRE(lab.notify("a.test."));
    CHECK(lab.await_address("a.test.", "192.0.2.6"));
}

TEST_CASE("secondary: a zone that has come back after it expired is kept over a reload") {
    Primary primary;
    const Primary::Text text{1, {"www.a.test. 60 IN A 192.0.2.1"}, 1};
    primary.put("a.test.", text);
    Lab lab{primary, {.origins = {}, .by_hand = {"a.test."}}};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    primary.stop();
    REQUIRE(lab.await([&] { return lab.expired() > 0 && !lab.leaves("a.test."); }));
    primary.put("a.test.", text);
    // It may expire again before we look.
    REQUIRE(lab.await([&] { return lab.notify("a.test.") && lab.leaves("a.test."); }));
}

TEST_CASE("secondary: no reload puts off the time at which a zone expires") {
    Primary primary;
    primary.put("a.test.", {1, {"www.a.test. 60 IN A 192.0.2.1"}, 1});
    const Lab::Catalogs one{.origins = {}, .by_hand = {"a.test."}};
    Lab lab{primary, one};
    REQUIRE(lab.await_address("a.test.", "192.0.2.1"));
    primary.stop();
    REQUIRE(lab.await([&] {
        lab.reload(one);
        return lab.expired() > 0;
    }));
}

TEST_CASE("secondary: a catalog of many members") {
    constexpr std::size_t count = 300;
    Primary primary;
    std::vector<Listed> listed;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string zone = "z" + std::to_string(i) + ".test.";
        listed.push_back({std::to_string(i), zone});
        primary.put_member(zone, 1, "192.0.2.1");
    }
    primary.put("cat.", catalog_text("cat.", 1, listed));
    Lab lab{primary};
    for (const Listed& each : listed) REQUIRE(lab.await_address(each.zone, "192.0.2.1"));
    CHECK(lab.all()->size() == count + 1);
    // While some of them are being fetched again, most of them go.
    for (const Listed& each : listed) REQUIRE(lab.notify(each.zone));
    listed.resize(3);
    REQUIRE(lab.update("cat.", catalog_text("cat.", 2, listed)));
    CHECK(lab.all()->size() == 4);
    // The keeper may go while members wait for their turn.
    for (std::size_t i = 0; i < count; ++i) {
        listed.push_back({"n" + std::to_string(i), "n" + std::to_string(i) + ".test."});
    }
    REQUIRE(lab.update("cat.", catalog_text("cat.", 3, listed)));
}
