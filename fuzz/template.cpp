// Templates from anybody: reading ends, and so does running; what runs gives the same text again.

#include "plugins/template/go_template.hpp"
#include <nameplane/base/check.hpp>

#include <array>
#include <string>

using namespace nameplane;
using namespace nameplane::plugins::templating;

namespace {

class Query final : public Data {
public:
    bool field(Path path, Value& value) const noexcept override {
        static constexpr std::array<std::string_view, 2> matches{"a.example.", "7f"};
        value = path[0] == "Match" ? Value::of(std::span<const std::string_view>{matches})
                                   : Value::of(std::string_view{"a.example."});
        return path.size() == 1 || path[0] == "Group";
    }
    std::string_view meta(std::string_view label) const noexcept override { return label; }
};

std::string run(const GoTemplate& text) {
    Arena arena{1 << 18};
    std::array<char, 4096> room;
    Output out{room};
    return text.run(Query{}, arena, out) ? std::string{out.text()} : "(fails)";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = GoTemplate::parse({reinterpret_cast<const char*>(data), size});
    if (parsed) NP_CHECK(run(*parsed) == run(*parsed), "a template is a function of its data");
    return 0;
}
