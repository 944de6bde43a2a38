// Templates from anybody: reading ends, and so does running; what runs gives the same text again.

#include "plugins/template/go_template.hpp"
#include "support/template_data.hpp"
#include <nameplane/base/check.hpp>

#include <array>
#include <string>

using namespace nameplane;
using namespace nameplane::plugins::templating;

namespace {

/// Every field and label is there.
class Query final : public test::TemplateData {
public:
    Outcome field(std::uint8_t object, std::string_view name,
                  Value& value) const noexcept override {
        const Outcome known = TemplateData::field(object, name, value);
        if (known == Outcome::good || object != 0) return known;
        value = Value::of(std::string_view{"a.example."});
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
