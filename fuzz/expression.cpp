// Expressions from anybody: what is read has the type that it said, whatever it gives, or fails.

#include <nameplane/base/check.hpp>
#include <nameplane/base/expression.hpp>

#include <string_view>

using namespace nameplane;
using namespace nameplane::expression;

namespace {

class Answering final : public Functions {
public:
    bool call(int id, std::span<const Value> arguments, Arena&,
              Value& result) const noexcept override {
        result = id == 0 ? Value::of(std::string_view{"a.example."}) : arguments[0];
        return true;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Environment environment{
        .functions = {{"name", {}, Type::text, 0}, {"same", {Type::integer}, Type::integer, 1}},
        .variables = {{"n", Type::integer}}};
    const auto parsed = Expression::parse({reinterpret_cast<const char*>(data), size}, environment);
    if (!parsed) return 0;
    Arena arena{1 << 16};
    const Value variables[] = {Value::of(std::int64_t{-3})};
    Value result;
    if (!parsed->run(Answering{}, variables, arena, result)) return 0;
    NP_CHECK(result.type == parsed->type(), "types are checked when an expression is read");
    return 0;
}
