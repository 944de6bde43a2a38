#pragma once
// template: answers made of text: records with parts of the query in them.
//
//     go_template   the language that records are written in
//     rule          one directive: when it applies, and its records
//     template      the rules in order

#include "plugins/template/rule.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <string>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// The first rule that matches answers. One whose zone, class and type fit, but not its patterns
/// and conditions, is SERVFAIL unless it says `fallthrough`.
class Template final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override;

private:
    /// Of a query whose answer has a CNAME: what came of its target.
    struct Note {
        const Reply* found = nullptr;
    };
    Template(std::vector<templating::Rule> rules, metrics::Registry& metrics)
        : rules_{std::move(rules)}, metrics_{&metrics} {}
    Step answer(const templating::Rule& rule, const templating::QueryData& data, Query& query,
                Reply& reply) const noexcept;
    templating::Outcome add_records(const templating::Rule& rule, templating::Part part,
                                    const templating::QueryData& data, Query& query,
                                    Reply& reply) const noexcept;
    Step look_up_target(Query& query, Reply& reply) const noexcept;
    /// Counts a record that could not be made. Not for the usual query.
    void failed(const templating::Rule& rule, const templating::QueryData& data,
                const templating::RecordTemplate& record, bool unparsable) const noexcept;

    std::vector<templating::Rule> rules_;
    metrics::Registry* metrics_;
};

}  // namespace nameplane::plugins
