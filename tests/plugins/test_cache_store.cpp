// The store that all workers share: against a map, at its limits, and by many threads.

#include "plugins/cache/store.hpp"
#include "plugins/cache/words.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

using namespace nameplane;
using namespace nameplane::plugins::caching;

namespace {

using Octets = std::vector<std::uint8_t>;

struct Question {
    dns::Name name;
    bool dnssec_ok = false;
    bool checking_disabled = false;

    explicit Question(const std::string& text) : name{*dns::Name::parse(text)} {}
    Key key() const {
        return hashed({name, dns::Type::a, dns::Class::in, dnssec_ok, checking_disabled}, 42);
    }
};

/// The answer, if there is one and it is not replaced before it is read.
std::optional<Octets> answer_in(const Store& store, const Key& key, Entry& entry) {
    if (!store.find(key, entry)) return std::nullopt;
    std::vector<std::uint64_t> words(words_for(entry.octets));
    if (!store.read(entry, words)) return std::nullopt;
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(words.data());
    return Octets(octets, octets + entry.octets);
}

bool has(const Store& store, const std::string& name) {
    Entry entry;
    return store.find(Question{name}.key(), entry);
}

}  // namespace

TEST_CASE("100,000 random names find their end in the capacity, and what is asked for stays") {
    Store store{1024};
    std::mt19937 random{7};
    const Octets answer(300, 7);
    std::size_t evictions = 0;
    REQUIRE(store.put(Question{"kept.example."}.key(), {}, answer).kept);
    for (int i = 0; i < 100'000; ++i) {
        const Question question{std::to_string(random()) + ".example."};
        const Change change = store.put(question.key(), {}, answer);
        REQUIRE(change.kept);
        evictions += change.evictions;
        REQUIRE(store.size() <= 1024);
        if (i % 100 == 0) REQUIRE(has(store, "kept.example."));
    }
    CHECK(store.octets_max() <= 1024 * 512);
    CHECK(evictions > 98'000);  // a name may come twice
}

TEST_CASE("the store agrees with a map, whatever is put, found and removed") {
    Store store{1024};
    std::unordered_map<std::string, Octets> expected;
    std::mt19937 random{11};
    std::size_t evictions = 0;
    for (int i = 0; i < 50'000; ++i) {
        // Names of all lengths, so that they lie across chunks.
        std::string text;
        const auto number = static_cast<unsigned>(random() % 400);
        for (unsigned label = 0; label < number % 4; ++label) {
            text += std::string(number % 50 + 10, static_cast<char>('a' + label)) + '.';
        }
        text += std::to_string(number) + ".example.";
        Question question{text};
        question.dnssec_ok = number % 2 == 0;
        question.checking_disabled = number % 3 == 0;
        const Key key = question.key();
        switch (random() % 4) {
        case 0: {
            Octets answer(random() % 900);
            for (auto& octet : answer) octet = static_cast<std::uint8_t>(random());
            const Change change = store.put(key, {.stored = i, .ttl = number}, answer);
            REQUIRE(change.kept);
            evictions += change.evictions;
            expected[text] = answer;
            break;
        }
        case 1:
            store.remove(key);
            expected.erase(text);
            break;
        default: {
            Entry entry;
            const std::optional<Octets> answer = answer_in(store, key, entry);
            const auto found = expected.find(text);
            REQUIRE(answer.has_value() == (found != expected.end()));
            if (!answer) break;
            REQUIRE(*answer == found->second);
            REQUIRE(entry.facts.ttl == number);
        }
        }
        REQUIRE(store.size() == expected.size());
    }
    CHECK(evictions == 0);
}

TEST_CASE("what is known of an answer comes back, with every rcode and flag") {
    Store store{1024};
    const Question question{"www.example."};
    const Key key = question.key();
    for (const unsigned rcode : {0U, 2U, 3U, 23U, 4095U}) {
        for (unsigned flags = 0; flags < 4; ++flags) {
            const Facts facts{.stored = -5'000'000'000,
                              .ttl = 0xffffffff,
                              .rcode = static_cast<dns::Rcode>(rcode),
                              .recursion_available = (flags & 1U) != 0,
                              .answers = (flags & 2U) != 0};
            REQUIRE(store.put(key, facts, Octets{1}).kept);
            Entry entry;
            REQUIRE(store.find(key, entry));
            CHECK(entry.facts.stored == facts.stored);
            CHECK(entry.facts.ttl == facts.ttl);
            CHECK(entry.facts.rcode == facts.rcode);
            CHECK(entry.facts.recursion_available == facts.recursion_available);
            CHECK(entry.facts.answers == facts.answers);
        }
    }
    CHECK(store.size() == 1);
}

TEST_CASE("what is foreseen alone is not asked for, and goes first") {
    Store store{1024};
    const auto name = [](std::size_t i) { return std::to_string(i) + ".example."; };
    std::size_t i = 0;
    for (; store.size() < 1024; ++i)
        REQUIRE(store.put(Question{name(i)}.key(), {}, Octets(9)).kept);
    const std::size_t full = i;
    REQUIRE(has(store, name(0)));
    for (unsigned step = 0; step < 3; ++step) {
        store.foresee(Question{name(1)}.key().hash, step);
        store.foresee(Question{"never.example."}.key().hash, step);
    }
    for (; i < full + 8; ++i) REQUIRE(store.put(Question{name(i)}.key(), {}, Octets(9)).kept);
    CHECK(has(store, name(0)));
    CHECK_FALSE(has(store, name(1)));
}

TEST_CASE("who has found an answer that is replaced does not read the other one's octets") {
    Store store{1024};
    const Question question{"www.example."};
    const Key key = question.key();
    REQUIRE(store.put(key, {}, Octets(100, 1)).kept);
    Entry entry;
    REQUIRE(store.find(key, entry));
    std::vector<std::uint64_t> words(words_for(entry.octets));
    CHECK(store.read(entry, words));
    REQUIRE(store.put(key, {}, Octets(100, 2)).kept);
    CHECK_FALSE(store.read(entry, words));
    REQUIRE(store.find(key, entry));
    store.remove(key);
    CHECK_FALSE(store.read(entry, words));
}

TEST_CASE("large answers push others out by their octets; what fits nowhere is not kept") {
    Store store{1024};
    const auto put = [&](int i, std::size_t octets) {
        return store.put(Question{std::to_string(i) + ".example."}.key(), {}, Octets(octets, 1))
            .kept;
    };
    for (int i = 0; i < 1000; ++i) REQUIRE(put(i, 100));
    for (int i = 1000; i < 1100; ++i) REQUIRE(put(i, 50'000));
    CHECK(store.size() < 20);
    CHECK_FALSE(put(2000, 400'000));
    // Not the old answer either, which would be wrong now.
    REQUIRE(put(2001, 100));
    CHECK_FALSE(put(2001, 400'000));
    CHECK_FALSE(has(store, "2001.example."));
    for (int i = 0; i < 1000; ++i) REQUIRE(put(i, 100));
}

TEST_CASE("one of all who find it begins a refresh, until its time is over or it ends") {
    Store store{1024};
    const Question question{"www.example."};
    const Key key = question.key();
    REQUIRE(store.put(key, {.ttl = 30}, Octets{1}).kept);
    Entry entry;
    REQUIRE(store.find(key, entry));
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] { begun += store.begin_refresh(entry, 1000, 11'000) ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(begun == 1);
    CHECK_FALSE(store.begin_refresh(entry, 10'999, 21'000));
    CHECK(store.begin_refresh(entry, 11'000, 21'000));
    store.end_refresh(entry, false, 12'000);
    REQUIRE(store.find(key, entry));
    CHECK(entry.failed_refresh);
    CHECK_FALSE(store.begin_refresh(entry, 11'999, 21'000));
    CHECK(store.begin_refresh(entry, 12'000, 22'000));
}

TEST_CASE("hits are counted as long as there is no gap, also over a new answer") {
    Store store{1024};
    const Question question{"www.example."};
    const Key key = question.key();
    const auto hit = [&](Time now) {
        Entry entry;
        REQUIRE(store.find(key, entry));
        return store.count_hit(entry, now, 100);
    };
    REQUIRE(store.put(key, {}, Octets{1}).kept);
    CHECK(hit(1000) == 1);
    CHECK(hit(1100) == 2);
    REQUIRE(store.put(key, {}, Octets{2}).kept);
    CHECK(hit(1200) == 3);
    CHECK(hit(1301) == 1);
}

TEST_CASE("threads that put, find and remove the same names never read half of an answer") {
    // Few enough that they meet, and too many for the room, so that slots and chunks go round.
    Store store{2048};
    constexpr unsigned names = 3000;
    constexpr int threads_count = 4;
    constexpr int turns = 30'000;
    std::vector<Question> questions;
    for (unsigned i = 0; i < names; ++i) {
        const std::string long_label(i % 60 + 1, 'x');
        questions.emplace_back(long_label + '.' + long_label + '.' + std::to_string(i) +
                               ".example.");
    }
    std::atomic<std::size_t> wrong{0};
    std::atomic<std::size_t> read{0};
    const auto run = [&](unsigned seed) {
        std::mt19937 random{seed};
        for (int turn = 0; turn < turns; ++turn) {
            const auto i =
                static_cast<unsigned>(random() % 4 == 0 ? random() % names : random() % 20);
            const Key key = questions[i].key();
            for (unsigned step = 0; step < 3; ++step) store.foresee(key.hash, step);
            switch (random() % 8) {
            case 0: {
                // All octets alike, and what the facts say: one value for each answer.
                const auto value = static_cast<std::uint8_t>(random());
                const std::size_t octets = random() % 500;
                store.put(key, {.stored = static_cast<Time>(octets), .ttl = value + (i << 8)},
                          Octets(octets, value));
                break;
            }
            case 1: store.remove(key); break;
            default: {
                Entry entry;
                const std::optional<Octets> answer = answer_in(store, key, entry);
                if (!answer) break;
                ++read;
                const bool good = entry.facts.ttl >> 8 == i &&
                                  answer->size() == static_cast<std::size_t>(entry.facts.stored) &&
                                  std::ranges::all_of(*answer, [&](std::uint8_t octet) {
                                      return octet == (entry.facts.ttl & 0xff);
                                  });
                if (!good) ++wrong;
                store.count_hit(entry, turn, 10);
                if (store.begin_refresh(entry, turn, turn + 5)) {
                    store.end_refresh(entry, turn % 2 == 0, turn + 2);
                }
            }
            }
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < threads_count; ++i) threads.emplace_back(run, i + 1);
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(read > 1000);
    CHECK(store.size() <= 2048);
}
