#include "rules/iptables/node_local_text.hpp"

#include "rules/iptables/render.hpp"
#include "rules/iptables/table.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {
namespace {

/// The words of a rule. What stands in quotes is one; none of our comments has a quote in it.
std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        const bool quoted = line[0] == '"';
        if (quoted) line.remove_prefix(1);
        const auto end = std::min(line.find(quoted ? '"' : ' '), line.size());
        if (quoted || end != 0) words.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

/// What a rule says, however it is written: versions differ in the order of the words, in naming
/// matches, and in what they call NOTRACK.
std::vector<std::string> meaning_of(std::string_view rule) {
    const std::vector<std::string_view> words = words_of(rule);
    std::vector<std::string> meaning;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "-m" && i + 1 < words.size()) {
            ++i;  // named again by its options
            continue;
        }
        std::string_view word = words[i];
        if (word == "--notrack") continue;
        if (i != 0 && words[i - 1] == "-j" && word == "CT") word = "NOTRACK";
        if (i != 0 && (words[i - 1] == "-s" || words[i - 1] == "-d")) {
            for (const std::string_view whole : {"/32", "/128"}) {
                if (word.ends_with(whole)) word.remove_suffix(whole.size());
            }
        }
        if (word.starts_with('-') || meaning.empty()) {
            meaning.emplace_back(word);
        } else {
            meaning.back().append(" ").append(word);
        }
    }
    std::ranges::sort(meaning);
    return meaning;
}

struct Meant {
    std::string_view chain;
    std::vector<std::string> meaning;
    friend bool operator==(const Meant&, const Meant&) = default;
};

/// A rule as saved.
struct Line {
    std::string_view text;  ///< "OUTPUT -d ...", what stands behind "-A "
    Meant meant;
};

std::vector<Line> lines_of(std::string_view saved, TableName wanted) {
    std::vector<Line> lines;
    bool in_table = false;
    while (!saved.empty()) {
        const auto end = std::min(saved.find('\n'), saved.size());
        const std::string_view line = saved.substr(0, end);
        saved.remove_prefix(std::min(end + 1, saved.size()));
        if (line.starts_with('*')) in_table = line.substr(1) == to_string(wanted);
        if (!in_table || !line.starts_with("-A ")) continue;
        const std::string_view text = line.substr(3);
        const auto chain = std::min(text.find(' '), text.size());
        lines.push_back({text, {text.substr(0, chain), meaning_of(text.substr(chain))}});
    }
    return lines;
}

class Writer {
public:
    explicit Writer(TableName table) : table_{table} {}

    void add(std::string_view verb, std::string_view rest) {
        if (done_.lines++ == 0) done_.text.append("*").append(to_string(table_)).append("\n");
        done_.text.append(verb).append(rest).append("\n");
    }
    NodeLocalText finish() && {
        if (done_.lines != 0) done_.text += "COMMIT\n";
        return std::move(done_);
    }

private:
    TableName table_;
    NodeLocalText done_;
};

}  // namespace

NodeLocalText text_of_missing(std::string_view saved, TableName table,
                              std::span<const PlacedRule> rules) {
    const std::vector<Line> lines = lines_of(saved, table);
    Writer writer{table};
    for (const PlacedRule& placed : rules) {
        if (placed.table != table) continue;
        const std::string text = to_text(placed.rule);
        const Meant wanted{placed.chain, meaning_of(text)};
        if (std::ranges::count(lines, wanted, &Line::meant) != 0) continue;
        writer.add("-I ", placed.chain + " " + text);
    }
    return std::move(writer).finish();
}

NodeLocalText text_without(std::string_view saved, TableName table,
                           std::span<const PlacedRule> rules) {
    std::vector<Meant> unwanted;
    for (const PlacedRule& placed : rules) {
        if (placed.table != table) continue;
        unwanted.push_back({placed.chain, meaning_of(to_text(placed.rule))});
    }
    Writer writer{table};
    for (const Line& line : lines_of(saved, table)) {
        if (std::ranges::count(unwanted, line.meant) != 0) writer.add("-D ", line.text);
    }
    return std::move(writer).finish();
}

}  // namespace nameplane::rules::iptables
