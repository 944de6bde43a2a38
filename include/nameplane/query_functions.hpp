#pragma once
// QueryFunctions: what expressions may ask of a query, in the plugins view and template: name(),
// type(), client_ip(), incidr(ip, network), metadata(label) and so on, as CoreDNS has them.

#include <nameplane/base/expression.hpp>
#include <nameplane/query.hpp>

#include <span>
#include <string_view>
#include <vector>

namespace nameplane {

/// The functions of one query; lives while it is answered. Texts lie in the query's arena.
class QueryFunctions final : public expression::Functions {
public:
    /// Ids from here on belong to who has functions of its own besides these.
    static constexpr int first_free_id = 100;

    /// What an expression::Environment says about them.
    static std::vector<expression::Function> all();

    explicit QueryFunctions(Query& query) noexcept : query_{&query} {}

    bool call(int id, std::span<const expression::Value> arguments, Arena& arena,
              expression::Value& result) const noexcept override;
    /// The name in lower case with its final dot.
    std::string_view name() const noexcept;

private:
    std::string_view client() const noexcept;
    bool contains(std::string_view address, std::string_view network, bool& within) const noexcept;

    Query* query_;
    // Made when somebody asks.
    mutable std::string_view name_;
    mutable std::string_view client_;
};

}  // namespace nameplane
