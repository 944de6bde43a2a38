// Which zone a NOTIFY is for, also while zones come and go.

#include "plugins/secondary/places.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::plugins::secondary;

namespace {

PlacePtr place(const std::string& origin) {
    auto made = std::make_shared<Place>();
    made->origin = *dns::Name::parse(origin);
    made->bell = std::make_shared<Bell>();
    return made;
}

}  // namespace

TEST_CASE("secondary: a bell is rung once until it is answered") {
    Bell bell;
    CHECK(bell.ring());
    CHECK_FALSE(bell.ring());
    bell.answer();
    CHECK(bell.ring());
}

TEST_CASE("secondary: zones come and go while workers look for them") {
    constexpr std::size_t workers = 3;
    const PlacePtr first = place("example.org.");
    const PlacePtr second = place("sub.example.org.");
    Places places{workers};
    places.put(first);
    CHECK(places.at(0).size() == 0);
    places.publish();
    std::atomic<bool> over{false};
    std::atomic<std::size_t> wrong{0};
    std::vector<std::thread> readers;
    for (std::size_t worker = 0; worker < workers; ++worker) {
        readers.emplace_back([&, worker] {
            const dns::Name name = *dns::Name::parse("www.sub.example.org.");
            while (!over.load()) {
                const Place* const found = places.at(worker).find(zone::Suffixes{name});
                if (found != first.get() && found != second.get()) ++wrong;
                if (found != nullptr) found->bell->ring();
            }
        });
    }
    for (int i = 0; i < 2000; ++i) {
        places.put(second);
        places.publish();
        places.remove(first->origin);
        places.publish();
        places.put(first);
        places.remove(second->origin);
        places.publish();
    }
    over = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(wrong == 0);
    // Nobody but us and the table holds on to what is gone, once all have looked again.
    for (std::size_t worker = 0; worker < workers; ++worker) CHECK(places.at(worker).size() == 1);
    places.publish();
    CHECK(second.use_count() == 1);
}
