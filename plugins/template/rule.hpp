#pragma once
// rule: one `template` directive, and what its records see of a query.

#include "plugins/template/go_template.hpp"
#include "plugins/template/things.hpp"
#include <nameplane/base/expression.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/pattern.hpp>
#include <nameplane/conf/statement.hpp>
#include <nameplane/query.hpp>
#include <nameplane/query_functions.hpp>
#include <nameplane/reply.hpp>
#include <nameplane/setup.hpp>
#include <nameplane/zones.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::templating {

enum class Part : std::uint8_t { answer, authority, additional };
inline constexpr std::array parts{Part::answer, Part::additional, Part::authority};

/// A record to be made. One that is the same for all queries, its owner apart, is made but once.
struct RecordTemplate {
    Part part = Part::answer;
    GoTemplate text;
    std::unique_ptr<Arena> memory;  ///< of `fixed`
    std::optional<dns::Record> fixed;
    bool owner_is_name = false;  ///< of `fixed`: the owner is the name that was asked
};

struct Rule {
    dns::Class klass = dns::Class::any;
    dns::Type type = dns::Type::any;
    std::vector<dns::Name> zones;
    std::vector<std::string> zone_texts;  ///< of the same zones
    std::vector<Pattern> patterns;        ///< empty: every name matches
    /// What expressions may name: functions of the query, and the variables in their order.
    expression::Environment environment;
    std::vector<expression::Expression> variables;
    std::vector<expression::Expression> conditions;  ///< all must be true
    std::vector<RecordTemplate> records;
    dns::Rcode rcode = dns::Rcode::no_error;
    std::vector<std::uint8_t> extended_error;  ///< data of the EDNS option; empty: none
    Fallthrough fallthrough;
    /// By zone, then by type_slot() of the type that is told of.
    std::vector<std::vector<metrics::Counter*>> matches;
    metrics::Labels labels;  ///< server and view
};

/// The place of a type in Rule::matches.
std::size_t type_slot(dns::Type type) noexcept;

/// Reads one directive; what is wrong is added to `mistakes`.
Rule read_rule(const Statement& statement, Setup& setup, Mistakes& mistakes);

/// What expressions may call besides QueryFunctions.
enum class GroupFunction : int { by_name = QueryFunctions::first_free_id, by_number };

/// The functions that expressions may call, without the variables.
std::vector<expression::Function> query_functions();

/// Whether a query that a pattern matches is meant.
enum class Verdict : std::uint8_t { yes, no, failed };

/// A query as templates see it. Lives while the query is answered.
class QueryData final : public Data, public expression::Functions {
public:
    QueryData(const Rule& rule, std::size_t zone, Query& query) noexcept;

    /// Whether a pattern of the rule matches; its groups are then there.
    bool match() noexcept;
    /// Works the rule's variables out and asks its conditions. After match().
    Verdict decide() noexcept;
    /// False: there was no memory for it, and it is of no use.
    bool good() const noexcept { return !name_.empty(); }
    Outcome field(std::uint8_t object, std::string_view name, Value& value) const noexcept override;
    std::string_view meta(std::string_view label) const noexcept override;
    Shape shape(std::uint8_t object) const noexcept override;
    Outcome print(std::uint8_t object, Output& out) const noexcept override;
    bool call(int id, std::span<const expression::Value> arguments, Arena& arena,
              expression::Value& result) const noexcept override;

    std::size_t zone() const noexcept { return zone_; }
    dns::Type type() const noexcept;
    dns::Class klass() const noexcept;

private:
    Value thing(Thing number, bool null = false) const noexcept;
    Value things(Thing number, bool there) const noexcept;
    Outcome print_message(Output& out) const noexcept;
    void print_header(Output& out) const noexcept;
    Outcome print_question(Output& out) const noexcept;
    void print_option_record(Output& out) const noexcept;
    void print_option_header(Output& out) const noexcept;
    Outcome text_of(std::uint8_t object, Value& value) const noexcept;
    Outcome whole(std::string_view name, Value& value) const noexcept;
    Outcome message(std::string_view name, Value& value) const noexcept;
    Outcome header(std::string_view name, Value& value) const noexcept;
    Outcome question(std::string_view name, Value& value) const noexcept;
    Outcome option_record(std::string_view name, Value& value) const noexcept;
    Outcome option_header(std::string_view name, Value& value) const noexcept;
    Outcome variable(std::string_view name, Value& value) const noexcept;
    Outcome groups(Value& value) const noexcept;
    std::string_view group(std::string_view name) const noexcept;
    /// Of the client's message, as RFC 1035 4.1.1 has them.
    std::uint16_t flags() const noexcept;

    const Rule& rule_;
    std::size_t zone_;
    Query& query_;
    QueryFunctions functions_;
    std::string_view name_;
    const Pattern* pattern_ = nullptr;
    std::size_t group_count_ = 0;
    std::array<std::string_view, Pattern::groups_max> groups_;
    std::span<expression::Value> variables_;
    // Made when somebody asks.
    mutable std::span<const std::string_view> group_map_;
    mutable std::string_view remote_;
    mutable std::string_view asked_;
};

/// Why a template may not name this field of a message, which CoreDNS has; empty if it may.
std::string left_out(const GoTemplate::Use& use);

}  // namespace nameplane::plugins::templating
