#include "kube/state_file.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::kube;
using services::Protocol;

namespace {

Memory example() {
    return {{{"a", "web"},
             {.addresses = {IpAddress::v4(10, 96, 0, 7), *IpAddress::parse("fd00::7")},
              .ports = {{Protocol::tcp, 80, 30080}, {Protocol::udp, 53, 30053}},
              .health_check_port = 31000}},
            {{"b", "db"}, {.ports = {{Protocol::sctp, 1, 32000}}}}};
}

}  // namespace

TEST_CASE("what is written is read back") {
    for (const Memory& memory : {Memory{}, example()}) {
        const auto again = memory_from_text(to_text(memory));
        REQUIRE(again);
        CHECK(*again == memory);
    }
}

TEST_CASE("a text that is cut or changed anywhere is refused") {
    const std::string text = to_text(example());
    for (std::size_t size = 0; size < text.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(memory_from_text(text.substr(0, size)));
        std::string changed = text;
        changed[size] = static_cast<char>(changed[size] ^ 1);
        CHECK_FALSE(memory_from_text(changed));
    }
    CHECK_FALSE(memory_from_text(text + "\n"));
}

TEST_CASE("no state file is an empty memory") {
    const test::TemporaryFolder folder;
    const auto memory = load_memory(folder / "none");
    REQUIRE(memory);
    CHECK(memory->empty());
    CHECK_FALSE(load_memory(folder.path()));
}
