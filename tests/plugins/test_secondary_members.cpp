// Which zones catalogs make a secondary serve, by tables of what they list.

#include "plugins/secondary/members.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::plugins::secondary;

namespace {

dns::Name name(const std::string& text) {
    return *dns::Name::parse(text);
}

CatalogMember member(const std::string& id, const std::string& zone, const std::string& coo = "") {
    CatalogMember made;
    made.id = id;
    made.zone = name(zone);
    if (!coo.empty()) made.coo = name(coo);
    return made;
}

std::shared_ptr<const Catalog> listing(std::vector<CatalogMember> members) {
    return std::make_shared<const Catalog>(Catalog{std::move(members)});
}

std::string text_of(MemberChange::What what) {
    switch (what) {
    case MemberChange::What::added: return "+";
    case MemberChange::What::removed: return "-";
    case MemberChange::What::reset: return "!";
    case MemberChange::What::moved: return ">";
    }
    return "?";
}

/// Changes as "+a.example.@0", then those refused as "no b.example.".
std::string text_of(const Members::Update& update) {
    std::string text;
    for (const MemberChange& change : update.changes) {
        text += text_of(change.what) + change.zone.to_string() + '@' +
                std::to_string(change.catalog) + ' ';
    }
    for (const dns::Name& zone : update.refused) text += "no " + zone.to_string() + ' ';
    if (!text.empty()) text.pop_back();
    return text;
}

std::string owned_text(const Members& members, std::size_t catalog) {
    std::string text;
    for (const OwnedMember& owned : members.owned_by(catalog)) {
        text += owned.zone.to_string() + '=' + owned.id + ' ';
    }
    if (!text.empty()) text.pop_back();
    return text;
}

/// Two catalogs, old.cat. and new.cat., that take all; hand.example. is configured.
struct Two {
    Members members{{{name("old.cat."), {}}, {name("new.cat."), {}}},
                    {name("old.cat."), name("new.cat."), name("hand.example.")}};

    std::string update(std::size_t catalog, std::vector<CatalogMember> listed) {
        return text_of(members.update(catalog, listing(std::move(listed))));
    }
};
constexpr std::size_t old_one = 0;
constexpr std::size_t new_one = 1;

}  // namespace

TEST_CASE("secondary: members come, stay and go with their catalog") {
    Two two;
    CHECK(two.update(old_one, {member("1", "a.example."), member("2", "b.example.")}) ==
          "+a.example.@0 +b.example.@0");
    CHECK(two.update(old_one, {member("1", "a.example."), member("2", "b.example.")}).empty());
    CHECK(two.update(old_one, {member("2", "b.example."), member("3", "c.example.")}) ==
          "-a.example.@0 +c.example.@0");
    CHECK(owned_text(two.members, old_one) == "b.example.=2 c.example.=3");
    CHECK(two.update(old_one, {}) == "-b.example.@0 -c.example.@0");
    CHECK(owned_text(two.members, old_one).empty());
}

TEST_CASE("secondary: another unique label is another zone of that name") {
    Two two;
    two.update(old_one, {member("1", "a.example."), member("2", "b.example.")});
    CHECK(two.update(old_one, {member("9", "a.example."), member("2", "b.example.")}) ==
          "!a.example.@0");
    CHECK(two.update(old_one, {member("9", "a.example."), member("2", "b.example.")}).empty());
}

TEST_CASE("secondary: a zone that is configured is no member, and that is said once") {
    Two two;
    CHECK(two.update(old_one, {member("1", "hand.example."), member("2", "new.cat.")}) ==
          "no new.cat. no hand.example.");
    CHECK(two.update(old_one, {member("1", "hand.example."), member("2", "new.cat.")}).empty());
    CHECK(two.update(old_one, {}).empty());
    CHECK(two.update(old_one, {member("1", "Hand.Example.")}) == "no hand.example.");
    CHECK(owned_text(two.members, old_one).empty());
}

TEST_CASE("secondary: the first catalog that lists a zone has it") {
    Two two;
    two.update(old_one, {member("1", "a.example.")});
    CHECK(two.update(new_one, {member("1", "a.example.")}) == "no a.example.");
    CHECK(two.update(new_one, {member("1", "a.example.")}).empty());
    // It goes from a catalog that never had it.
    CHECK(two.update(new_one, {}).empty());
    CHECK(owned_text(two.members, old_one) == "a.example.=1");
    // Who waits for it gets it when it is let go, but as a new zone.
    CHECK(two.update(new_one, {member("1", "a.example.")}) == "no a.example.");
    CHECK(two.update(old_one, {}) == "!a.example.@1");
    CHECK(owned_text(two.members, new_one) == "a.example.=1");
}

TEST_CASE("secondary: a change of ownership needs both catalogs, and the new one's update") {
    Two two;
    two.update(old_one, {member("1", "a.example.")});
    two.update(new_one, {member("1", "a.example.")});
    // RFC 9432 4.4.1: not yet.
    CHECK(two.update(old_one, {member("1", "a.example.", "new.cat.")}).empty());
    CHECK(two.update(new_one, {member("1", "a.example.")}) == ">a.example.@1");
    CHECK(owned_text(two.members, old_one).empty());
    CHECK(owned_text(two.members, new_one) == "a.example.=1");
    // The old one lists it for a while, and lets it go.
    CHECK(two.update(old_one, {member("1", "a.example.", "new.cat.")}).empty());
    CHECK(two.update(old_one, {}).empty());
    CHECK(owned_text(two.members, new_one) == "a.example.=1");
}

TEST_CASE("secondary: what moves under another unique label is reset") {
    Two two;
    two.update(old_one, {member("1", "a.example.", "new.cat.")});
    CHECK(two.update(new_one, {member("2", "a.example.")}) == "!a.example.@1");
    CHECK(owned_text(two.members, new_one) == "a.example.=2");
}

TEST_CASE("secondary: ownership changes to nobody but whom the owner names") {
    Two two;
    two.update(old_one, {member("1", "a.example.", "other.cat.")});
    CHECK(two.update(new_one, {member("1", "a.example.", "new.cat.")}) == "no a.example.");
    CHECK(owned_text(two.members, old_one) == "a.example.=1");
    // What the other catalog says of itself does not count, and nor does an old word of the owner.
    two.update(old_one, {member("1", "a.example.", "new.cat.")});
    two.update(old_one, {member("1", "a.example.")});
    CHECK(two.update(new_one, {member("1", "a.example.")}).empty());
    CHECK(owned_text(two.members, new_one).empty());
}

TEST_CASE("secondary: a filter leaves out members that are not at or below its zones") {
    Members members{{{name("old.cat."), {{name("example."), name("b.test.")}}}}, {}};
    const auto update = members.update(
        0, listing({member("1", "a.example."), member("2", "example."), member("3", "a.test."),
                    member("4", "b.test."), member("5", "notexample.")}));
    CHECK(text_of(update) == "+a.example.@0 +b.test.@0 +example.@0");
    CHECK(update.outside == 2);
    CHECK(update.members == 3);
}

TEST_CASE("secondary: members are taken over from the configuration before") {
    Two before;
    before.update(old_one, {member("1", "a.example."), member("2", "b.example."),
                            member("3", "c.example.", "new.cat.")});
    before.update(new_one, {member("7", "b.example."), member("8", "d.example.")});
    // b.example. is configured now, and old.cat. may have those below example. only.
    Members after{{{name("old.cat."), {{name("example.")}}}, {name("new.cat."), {}}},
                  {name("old.cat."), name("new.cat."), name("b.example.")}};
    const auto restore = [&](std::size_t catalog) {
        std::string text;
        for (const OwnedMember& taken : after.restore(catalog, before.members.listing(catalog),
                                                      before.members.owned_by(catalog))) {
            text += taken.zone.to_string() + '=' + taken.id + ' ';
        }
        return text;
    };
    CHECK(restore(old_one) == "a.example.=1 c.example.=3 ");
    CHECK(restore(new_one) == "d.example.=8 ");
    // Nothing changes when they say the same again; what has changed meanwhile does.
    CHECK(text_of(after.update(new_one, before.members.listing(new_one))) == "no b.example.");
    CHECK(text_of(after.update(old_one, listing({member("5", "a.example."),
                                                 member("3", "c.example.", "new.cat.")}))) ==
          "!a.example.@0");
    CHECK(text_of(after.update(new_one, listing({member("3", "c.example.")}))) ==
          "-d.example.@1 >c.example.@1");
}

TEST_CASE("secondary: what the configuration before had is not taken where it may not be") {
    Members after{{{name("old.cat."), {{name("test.")}}}}, {}};
    const auto listed = listing({member("1", "a.example."), member("2", "a.test.")});
    // A zone that is owned and not listed any more, one outside of the filter, one that is new.
    const auto taken =
        after.restore(0, listed, {{name("b.test."), "9"}, {name("a.example."), "1"}});
    CHECK(taken.empty());
    CHECK(text_of(after.update(0, listed)) == "+a.test.@0");
}
