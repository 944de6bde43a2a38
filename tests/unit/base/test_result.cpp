#include <nameplane/base/result.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <memory>
#include <string>

namespace nameplane {
namespace {

Result<int> parsed(bool good) {
    if (good) return 7;
    return Error{Errc::invalid, "not a number"};
}

TEST_CASE("a Result holds a value or an error", "[base]") {
    const Result<int> good = parsed(true);
    REQUIRE(good);
    CHECK(good.has_value());
    CHECK(*good == 7);
    const Result<int> bad = parsed(false);
    REQUIRE_FALSE(bad);
    CHECK(bad.error() == Error{Errc::invalid, "not a number"});
    CHECK(parsed(true).value_or(3) == 7);
    CHECK(parsed(false).value_or(3) == 3);
}

TEST_CASE("a Result of an Error's own type is no contradiction", "[base]") {
    const Result<std::string> text = std::string{"fine"};
    CHECK(text->size() == 4);
    Result<std::unique_ptr<int>> owner = std::make_unique<int>(5);
    const std::unique_ptr<int> taken = std::move(owner).value();
    CHECK(*taken == 5);
}

TEST_CASE("map and and_then go on with values and stop at errors", "[base]") {
    int calls = 0;
    const auto twice = [&](int value) {
        ++calls;
        return std::to_string(value * 2);
    };
    CHECK(*parsed(true).map(twice) == "14");
    CHECK(parsed(false).map(twice).error().text == "not a number");
    CHECK(calls == 1);

    const auto refuse = [](int) -> Result<std::string> { return Error{Errc::again, "later"}; };
    CHECK(parsed(true).and_then(refuse).error().code == Errc::again);
    CHECK(parsed(false).and_then(refuse).error().code == Errc::invalid);
}

TEST_CASE("each layer puts its context in front", "[base]") {
    const Result<int> bad = parsed(false).within("line 3").within("config.toml");
    CHECK(bad.error().text == "config.toml: line 3: not a number");
    CHECK(bad.error().code == Errc::invalid);
    CHECK(*parsed(true).within("line 3") == 7);
}

TEST_CASE("a Status is success or an error", "[base]") {
    const Status good;
    CHECK(good);
    const Status bad = Error{Errc::io, "broken"};
    REQUIRE_FALSE(bad);
    CHECK(bad.error().text == "broken");
    CHECK(Status{}.within("anything"));
    CHECK(Status{Error{Errc::io, "broken"}}.within("disk").error().text == "disk: broken");
    int calls = 0;
    const auto count = [&]() -> Status {
        ++calls;
        return {};
    };
    CHECK(Status{}.and_then(count));
    CHECK_FALSE(Status{Error{Errc::io, "broken"}}.and_then(count));
    CHECK(calls == 1);
}

TEST_CASE("errno becomes a kind that says whether to retry", "[base]") {
    struct Row {
        int number;
        Errc code;
    };
    for (const Row& row :
         {Row{EPERM, Errc::permission}, Row{EACCES, Errc::permission}, Row{EAGAIN, Errc::again},
          Row{ENOENT, Errc::not_found}, Row{EEXIST, Errc::conflict},
          Row{EADDRINUSE, Errc::conflict}, Row{ENOSYS, Errc::unsupported},
          Row{EOPNOTSUPP, Errc::unsupported}, Row{ENOPROTOOPT, Errc::unsupported},
          Row{EMFILE, Errc::exhausted}, Row{EIO, Errc::io}, Row{ECONNRESET, Errc::io}}) {
        INFO("errno " << row.number);
        CHECK(errno_error(row.number, "bind").code == row.code);
    }
    CHECK(errno_error(EACCES, "bind 0.0.0.0:53").text == "bind 0.0.0.0:53: Permission denied");
}

TEST_CASE("every kind of error has a word of its own", "[base]") {
    CHECK(to_string(Errc::invalid) == "invalid");
    CHECK(to_string(Errc::not_found) == "not_found");
    CHECK(to_string(Errc::conflict) == "conflict");
    CHECK(to_string(Errc::exhausted) == "exhausted");
    CHECK(to_string(Errc::permission) == "permission");
    CHECK(to_string(Errc::again) == "again");
    CHECK(to_string(Errc::unsupported) == "unsupported");
    CHECK(to_string(Errc::io) == "io");
    CHECK(to_string(Errc::internal) == "internal");
}

}  // namespace
}  // namespace nameplane
