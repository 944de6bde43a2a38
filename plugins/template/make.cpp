// The words of the configuration to rules.

#include "conf/values.hpp"
#include "dns/record_text.hpp"
#include "plugins/template/template.hpp"

#include <algorithm>
#include <charconv>

namespace nameplane::plugins {

namespace templating {

namespace {

// What stands here has a series of its own; the last slot is for all else.
constexpr std::array types_known{
    dns::Type::a,     dns::Type::aaaa, dns::Type::srv,    dns::Type::ptr,   dns::Type::cname,
    dns::Type::txt,   dns::Type::soa,  dns::Type::ns,     dns::Type::mx,    dns::Type::ds,
    dns::Type::caa,   dns::Type::any,  dns::Type::https,  dns::Type::svcb,  dns::Type::hinfo,
    dns::Type::naptr, dns::Type::tlsa, dns::Type::dnskey, dns::Type::rrsig, dns::Type::nsec};

class RuleReader {
public:
    RuleReader(const Statement& statement, Setup& setup, Mistakes& mistakes)
        : statement_{statement}, setup_{setup}, mistakes_{mistakes}, where_{statement.where} {}

    Rule read() {
        if (!read_head()) return {};
        rule_.environment.functions = query_functions();
        for (const Statement& line : statement_.body) {
            where_ = line.where;
            read_line(line.words);
        }
        make_counters();
        return std::move(rule_);
    }

private:
    void wrong(const std::string& text) { mistakes_.add(where_, "template: " + text); }

    bool read_head() {
        const std::vector<std::string>& words = statement_.words;
        if (words.size() < 2) {
            wrong(std::to_string(words.size()) + " words, expected CLASS TYPE [ZONES...]");
            return false;
        }
        const auto klass = dns::parse_class(words[0]);
        if (!klass || dns::to_string(*klass) != words[0]) {
            wrong("'" + words[0] + "', expected a class such as 'IN' or 'ANY'");
            return false;
        }
        const auto type = dns::parse_type(words[1]);
        if (!type || dns::to_string(*type) != words[1]) {
            wrong("'" + words[1] + "', expected a type such as 'AAAA' or 'ANY'");
            return false;
        }
        rule_.klass = *klass;
        rule_.type = *type;
        rule_.zones = zones(words, 2);
        if (words.size() == 2) rule_.zones.assign(setup_.zones.begin(), setup_.zones.end());
        for (const dns::Name& zone : rule_.zones) rule_.zone_texts.push_back(zone.to_string());
        return true;
    }

    std::vector<dns::Name> zones(const std::vector<std::string>& words, std::size_t first) {
        std::vector<dns::Name> zones;
        for (std::size_t i = first; i < words.size(); ++i) {
            if (!conf::add_zones(words[i], zones)) wrong("'" + words[i] + "', expected a zone");
        }
        return zones;
    }

    void read_line(const std::vector<std::string>& words) {
        const std::string& what = words[0];
        if (what == "fallthrough") {
            rule_.fallthrough = {true, zones(words, 1)};
        } else if (what == "upstream") {
            // Means nothing since CoreDNS 1.5, and stands in old files.
        } else if (what == "ederror") {
            read_extended_error(words);
        } else if (words.size() < 2) {
            wrong("'" + what + "', expected more behind it");
        } else if (what == "match") {
            for (std::size_t i = 1; i < words.size(); ++i) add_pattern(words[i]);
        } else if (what == "rcode") {
            const auto rcode = dns::parse_rcode(words[1]);
            if (!rcode) return wrong("rcode: '" + words[1] + "', expected one such as 'NXDOMAIN'");
            rule_.rcode = *rcode;
        } else if (what == "answer" || what == "additional" || what == "authority") {
            const Part part = what == "answer"       ? Part::answer
                              : what == "additional" ? Part::additional
                                                     : Part::authority;
            for (std::size_t i = 1; i < words.size(); ++i) add_record(part, what, words[i]);
        } else if (what == "var") {
            add_variable(words);
        } else if (what == "expr") {
            if (auto condition = expression_of("expr", words, 1)) {
                rule_.conditions.push_back(std::move(*condition));
            }
        } else {
            wrong("'" + what +
                  "', expected 'match', 'var', 'expr', 'answer', 'additional', 'authority', "
                  "'rcode', 'ederror' or 'fallthrough'");
        }
    }

    /// The words from `first` on as an expression; nothing if they are none.
    std::optional<expression::Expression> expression_of(const std::string& what,
                                                        const std::vector<std::string>& words,
                                                        std::size_t first) {
        std::string text;
        for (std::size_t i = first; i < words.size(); ++i)
            text += (i > first ? " " : "") + words[i];
        auto expression = expression::Expression::parse(text, rule_.environment);
        if (expression) return std::move(*expression);
        wrong(what + ": " + expression.error().text);
        return std::nullopt;
    }

    static bool is_name(const std::string& word) {
        constexpr std::string_view letters =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
        constexpr std::string_view digits = "0123456789";
        return !word.empty() && letters.find(word[0]) != std::string_view::npos &&
               std::ranges::all_of(word, [&](char c) {
                   return letters.find(c) != std::string_view::npos ||
                          digits.find(c) != std::string_view::npos;
               });
    }

    void add_variable(const std::vector<std::string>& words) {
        const std::string& name = words[1];
        if (words.size() < 3) return wrong("var: '" + name + "', expected an expression behind it");
        if (!is_name(name)) {
            return wrong("var: '" + name + "', expected letters, digits and '_'");
        }
        const auto& environment = rule_.environment;
        const bool taken =
            expression::is_reserved(name) ||
            std::ranges::count(environment.functions, name, &expression::Function::name) != 0 ||
            std::ranges::count(environment.variables, name, &expression::Variable::name) != 0;
        if (taken) return wrong("var: '" + name + "', expected a name that means nothing yet");
        auto value = expression_of("var", words, 2);
        if (!value) return;
        rule_.environment.variables.push_back({name, value->type()});
        rule_.variables.push_back(std::move(*value));
    }

    void add_pattern(const std::string& text) {
        Result<Pattern> pattern = Pattern::make(text);
        if (!pattern) return wrong("match: " + pattern.error().text);
        rule_.patterns.push_back(std::move(*pattern));
    }

    void read_extended_error(const std::vector<std::string>& words) {
        std::uint16_t code = 0;
        const std::string text = words.size() > 1 ? words[1] : std::string{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
        if (words.size() > 3 || error != std::errc{} || end != text.data() + text.size()) {
            return wrong("ederror: expected a code of RFC 8914 and perhaps a reason");
        }
        rule_.extended_error = {static_cast<std::uint8_t>(code >> 8U),
                                static_cast<std::uint8_t>(code)};
        if (words.size() == 3) {
            rule_.extended_error.insert(rule_.extended_error.end(), words[2].begin(),
                                        words[2].end());
        }
    }

    void add_record(Part part, const std::string& what, const std::string& text) {
        Result<GoTemplate> parsed = GoTemplate::parse(text, what);
        if (!parsed) return wrong(what + ": " + parsed.error().text);
        for (const GoTemplate::Use& use : parsed->uses()) {
            const std::string why = left_out(use);
            if (!why.empty()) return wrong(what + ": " + why);
        }
        RecordTemplate record{
            .part = part, .text = std::move(*parsed), .memory = nullptr, .fixed = std::nullopt};
        make_fixed(record);
        rule_.records.push_back(std::move(record));
    }

    // Text that never changes is read now. What does not read fails query by query, as in CoreDNS.
    static void make_fixed(RecordTemplate& record) {
        const std::string* text = record.text.constant();
        std::string with_owner;
        if (text == nullptr) {
            const std::string* const behind = record.text.constant_behind_name();
            if (behind == nullptr) return;
            with_owner = "owner." + *behind;
            text = &with_owner;
            record.owner_is_name = true;
        }
        record.memory = std::make_unique<Arena>(text->size() * 2 + 4096);
        const auto read = dns::read_record(*text, *record.memory);
        if (read) record.fixed = *read;
    }

    void make_counters() {
        rule_.labels = {{"server", std::string{setup_.server_label}},
                        {"view", std::string{setup_.view}}};
        const std::string klass =
            dns::to_string(rule_.klass == dns::Class::any ? dns::Class::in : rule_.klass);
        for (const std::string& zone : rule_.zone_texts) {
            std::vector<metrics::Counter*> counters(types_known.size() + 1, nullptr);
            for (const dns::Type type : types_known) {
                if (rule_.type != dns::Type::any && rule_.type != type) continue;
                counters[type_slot(type)] = counter(zone, klass, dns::to_string(type));
            }
            if (counters.back() == nullptr) counters.back() = counter(zone, klass, "");
            rule_.matches.push_back(std::move(counters));
        }
    }

    metrics::Counter* counter(const std::string& zone, const std::string& klass,
                              const std::string& type) {
        return &setup_.metrics.counter("coredns_template_matches_total",
                                       "Counter of template regex matches.",
                                       {{"server", std::string{setup_.server_label}},
                                        {"zone", zone},
                                        {"view", std::string{setup_.view}},
                                        {"class", klass},
                                        {"type", type}});
    }

    const Statement& statement_;
    Setup& setup_;
    Mistakes& mistakes_;
    Where where_;
    Rule rule_;
};

}  // namespace

std::vector<expression::Function> query_functions() {
    using enum expression::Type;
    std::vector<expression::Function> functions = QueryFunctions::all();
    functions.push_back({"group", {text}, text, static_cast<int>(GroupFunction::by_name)});
    functions.push_back({"group", {integer}, text, static_cast<int>(GroupFunction::by_number)});
    return functions;
}

std::size_t type_slot(dns::Type type) noexcept {
    const auto* const found = std::ranges::find(types_known, type);
    return static_cast<std::size_t>(found - types_known.begin());
}

Rule read_rule(const Statement& statement, Setup& setup, Mistakes& mistakes) {
    return RuleReader{statement, setup, mistakes}.read();
}

}  // namespace templating

Result<PluginPtr> Template::make(const Options& given, Setup& setup) {
    std::vector<templating::Rule> rules;
    Mistakes mistakes;
    for (const Statement& statement : given.statements()) {
        rules.push_back(templating::read_rule(statement, setup, mistakes));
    }
    if (mistakes.any()) return mistakes.to_error();
    return PluginPtr{new Template{std::move(rules), setup.metrics}};
}

void Template::failed(const templating::Rule& rule, const templating::QueryData& data,
                      const templating::RecordTemplate& record, bool unparsable) const noexcept {
    const std::string_view section = record.part == templating::Part::answer      ? "answer"
                                     : record.part == templating::Part::authority ? "authority"
                                                                                  : "additional";
    metrics::Labels labels = rule.labels;
    labels.emplace_back("zone", rule.zone_texts[data.zone()]);
    labels.emplace_back("class", dns::to_string(data.klass()));
    labels.emplace_back("type", dns::to_string(data.type()));
    labels.emplace_back("section", section);
    labels.emplace_back("template", record.text.text());
    metrics::Counter& counter = unparsable
                                    ? metrics_->counter("coredns_template_rr_failures_total",
                                                        "Counter of mis-templated RRs.", labels)
                                    : metrics_->counter("coredns_template_template_failures_total",
                                                        "Counter of go template failures.", labels);
    counter.add_shared();
}

}  // namespace nameplane::plugins
