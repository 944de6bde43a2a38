#include "../../support/alloc_guard.hpp"
#include "zone/origin_table.hpp"
#include "zones.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using zone::Suffixes;

namespace {

struct Numbered : zone::OfOrigin {
    int number = 0;
};
using Table = zone::OriginTable<Numbered>;

std::shared_ptr<const Numbered> numbered(const std::string& origin, int number) {
    return std::make_shared<const Numbered>(Numbered{{name_of(origin)}, number});
}

std::string origin_of(std::size_t i) {
    return "z" + std::to_string(i) + ".example.";
}

Table table_of(std::size_t count) {
    Table table;
    for (std::size_t i = 0; i < count; ++i) table.put(numbered(origin_of(i), static_cast<int>(i)));
    return table;
}

/// Origins and numbers, as they stand in it.
std::map<std::string, int> content_of(const Table& table) {
    std::map<std::string, int> content;
    table.for_each([&](const Numbered& each) {
        CHECK(content.emplace(each.origin.to_string(), each.number).second);
    });
    CHECK(content.size() == table.size());
    return content;
}

/// Names of one hash, which no level of a table tells apart: found by trying.
std::vector<std::string> names_of_one_hash() {
    std::map<std::uint32_t, std::string> seen;
    std::mt19937 random{1};
    for (std::vector<std::string> found;;) {
        const std::string text = std::to_string(random()) + ".example.";
        const auto [there, is_new] = seen.emplace(Suffixes::hash_of(name_of(text)), text);
        if (!is_new && there->second != text) return {there->second, text};
    }
}

}  // namespace

TEST_CASE("a table of origins finds the longest one") {
    Table table;
    CHECK(table.find(Suffixes{name_of("example.org")}) == nullptr);
    CHECK_FALSE(table.remove(name_of("example.org")));
    int number = 0;
    for (const char* const origin : {"example.org.", "sub.example.org.", "10.in-addr.arpa."}) {
        table.put(numbered(origin, ++number));
    }
    const auto found = [&](const char* name) {
        const Numbered* const entry = table.find(Suffixes{name_of(name)});
        return entry == nullptr ? std::string{"none"} : entry->origin.to_string();
    };
    CHECK(found("example.org.") == "example.org.");
    CHECK(found("www.example.org.") == "example.org.");
    CHECK(found("a.b.sub.example.org.") == "sub.example.org.");
    CHECK(found("1.0.10.in-addr.arpa.") == "10.in-addr.arpa.");
    CHECK(found("example.com.") == "none");
    CHECK(found("org.") == "none");
    CHECK(found(".") == "none");
    CHECK(table.find_exact(name_of("www.example.org.")) == nullptr);
    CHECK(table.find_exact(name_of("sub.example.org."))->number == 2);
    table.put(numbered(".", 9));
    CHECK(found("example.com.") == ".");
    CHECK(table.remove(name_of("sub.example.org.")));
    CHECK(found("a.sub.example.org.") == "example.org.");
}

TEST_CASE("a table of origins is as one would write it down") {
    std::mt19937 random{7};
    Table table;
    std::map<std::string, int> written;
    std::vector<std::pair<Table, std::map<std::string, int>>> copies;
    for (int step = 0; step < 20'000; ++step) {
        // Fills up at first and empties at last.
        const bool puts = random() % 20'000 > static_cast<unsigned>(step);
        const std::string origin = origin_of(random() % 3000);
        if (puts) {
            table.put(numbered(origin, step));
            written[origin] = step;
        } else {
            CHECK(table.remove(name_of(origin)) == (written.erase(origin) == 1));
        }
        if (step % 1000 == 0) copies.emplace_back(table, written);
    }
    copies.emplace_back(table, written);
    for (const auto& [copy, content] : copies) {
        CHECK(content_of(copy) == content);
        for (const auto& [origin, number] : content) {
            REQUIRE(copy.find_exact(name_of(origin)) != nullptr);
            CHECK(copy.find_exact(name_of(origin))->number == number);
        }
    }
    for (const auto& [origin, number] : written) CHECK(table.remove(name_of(origin)));
    CHECK(table.size() == 0);
    CHECK(content_of(table).empty());
}

TEST_CASE("a table of origins tells names of one hash apart") {
    const std::vector<std::string> alike = names_of_one_hash();
    Table table = table_of(2000);
    table.put(numbered(alike[0], 1));
    CHECK(table.find_exact(name_of(alike[1])) == nullptr);
    CHECK_FALSE(table.remove(name_of(alike[1])));
    table.put(numbered(alike[1], 2));
    CHECK(table.size() == 2002);
    CHECK(table.find_exact(name_of(alike[0]))->number == 1);
    CHECK(table.find_exact(name_of(alike[1]))->number == 2);
    CHECK(table.remove(name_of(alike[0])));
    CHECK(table.find_exact(name_of(alike[0])) == nullptr);
    CHECK(table.find_exact(name_of(alike[1]))->number == 2);
}

TEST_CASE("a change of a large table of origins copies little of it") {
    constexpr std::size_t count = 50'000;
    std::vector<std::shared_ptr<const Numbered>> entries;
    Table table;
    for (std::size_t i = 0; i < count; ++i) {
        entries.push_back(numbered(origin_of(i), 0));
        table.put(entries.back());
    }
    for (std::size_t i = 0; i < 100; ++i) {
        const std::shared_ptr<const Numbered> changed = numbered(origin_of(i * 7), -1);
        const Table before = table;
        const std::size_t start = allocations();
        table.put(changed);
        table.remove(name_of(origin_of(i * 7 + 1)));
        // Two ways from the root to an end, of four nodes or five.
        CHECK(allocations() - start <= 16);
        // What both tables share is there once: for us and for the two.
        const auto copied =
            std::ranges::count_if(entries, [](const auto& entry) { return entry.use_count() > 2; });
        CHECK(copied <= 2 * 8);
        CHECK(before.find_exact(changed->origin) != changed.get());
    }
    CHECK(table.size() == count - 100);
}

TEST_CASE("what has gone from a table of origins is freed with the last copy") {
    Table table = table_of(1000);
    const std::shared_ptr<const Numbered> watched = numbered("watched.example.", 1);
    table.put(watched);
    {
        const Table copy = table;
        table.remove(watched->origin);
        CHECK(watched.use_count() == 2);
    }
    CHECK(watched.use_count() == 1);
}
