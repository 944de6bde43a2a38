#include "dns_wire.hpp"
#include <nameplane/dns/name.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;
using namespace std::string_literals;

namespace {

Name named(std::string_view text) {
    const std::optional<Name> name = Name::parse(text);
    REQUIRE(name.has_value());
    return *name;
}

std::string wire_of(NameView name) {
    return {reinterpret_cast<const char*>(name.data()), name.size()};
}

std::optional<NameView> checked(const std::string& wire) {
    return NameView::check({reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()});
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

}  // namespace

TEST_CASE("text and wire of a name", "[name]") {
    struct Row {
        const char* note;
        std::string text;
        std::string wire;
        std::string printed;
    };
    const Row row = GENERATE(values<Row>({
        {"the root", ".", "\0"s, "."},
        {"one label", "a.", "\1a\0"s, "a."},
        {"no final dot", "a.bc", "\1a\2bc\0"s, "a.bc."},
        {"case is kept", "WeB.SVC.", "\3WeB\3SVC\0"s, "WeB.SVC."},
        {"underscores and dashes", "_http._tcp.a-b.", "\5_http\4_tcp\3a-b\0"s, "_http._tcp.a-b."},
        {"a dot in a label", "a\\.b.c.", "\3a.b\1c\0"s, "a\\.b.c."},
        {"a backslash", "a\\\\b.", "\3a\\b\0"s, "a\\\\b."},
        {"an escaped letter is the letter", "\\a\\b.", "\2ab\0"s, "ab."},
        {"decimal escapes", "\\000\\255\\065.", "\3\0\377A\0"s, "\\000\\255A."},
        {"a blank", "a\\032b.", "\3a b\0"s, "a\\032b."},
        {"an escaped dot at the end", "a\\.", "\2a.\0"s, "a\\.."},
        {"what zone files read otherwise", "\\@\\$\\;\\(\\)\\\".", "\6@$;()\"\0"s,
         "\\@\\$\\;\\(\\)\\\"."},
        {"an asterisk", "*.a.", "\1*\1a\0"s, "*.a."},
    }));
    INFO(row.note);
    const Name name = named(row.text);
    CHECK(wire_of(name.view()) == row.wire);
    CHECK(name.to_string() == row.printed);
    CHECK(wire_of(named(row.printed).view()) == row.wire);
}

TEST_CASE("what is no name's text", "[name]") {
    const std::string text = GENERATE(values<std::string>({
        "",
        "..",
        ".a",
        "a..b",
        "a..",
        "a\\",
        "a\\2",
        "a\\25",
        "a\\256",
        "a\\2x5",
        "\\999.",
        std::string(64, 'x'),
        "a." + std::string(64, 'x') + ".b",
    }));
    CAPTURE(text);
    CHECK_FALSE(Name::parse(text).has_value());
}

TEST_CASE("a label has at most 63 octets and a name at most 255", "[name]") {
    const std::string label63(63, 'x');
    CHECK(named(label63).view().size() == 65);
    CHECK(named(label63 + ".").view().size() == 65);

    // Three labels of 63 take 192, the final zero one: 62 are left, a label of 61.
    const std::string front = repeated(label63 + ".", 3);
    CHECK(named(front + std::string(61, 'y')).view().size() == 255);
    CHECK(named(front + std::string(61, 'y') + ".").view().size() == 255);
    CHECK_FALSE(Name::parse(front + std::string(62, 'y')).has_value());
    CHECK_FALSE(Name::parse(front + std::string(62, 'y') + ".").has_value());

    CHECK(named(repeated("z.", 127)).view().size() == 255);
    CHECK(named(repeated("z.", 127)).view().label_count() == 127);
    CHECK_FALSE(Name::parse(repeated("z.", 128)).has_value());
    // An escape is one octet, however long it is written.
    CHECK(named(repeated("\\120", 63)).view().equals(named(label63)));
    CHECK_FALSE(Name::parse(repeated("\\120", 64)).has_value());
}

TEST_CASE("wire names are checked", "[name]") {
    struct Row {
        const char* note;
        std::string wire;
        bool good;
    };
    const std::string label63 = "\77" + std::string(63, 'x');
    const Row row = GENERATE_COPY(values<Row>({
        {"the root", "\0"s, true},
        {"two labels", "\1a\2bc\0"s, true},
        {"any octets", "\4\0\377.\\\0"s, true},
        {"63 octets", label63 + "\0"s, true},
        {"255 octets", repeated(label63, 3) + "\75" + std::string(61, 'y') + "\0"s, true},
        {"nothing", "", false},
        {"no final zero", "\1a", false},
        {"label longer than what is there", "\5ab\0"s, false},
        {"octets behind", "\1a\0x"s, false},
        {"64 octets", "\100" + std::string(64, 'x') + "\0"s, false},
        {"label type 0x80", "\200a\0"s, false},
        {"a pointer", "\300\014", false},
        {"256 octets", repeated(label63, 3) + "\76" + std::string(62, 'y') + "\0"s, false},
    }));
    INFO(row.note);
    const std::optional<NameView> name = checked(row.wire);
    CHECK(name.has_value() == row.good);
    if (name) CHECK(wire_of(*name) == row.wire);
}

TEST_CASE("names are equal without regard to ASCII case", "[name]") {
    struct Row {
        const char* a;
        const char* b;
        bool equal;
    };
    const Row row = GENERATE(values<Row>({
        {".", ".", true},
        {"a", "A", true},
        {"web.default.svc.cluster.local", "WEB.Default.sVc.CLUSTER.locaL", true},
        {"a.b", "a.c", false},
        {"a.b", "ab", false},
        {"a.b", "a.b.c", false},
        {"abcdefghij", "abcdefghiJ", true},
        {"abcdefghij", "abcdefghik", false},
        {"xbcdefghij", "abcdefghij", false},
        {"@", "`", false},          // 0x40 and 0x60: not letters
        {"\\[", "{", false},        // 0x5b and 0x7b
        {"\\193", "\\225", false},  // letters of Latin-1 are not folded (RFC 4343)
        {"aaaaaaa@", "aaaaaaa`", false},
        {"aaaaaaa\\193a", "aaaaaaa\\225a", false},
    }));
    CAPTURE(row.a, row.b);
    CHECK(named(row.a).view().equals(named(row.b)) == row.equal);
    CHECK(named(row.b).view().equals(named(row.a)) == row.equal);
    CHECK((named(row.a) == named(row.b)) == row.equal);
    CHECK((wire_of(named(row.a).lower()) == wire_of(named(row.b).lower())) == row.equal);
}

TEST_CASE("every octet folds as C does in the first, middle and last place", "[name]") {
    for (std::size_t length = 1; length <= 20; ++length) {
        for (unsigned octet = 0; octet < 256; ++octet) {
            const std::size_t at = octet % length;
            std::string wire =
                std::string(1, static_cast<char>(length)) + std::string(length, 'Q') + "\0"s;
            wire[1 + at] = static_cast<char>(octet);
            std::string expected = wire;
            for (char& c : expected) {
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
            }
            if (length > 1) {  // the length octet is no letter: it stays
                REQUIRE(wire_of(Name{*checked(wire)}.lower()) == expected);
            }
            REQUIRE(checked(wire)->equals(*checked(expected)));
        }
    }
}

TEST_CASE("a name is under its own suffixes only", "[name]") {
    struct Row {
        const char* name;
        const char* zone;
        bool under;
    };
    const Row row = GENERATE(values<Row>({
        {"a.b.c", ".", true},
        {".", ".", true},
        {"a.b.c", "c", true},
        {"a.b.c", "B.C", true},
        {"a.b.c", "a.b.c", true},
        {"a.b.c", "x.a.b.c", false},
        {"a.b.c", "b", false},
        {".", "c", false},
        {"xcluster.local", "cluster.local", false},
        {"a.cluster.local", "cluster.local", true},
        // The zone's octets are the name's last ones, but start inside a label.
        {"a\\001b.c", "b.c", false},
        {"x\\003abc", "abc", false},
    }));
    CAPTURE(row.name, row.zone);
    CHECK(named(row.name).view().is_under(named(row.zone)) == row.under);
}

TEST_CASE("labels are walked from the front", "[name]") {
    const Name name = named("web.default.svc");
    CHECK(name.view().label_count() == 3);
    CHECK(name.view().first_label() == "web");
    CHECK(name.view().parent().to_string() == "default.svc.");
    CHECK(name.view().parent().parent().parent().is_root());
    CHECK(NameView{}.label_count() == 0);
    CHECK(NameView{}.first_label().empty());
    CHECK(NameView{}.to_string() == ".");
    CHECK(Name{}.view().is_root());
}

TEST_CASE("a copy in an arena is a name of its own", "[name]") {
    Arena arena{8};
    const std::optional<NameView> copy = named("ab.c").view().copy_to(arena);
    REQUIRE(copy.has_value());
    CHECK(copy->to_string() == "ab.c.");
    CHECK(arena.used() == 6);
    CHECK_FALSE(named("ab.c").view().copy_to(arena).has_value());
}

TEST_CASE("names are built label by label", "[name]") {
    Arena arena{4096};
    const Name zone = named("cluster.local");
    const auto built =
        NameBuilder{arena}.underscored("http").underscored("tcp").label("a.b").finish(zone);
    REQUIRE(built.has_value());
    CHECK(built->to_string() == "_http._tcp.a\\.b.cluster.local.");
    CHECK(arena.used() == built->size());
    CHECK(NameBuilder{arena}.finish(zone)->equals(zone));
    CHECK(NameBuilder{arena}.label("x").finish({})->to_string() == "x.");
}

TEST_CASE("a builder remembers what went wrong", "[name]") {
    Arena arena{4096};
    const std::string longest(63, 'x');
    const auto finished = [&](auto&& fill, NameView suffix = {}) {
        NameBuilder builder{arena};
        fill(builder);
        return builder.finish(suffix);
    };
    CHECK_FALSE(finished([](NameBuilder& b) { b.label(""); }));
    CHECK_FALSE(finished([](NameBuilder& b) { b.label("").label("a"); }));
    CHECK_FALSE(finished([](NameBuilder& b) { b.underscored(""); }));
    CHECK(finished([&](NameBuilder& b) { b.label(longest); }));
    CHECK_FALSE(finished([&](NameBuilder& b) { b.label(longest + "x"); }));
    CHECK_FALSE(finished([&](NameBuilder& b) { b.underscored(longest); }));

    const auto three = [&](NameBuilder& b) { b.label(longest).label(longest).label(longest); };
    CHECK(finished(three, named(std::string(61, 'y')))->size() == 255);
    CHECK_FALSE(finished(three, named(std::string(62, 'y'))));
    CHECK(finished([&](NameBuilder& b) {
              three(b);
              b.label(std::string(61, 'y'));
          })->size() == 255);
    CHECK_FALSE(finished([&](NameBuilder& b) {
        three(b);
        b.label(std::string(62, 'y'));
    }));
    CHECK_FALSE(finished([&](NameBuilder& b) {
        three(b);
        b.label(longest).label("a");
    }));

    Arena small{4};
    CHECK_FALSE(NameBuilder{small}.label("abc").finish({}));
}
