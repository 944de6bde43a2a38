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
    Outcome field(std::uint8_t object, std::string_view name,
                  Value& value) const noexcept override {
        static constexpr std::array<std::string_view, 2> matches{"a.example.", "7f"};
        static constexpr std::array<std::string_view, 4> groups{"0", "a.example.", "hex", "7f"};
        if (object == 1 && name == "Id") {
            value = Value::of(7, Value::Width::u16);
        } else if (object != 0) {
            return Outcome::wrong;
        } else if (name == "Match") {
            value = Value::of(std::span<const std::string_view>{matches});
        } else if (name == "Group") {
            value = Value::map_of(groups);
        } else if (name == "Message") {
            value = Value::object_of(1, this);
        } else if (name == "Messages") {
            value = Value::objects_of(1, 2, this);
        } else {
            value = Value::of(std::string_view{"a.example."});
        }
        return Outcome::good;
    }
    std::string_view meta(std::string_view label) const noexcept override { return label; }
};

std::string run(const GoTemplate& text) {
    Arena arena{1 << 18};
    std::array<char, 4096> room;
    Output out{room};
    const Outcome outcome = text.run(Query{}, arena, out);
    return outcome == Outcome::good ? std::string{out.text()}
                                    : "(" + std::to_string(static_cast<int>(outcome)) + ")";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = GoTemplate::parse({reinterpret_cast<const char*>(data), size});
    if (parsed) NP_CHECK(run(*parsed) == run(*parsed), "a template is a function of its data");
    return 0;
}
