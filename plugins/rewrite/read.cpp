// Words to rules.

#include "plugins/rewrite/rule.hpp"
#include <nameplane/text.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <span>

namespace nameplane::plugins::rewriting {

namespace {

using Words = std::span<const std::string>;

Error wrong(std::string_view what, std::string_view expected) {
    return {Errc::invalid, std::string{what} + ", expected " + std::string{expected}};
}

std::string quoted(std::string_view word) {
    return "'" + std::string{word} + "'";
}

/// Lower case, with a final dot.
std::string normal(std::string_view name) {
    std::string text = lower(name);
    if (!text.ends_with('.')) text += '.';
    return text;
}

std::optional<Match::Kind> kind_of(std::string_view word) noexcept {
    using enum Match::Kind;
    if (same_word(word, "exact")) return exact;
    if (same_word(word, "prefix")) return prefix;
    if (same_word(word, "suffix")) return suffix;
    if (same_word(word, "substring")) return substring;
    if (same_word(word, "regex")) return regex;
    return std::nullopt;
}

constexpr std::string_view kinds = "'exact', 'prefix', 'suffix', 'substring' or 'regex'";

Result<Match> match_of(Match::Kind kind, const std::string& text) {
    Match match{.kind = kind, .text = normal(text), .pattern = std::nullopt};
    if (kind != Match::Kind::regex) return match;
    Result<Pattern> pattern = Pattern::make(text);
    if (!pattern) return std::move(pattern).error();
    match.pattern = std::move(*pattern);
    return match;
}

/// "[KIND] NAME" in front of `rest` more words; takes them off `words`.
Result<Match> take_match(Words& words, std::size_t rest) {
    Match::Kind kind = Match::Kind::exact;
    if (words.size() == rest + 2) {
        const auto given = kind_of(words[0]);
        if (!given) return wrong(quoted(words[0]), kinds);
        kind = *given;
        words = words.subspan(1);
    }
    Result<Match> match = match_of(kind, words[0]);
    words = words.subspan(1);
    return match;
}

/// How many different groups a replacement names must be no more than the pattern has.
Status check_groups(const Replacement& to, const Pattern& from) {
    std::set<int> used;
    for (const Replacement::Part& part : to.parts) {
        if (part.group >= 0) used.insert(part.group);
    }
    if (used.size() <= from.group_count()) return {};
    return wrong(quoted(to.whole), "no more groups than the pattern '" + from.text() + "' has");
}

Result<AnswerRule> answer_rule(bool value, const std::string& from, const std::string& to) {
    Result<Pattern> pattern = Pattern::make(from);
    if (!pattern) return std::move(pattern).error();
    Replacement replacement{normal(to)};
    if (Status checked = check_groups(replacement, *pattern); !checked) {
        return std::move(checked).error();
    }
    return AnswerRule{value, std::move(*pattern), std::move(replacement)};
}

/// "answer auto", "answer name FROM TO", "answer value FROM TO"; `answer` only before the first.
Status read_answers(Words words, Rule& rule) {
    if (words.size() < 2 || words[0] != "answer") {
        return wrong(quoted(words[0]), "'answer' with 'auto', 'name FROM TO' or 'value FROM TO'");
    }
    bool names = false;
    while (!words.empty()) {
        if (words[0] == "answer") words = words.subspan(1);
        if (words.empty()) return wrong("'answer'", "'auto', 'name' or 'value' behind it");
        const std::string& what = words[0];
        if (what == "auto") {
            rule.auto_answer = true;
            words = words.subspan(1);
            continue;
        }
        if (what != "name" && what != "value") {
            return wrong(quoted(what), "'auto', 'name' or 'value'");
        }
        if (words.size() < 3) return wrong(quoted(what), "a pattern and a replacement behind it");
        names = names || what == "name";
        Result<AnswerRule> answer = answer_rule(what == "value", words[1], words[2]);
        if (!answer) return std::move(answer).error();
        rule.answers.push_back(std::move(*answer));
        words = words.subspan(3);
    }
    if (rule.auto_answer && names) return wrong("'answer auto' and 'answer name'", "one of them");
    return {};
}

Status read_name(Words words, Rule& rule) {
    if (words.size() < 2) return wrong("'name'", "a name and its replacement behind it");
    Match::Kind kind = Match::Kind::exact;
    if (words.size() >= 3) {
        const auto given = kind_of(words[0]);
        if (!given) return wrong(quoted(words[0]), kinds);
        kind = *given;
        words = words.subspan(1);
    }
    Result<Match> match = match_of(kind, words[0]);
    if (!match) return std::move(match).error();
    rule.match = std::move(*match);
    rule.to = Replacement{normal(words[1])};
    if (rule.match.pattern) {
        if (Status checked = check_groups(rule.to, *rule.match.pattern); !checked) return checked;
    }
    if (words.size() > 2) {
        if (Status read = read_answers(words.subspan(2), rule); !read) return read;
    }
    rule.auto_suffix = kind == Match::Kind::suffix && rule.auto_answer;
    if (rule.auto_suffix) rule.auto_answer = false;
    if (kind == Match::Kind::exact) rule.auto_answer = true;
    return {};
}

Status read_type(Words words, Rule& rule) {
    if (words.size() != 2) return wrong("'type'", "two types behind it");
    const auto from = dns::parse_type(words[0]);
    const auto to = dns::parse_type(words[1]);
    if (!from || !to) return wrong(quoted(words[from ? 1 : 0]), "a type such as 'AAAA'");
    rule.type_from = *from;
    rule.type_to = *to;
    return {};
}

Status read_class(Words words, Rule& rule) {
    if (words.size() != 2) return wrong("'class'", "two classes behind it");
    const auto from = dns::parse_class(words[0]);
    const auto to = dns::parse_class(words[1]);
    if (!from || !to) return wrong(quoted(words[from ? 1 : 0]), "a class such as 'IN'");
    rule.class_from = *from;
    rule.class_to = *to;
    return {};
}

std::optional<std::uint32_t> number_of(std::string_view text, int base = 10) noexcept {
    std::uint32_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc{} || read != end) return std::nullopt;
    return value;
}

/// "30", "30-300", "30-", "-300".
bool read_ttls(std::string_view text, Rule& rule) noexcept {
    constexpr dns::Ttl ttl_max = 2147483647;
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        const auto ttl = number_of(text);
        rule.ttl_min = rule.ttl_max = ttl.value_or(0);
        return ttl.has_value();
    }
    const std::string_view low = text.substr(0, dash);
    const std::string_view high = text.substr(dash + 1);
    const auto min = low.empty() ? std::optional<std::uint32_t>{0} : number_of(low);
    const auto max = high.empty() ? std::optional<std::uint32_t>{ttl_max} : number_of(high);
    if (!min || !max || *min > *max || (low.empty() && high.empty())) return false;
    rule.ttl_min = *min;
    rule.ttl_max = *max;
    return true;
}

Status read_ttl(Words words, Rule& rule) {
    if (words.size() < 2 || words.size() > 3) {
        return wrong("'ttl'", "a name and seconds behind it");
    }
    Result<Match> match = take_match(words, 1);
    if (!match) return std::move(match).error();
    rule.match = std::move(*match);
    if (read_ttls(words[0], rule)) return {};
    return wrong(quoted(words[0]), "seconds such as '30', '30-300', '30-' or '-300'");
}

std::optional<dns::Rcode> rcode_of(const std::string& word) noexcept {
    constexpr std::uint32_t rcode_max = 23;
    if (const auto number = number_of(word)) {
        if (*number > rcode_max) return std::nullopt;
        return static_cast<dns::Rcode>(*number);
    }
    constexpr std::array<std::pair<std::string_view, unsigned>, 11> more{{{"YXDOMAIN", 6},
                                                                          {"YXRRSET", 7},
                                                                          {"NXRRSET", 8},
                                                                          {"BADSIG", 16},
                                                                          {"BADKEY", 17},
                                                                          {"BADTIME", 18},
                                                                          {"BADMODE", 19},
                                                                          {"BADNAME", 20},
                                                                          {"BADALG", 21},
                                                                          {"BADTRUNC", 22},
                                                                          {"BADVERS", 16}}};
    for (const auto& [name, number] : more) {
        if (lower(word) == lower(name)) return static_cast<dns::Rcode>(number);
    }
    return dns::parse_rcode(word);
}

Status read_rcode(Words words, Rule& rule) {
    if (words.size() < 3 || words.size() > 4) {
        return wrong("'rcode'", "a name and two response codes behind it");
    }
    Result<Match> match = take_match(words, 2);
    if (!match) return std::move(match).error();
    rule.match = std::move(*match);
    const auto from = rcode_of(words[0]);
    const auto to = rcode_of(words[1]);
    if (!from || !to) {
        return wrong(quoted(words[from ? 1 : 0]), "a response code such as 'SERVFAIL' or '2'");
    }
    rule.rcode_from = *from;
    rule.rcode_to = *to;
    return {};
}

Status read_cname(Words words, Rule& rule) {
    if (words.size() < 2 || words.size() > 3) {
        return wrong("'cname'", "a target and its replacement behind it");
    }
    const std::string& from = words[words.size() - 2];
    const std::string& to = words.back();
    Result<Match> match = take_match(words, 1);
    if (!match) return std::move(match).error();
    rule.match = std::move(*match);
    // Parts of names stay as they are written here; in the other rules they get a final dot.
    const bool exact = rule.match.kind == Match::Kind::exact;
    rule.to = Replacement{exact ? normal(to) : lower(to)};
    if (!exact) rule.match.text = lower(from);
    return {};
}

std::optional<std::string> octets_of_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::string octets;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto octet = number_of(digits.substr(i, 2), 16);
        if (!octet) return std::nullopt;
        octets += static_cast<char>(*octet);
    }
    return octets;
}

/// Decimal, 0x, 0 or 0o octal, 0b.
std::optional<std::uint16_t> code_of(std::string_view text) noexcept {
    std::optional<std::uint32_t> value;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        value = number_of(text.substr(2), 16);
    } else if (text.starts_with("0b") || text.starts_with("0B")) {
        value = number_of(text.substr(2), 2);
    } else if (text.starts_with("0o") || text.starts_with("0O")) {
        value = number_of(text.substr(2), 8);
    } else {
        value = number_of(text, text.size() > 1 && text.starts_with('0') ? 8 : 10);
    }
    if (!value || *value > 0xffff) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
}

/// "{client_ip}" and the like; a word with a slash is a label of metadata.
std::optional<OptionData> variable_of(std::string_view text) {
    using enum OptionData::Source;
    constexpr std::array<std::pair<std::string_view, OptionData::Source>, 7> variables{{
        {"qname", name},
        {"qtype", type},
        {"client_ip", client_address},
        {"client_port", client_port},
        {"protocol", protocol},
        {"server_ip", server_address},
        {"server_port", server_port},
    }};
    const std::string_view word = text.substr(1, text.size() - 2);
    for (const auto& [known, source] : variables) {
        if (word == known) return OptionData{.source = source, .text = {}};
    }
    const std::size_t slash = word.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == word.size()) {
        return std::nullopt;
    }
    return OptionData{.source = metadata, .text = std::string{word}};
}

Status read_local(Words words, Rule& rule) {
    if (words.empty()) return wrong("'local'", "an option's code behind it");
    const auto code = code_of(words[0]);
    if (!code) return wrong(quoted(words[0]), "an option's code such as '0xffee'");
    rule.code = *code;
    const std::size_t wanted = rule.action == OptionAction::unset ? 1 : 2;
    if (words.size() != wanted) {
        return wrong("'local'", wanted == 1 ? "a code behind it" : "a code and data behind it");
    }
    if (wanted == 1) return {};
    const std::string& text = words[1];
    if (text.starts_with('{') && text.ends_with('}')) {
        const auto variable = variable_of(text);
        if (!variable) return wrong(quoted(text), "a variable such as '{client_ip}'");
        rule.data = *variable;
        return {};
    }
    const auto octets = text.starts_with("0x") ? octets_of_hex(std::string_view{text}.substr(2))
                                               : std::optional<std::string>{text};
    if (!octets) return wrong(quoted(text), "hexadecimal digits behind '0x'");
    rule.data.text = *octets;
    return {};
}

Status read_subnet(Words words, Rule& rule) {
    rule.code = 8;  // RFC 7871
    rule.data.source = OptionData::Source::subnet;
    if (rule.action == OptionAction::unset) {
        return words.empty() ? Status{} : wrong(quoted(words[0]), "nothing behind 'unset'");
    }
    if (words.size() != 2) return wrong("'subnet'", "bits for IPv4 and for IPv6 behind it");
    const auto v4 = code_of(words[0]);
    const auto v6 = code_of(words[1]);
    if (!v4 || *v4 > 32) return wrong(quoted(words[0]), "a number from 0 to 32");
    if (!v6 || *v6 > 128) return wrong(quoted(words[1]), "a number from 0 to 128");
    rule.data.v4_bits = static_cast<std::uint8_t>(*v4);
    rule.data.v6_bits = static_cast<std::uint8_t>(*v6);
    return {};
}

Status read_edns0(Words words, Rule& rule) {
    if (words.size() < 2) return wrong("'edns0'", "'local', 'nsid' or 'subnet', and an action");
    using enum OptionAction;
    constexpr std::array<std::pair<std::string_view, OptionAction>, 4> actions{
        {{"append", append}, {"replace", replace}, {"set", set}, {"unset", unset}}};
    const auto* const action = std::ranges::find_if(
        actions, [&](const auto& known) { return same_word(words[1], known.first); });
    if (action == actions.end()) {
        return wrong(quoted(words[1]), "'set', 'append', 'replace' or 'unset'");
    }
    rule.action = action->second;
    const std::string kind = lower(words[0]);
    words = words.subspan(2);
    if (rule.action != unset && !words.empty() && words.back() == "revert") {
        rule.revert = true;
        words = words.first(words.size() - 1);
    }
    if (kind == "local") return read_local(words, rule);
    if (kind == "subnet") return read_subnet(words, rule);
    if (kind != "nsid") return wrong(quoted(kind), "'local', 'nsid' or 'subnet'");
    rule.code = 3;  // RFC 5001
    return words.empty() ? Status{} : wrong(quoted(words[0]), "nothing behind 'nsid'");
}

struct Reading {
    std::string_view name;
    Field field;
    Status (*read)(Words words, Rule& rule);
};
constexpr std::array<Reading, 7> readings{{{"name", Field::name, read_name},
                                           {"type", Field::type, read_type},
                                           {"class", Field::klass, read_class},
                                           {"ttl", Field::ttl, read_ttl},
                                           {"rcode", Field::rcode, read_rcode},
                                           {"cname", Field::cname, read_cname},
                                           {"edns0", Field::edns0, read_edns0}}};

}  // namespace

Replacement::Replacement(std::string_view text) : whole{text} {
    std::string before;
    while (!text.empty()) {
        const std::size_t close = text.front() == '{' ? text.find('}') : std::string_view::npos;
        const auto group =
            close == std::string_view::npos ? std::nullopt : number_of(text.substr(1, close - 1));
        if (group && *group < Pattern::groups_max) {
            parts.push_back({std::move(before), static_cast<int>(*group)});
            before.clear();
            text.remove_prefix(close + 1);
        } else {
            before += text.front();
            text.remove_prefix(1);
        }
    }
    if (!before.empty()) parts.push_back({std::move(before)});
}

Result<Rule> read_rule(const std::vector<std::string>& given) {
    Words words{given};
    Rule rule;
    if (!words.empty() && (same_word(words[0], "continue") || same_word(words[0], "stop"))) {
        rule.stop = same_word(words[0], "stop");
        words = words.subspan(1);
    }
    constexpr std::string_view fields =
        "'name', 'type', 'class', 'ttl', 'rcode', 'cname' or 'edns0'";
    if (words.empty()) return wrong("no rule", fields);
    const auto* const reading = std::ranges::find_if(
        readings, [&](const Reading& known) { return same_word(words[0], known.name); });
    if (reading == readings.end()) return wrong(quoted(words[0]), fields);
    rule.field = reading->field;
    if (Status read = reading->read(words.subspan(1), rule); !read) return std::move(read).error();
    return rule;
}

}  // namespace nameplane::plugins::rewriting
