#pragma once
// rule: one line of `rewrite`, read: when it applies, what it changes in the query, and what in the
// answer.

#include <nameplane/base/pattern.hpp>
#include <nameplane/conf/statement.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::rewriting {

/// How a name is compared. Names are text in lower case with the final dot; so is `text`.
struct Match {
    enum class Kind : std::uint8_t { exact, prefix, suffix, substring, regex };
    Kind kind = Kind::exact;
    std::string text;
    std::optional<Pattern> pattern;  ///< of regex

    bool matches(std::string_view name) const noexcept;
};

/// Text with groups of a pattern in it: "{1}.service.{2}.".
struct Replacement {
    explicit Replacement(std::string_view text);
    Replacement() = default;

    struct Part {
        std::string text;
        int group = -1;  ///< behind the text; -1: none
    };
    std::vector<Part> parts;
    std::string whole;  ///< as written
};

/// A change of names in the answer by a pattern.
struct AnswerRule {
    bool value = false;  ///< of names in rdata, not of owners
    Pattern from;
    Replacement to;
};

enum class Field : std::uint8_t { name, type, klass, ttl, rcode, cname, edns0 };

/// What an EDNS option is made of.
struct OptionData {
    enum class Source : std::uint8_t {
        fixed,
        metadata,
        subnet,
        name,
        type,
        client_address,
        client_port,
        protocol,
        server_address,
        server_port,
    };
    Source source = Source::fixed;
    std::string text;  ///< the fixed octets, or the label
    std::uint8_t v4_bits = 0;
    std::uint8_t v6_bits = 0;
};

enum class OptionAction : std::uint8_t { append, replace, set, unset };

struct Rule {
    Field field = Field::name;
    bool stop = true;
    Match match;     ///< name, ttl, rcode, cname
    Replacement to;  ///< name, cname

    // name
    bool auto_answer = false;         ///< names of the answer go back as they came
    bool auto_suffix = false;         ///< the same, for suffix: by exchanging the suffixes
    std::vector<AnswerRule> answers;  ///< in the order written

    dns::Type type_from{};
    dns::Type type_to{};
    dns::Class class_from{};
    dns::Class class_to{};
    dns::Ttl ttl_min = 0;
    dns::Ttl ttl_max = 0;
    dns::Rcode rcode_from{};
    dns::Rcode rcode_to{};

    // edns0
    OptionAction action = OptionAction::set;
    std::uint16_t code = 0;
    OptionData data;
    bool revert = false;
};

/// The words behind `rewrite`, those of its block included. The error says "what, expected what".
Result<Rule> read_rule(const std::vector<std::string>& words);

}  // namespace nameplane::plugins::rewriting
