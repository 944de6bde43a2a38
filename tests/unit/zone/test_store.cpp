#include "zone/store.hpp"
#include "zones.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using zone::Suffixes;

namespace {

zone::ZonePtr small(const std::string& origin, unsigned serial) {
    return zone_of(origin, origin + ". 60 IN SOA ns. admin. " + std::to_string(serial) +
                               " 1 2 3 4\n" + "www." + origin + ". 60 IN A 192.0.2.1\n");
}

class Heard final : public zone::Listener {
public:
    void changed(const zone::Change& change) noexcept override {
        const auto serial = [](const zone::ZonePtr& zone) {
            return zone == nullptr ? std::string{"-"} : std::to_string(zone->serial());
        };
        lines.push_back(change.origin.to_string() + ' ' + serial(change.before) + " > " +
                        serial(change.now));
    }
    std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("the longest zone is found") {
    zone::Store store{1, nullptr};
    CHECK(store.zones(0).find(Suffixes{name_of("example.org")}) == nullptr);
    store.put(small("example.org", 1));
    store.put(small("sub.example.org", 2));
    store.put_empty(name_of("Later.example.org"));
    const auto found = [&](const char* name) {
        const auto* const entry = store.zones(0).find(Suffixes{name_of(name)});
        if (entry == nullptr) return std::string{"none"};
        return entry->origin.to_string() + (entry->zone == nullptr ? " empty" : "");
    };
    CHECK(found("example.org") == "example.org.");
    CHECK(found("a.b.example.org") == "example.org.");
    CHECK(found("a.sub.example.org") == "sub.example.org.");
    CHECK(found("a.later.example.org") == "later.example.org. empty");
    CHECK(found("org") == "none");
    CHECK(found("xexample.org") == "none");
    store.remove(name_of("sub.example.org"));
    CHECK(found("a.sub.example.org") == "example.org.");
}

TEST_CASE("a directory knows the zones of its stores, and tells of changes") {
    const auto directory = std::make_shared<zone::Directory>();
    const auto heard = std::make_shared<Heard>();
    directory->listen(heard);
    auto one = std::make_shared<zone::Store>(1, directory);
    auto two = std::make_shared<zone::Store>(1, directory);
    directory->add(one);
    directory->add(two);
    one->put(small("example.org", 1));
    two->put_empty(name_of("example.net"));
    CHECK(directory->find(name_of("EXAMPLE.org"))->serial() == 1);
    CHECK(directory->find(name_of("example.net")) == nullptr);
    CHECK(directory->serves(name_of("example.net")));
    CHECK_FALSE(directory->serves(name_of("www.example.net")));
    two->put(small("example.net", 7));
    one->put(small("example.org", 2));
    CHECK(one->serial(name_of("example.org")) == 2);
    CHECK(directory->all().size() == 2);
    one->remove(name_of("example.org"));
    one->remove(name_of("example.org"));
    two->put_empty(name_of("example.net"));
    CHECK(heard->lines == std::vector<std::string>{"example.org. - > 1", "example.net. - > 7",
                                                   "example.org. 1 > 2", "example.org. 2 > -",
                                                   "example.net. 7 > -"});
    two.reset();
    CHECK_FALSE(directory->serves(name_of("example.net")));
}

TEST_CASE("changes that belong together are seen at once") {
    const auto directory = std::make_shared<zone::Directory>();
    const auto heard = std::make_shared<Heard>();
    directory->listen(heard);
    zone::Store store{1, directory};
    store.put(small("example.org", 1));
    heard->lines.clear();
    {
        const zone::Store::Together together{store};
        store.remove(name_of("example.org"));
        store.put(small("example.net", 2));
        store.put(small("example.net", 3));
        CHECK(store.zones(0).size() == 1);
        CHECK(store.serial(name_of("example.org")) == 1);
        CHECK(heard->lines.empty());
    }
    CHECK(store.zones(0).size() == 1);
    CHECK(store.serial(name_of("example.net")) == 3);
    CHECK(heard->lines == std::vector<std::string>{"example.org. 1 > -", "example.net. - > 2",
                                                   "example.net. 2 > 3"});
}

TEST_CASE("who has gone is not told any more") {
    const auto directory = std::make_shared<zone::Directory>();
    auto heard = std::make_shared<Heard>();
    directory->listen(heard);
    zone::Store store{1, directory};
    heard.reset();
    store.put(small("example.org", 1));
    CHECK(store.serial(name_of("example.org")) == 1);
}

TEST_CASE("zones are exchanged while they are asked") {
    zone::Store store{2, nullptr};
    store.put(small("example.org", 1));
    const dns::Name name = name_of("www.example.org");
    std::atomic<bool> ending{false};
    std::vector<std::thread> workers;
    std::atomic<std::size_t> wrong{0};
    for (std::size_t worker = 0; worker < 2; ++worker) {
        workers.emplace_back([&, worker] {
            std::uint32_t last = 0;
            while (!ending) {
                const Suffixes suffixes{name};
                const auto* const entry = store.zones(worker).find(suffixes);
                const bool there = entry != nullptr && entry->zone->find(suffixes, 0) != nullptr;
                const std::uint32_t serial = entry == nullptr ? 0 : entry->zone->serial();
                if (!there || serial < last) ++wrong;
                last = serial;
            }
        });
    }
    for (unsigned serial = 2; serial < 300; ++serial) store.put(small("example.org", serial));
    ending = true;
    for (std::thread& worker : workers) worker.join();
    CHECK(wrong == 0);
}
