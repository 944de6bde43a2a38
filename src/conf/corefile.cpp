#include "conf/corefile.hpp"

#include "conf/lines.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace nameplane::conf {

namespace {

using Words = std::shared_ptr<const std::vector<Word>>;

// "{$NAME}" and "{%NAME%}" replaced by what the environment says. As in caddy, variables in values
// are replaced as well, here so many times at most.
std::string replace_variables(std::string_view text, std::string_view begin, std::string_view end,
                              const Surroundings& surroundings) {
    constexpr std::size_t times_max = 1000;
    constexpr std::size_t octets_max = 1 << 20;
    std::string all{text};
    for (std::size_t i = 0; i < times_max && all.size() < octets_max; ++i) {
        const std::size_t at = all.find(begin);
        const std::size_t close = at == all.npos ? all.npos : all.find(end, at);
        if (close == all.npos || close <= at + begin.size()) break;
        const std::string name = all.substr(at + begin.size(), close - at - begin.size());
        all.replace(at, close + end.size() - at, surroundings.variable(name));
    }
    return all;
}

class CorefileReader {
public:
    CorefileReader(std::string_view text, std::string_view file, const Surroundings& surroundings)
        : surroundings_{surroundings} {
        push(std::make_shared<std::vector<Word>>(words_of(text, {std::string{file}, 1})));
    }

    CorefileReading read() && {
        while (peek() != nullptr) read_block();
        sort_by_place(reading_.problems);
        return std::move(reading_);
    }

private:
    // Where words come from: the file, and inside of it what is being imported.
    struct Source {
        Words words;
        std::size_t at = 0;
    };

    void problem(const Where& where, std::string text) {
        reading_.problems.push_back({where, std::move(text)});
    }

    void push(Words words) {
        if (!words->empty()) sources_.push_back({std::move(words), 0});
    }

    // The next word, or nullptr at the end of everything.
    const Word* peek() {
        while (!sources_.empty() && sources_.back().at == sources_.back().words->size()) {
            sources_.pop_back();
        }
        if (sources_.empty()) return nullptr;
        const Source& source = sources_.back();
        return &(*source.words)[source.at];
    }
    // What an import brings begins a line.
    bool begins_line() const {
        const Source& source = sources_.back();
        return source.at == 0 || (*source.words)[source.at].begins_line;
    }
    // The next word with its variables replaced; not at the end.
    Word take() {
        const bool begins = begins_line();
        Source& source = sources_.back();
        Word word = (*source.words)[source.at++];
        word.begins_line = begins;
        word.text = with_variables(word.text);
        if (++words_taken_ == words_max) {
            problem(word.where, "more than " + std::to_string(words_max) +
                                    " words, expected fewer or smaller imports");
            sources_.clear();
        }
        return word;
    }
    std::string with_variables(std::string_view text) const {
        return replace_variables(replace_variables(text, "{%", "%}", surroundings_), "{$", "}",
                                 surroundings_);
    }
    bool at_import() { return peek() != nullptr && peek()->text == "import" && begins_line(); }

    void read_block() {
        ServerBlock block;
        block.where = peek()->where;
        if (!read_keys(block)) return;
        const bool has_brace = peek() != nullptr && peek()->text == "{";
        const Where opened = has_brace ? take().where : block.where;
        if (block.zones.size() == 1 && block.zones[0].starts_with('(') &&
            block.zones[0].ends_with(')')) {
            return read_snippet(block, has_brace, opened);
        }
        read_directives(block, has_brace, opened);
        // Without zones there was a problem, or only empty words.
        if (!block.zones.empty()) reading_.document.servers.push_back(std::move(block));
    }

    // Up to the "{", or the end of the line; false if nothing is left.
    bool read_keys(ServerBlock& block) {
        bool is_continued = false;
        while (peek() != nullptr) {
            if (at_import()) {
                import();
                if (block.zones.empty() && peek() != nullptr) block.where = peek()->where;
                continue;
            }
            if (peek()->text == "{") {
                if (is_continued) {
                    problem(peek()->where, "'{' behind a comma, expected another zone");
                }
                return true;
            }
            if (begins_line() && !is_continued && !block.zones.empty()) return true;
            Word key = take();
            if (key.text == "}") {
                problem(key.where, "'}' without a block, expected '{' before");
                continue;
            }
            if (key.text == ",") problem(key.where, "',' alone, expected it behind a zone");
            is_continued = key.text.ends_with(',');
            if (is_continued) key.text.pop_back();
            if (!key.text.empty()) block.zones.push_back(std::move(key.text));
        }
        if (is_continued) problem(block.where, "the file ends behind a comma, expected a zone");
        return !block.zones.empty();
    }

    void read_snippet(const ServerBlock& block, bool has_brace, const Where& opened) {
        const std::string name = block.zones[0].substr(1, block.zones[0].size() - 2);
        if (!has_brace) {
            return problem(block.where, "(" + name + "): no block, expected '{' behind it");
        }
        auto words = std::make_shared<std::vector<Word>>();
        std::size_t nesting = 1;
        while (peek() != nullptr) {
            // Variables are replaced where the snippet is imported.
            const bool begins = begins_line();
            Source& source = sources_.back();
            Word word = (*source.words)[source.at++];
            word.begins_line = begins;
            if (word.text == "{") ++nesting;
            if (word.text == "}" && --nesting == 0) break;
            words->push_back(std::move(word));
        }
        if (nesting > 0) problem(opened, "'{' is not closed, expected '}'");
        for (std::size_t i = 0; i + 1 < words->size(); ++i) {
            const Word& what = (*words)[i + 1];
            if ((*words)[i].text != "import" || !(*words)[i].begins_line) continue;
            if (with_variables(what.text) != name) continue;
            problem(what.where, "(" + name + "): imports itself, expected others");
        }
        const auto [known, is_new] =
            snippets_.emplace(name, Snippet{std::move(words), block.where});
        if (is_new) return;
        problem(block.where, "(" + name + "): given twice, expected once (first at " +
                                 known->second.where.to_string() + ")");
    }

    void read_directives(ServerBlock& block, bool has_brace, const Where& opened) {
        while (peek() != nullptr) {
            if (peek()->text == "}") {
                const Word word = take();
                if (has_brace) return;
                // CoreDNS ends the block there, too.
                reading_.warnings.push_back(
                    {word.where, "'}' without a block, expected '{' before"});
                return;
            }
            if (peek()->text == "import") {
                import();
            } else if (!read_directive(block)) {
                return;
            }
        }
        if (has_brace) problem(opened, "'{' is not closed, expected '}'");
    }

    // False if it ended with the brace that closes the server block.
    bool read_directive(ServerBlock& block) {
        std::vector<Word> words;
        words.push_back(take());
        words.back().begins_line = true;
        std::size_t nesting = words.back().text == "{" ? 1 : 0;
        bool is_last = false;
        while (peek() != nullptr && !is_last) {
            if (at_import() && nesting > 0) {
                import();
                continue;
            }
            if (nesting == 0 && begins_line()) break;
            Word word = take();
            if (word.text == "}" && nesting == 0) {
                problem(word.where, "'}' behind other words, expected it on a line of its own");
                is_last = true;
                break;
            }
            if (word.text == "{") ++nesting;
            if (word.text == "}") --nesting;
            words.push_back(std::move(word));
        }
        for (Directive& directive : lines_of(words, reading_.problems)) {
            block.plugins.push_back(std::move(directive));
        }
        return !is_last;
    }

    // The words of a snippet, or of files, come in the place of the line.
    void import() {
        const Word import = take();
        if (peek() == nullptr || begins_line()) {
            return problem(import.where, "import: nothing, expected a snippet or a file");
        }
        const Word what = take();
        if (peek() != nullptr && !begins_line()) {
            problem(peek()->where,
                    "import: '" + peek()->text + "', expected nothing more behind it");
            while (peek() != nullptr && !begins_line()) take();
        }
        if (what.text.empty()) {
            return problem(what.where, "import: an empty name, expected a snippet or a file");
        }
        if (++imports_ > imports_max || sources_.size() > import_depth_max) {
            problem(what.where, "import: too many, expected at most " +
                                    std::to_string(imports_max) + ", and " +
                                    std::to_string(import_depth_max) + " inside of each other");
            sources_.clear();
            return;
        }
        if (const auto snippet = snippets_.find(what.text); snippet != snippets_.end()) {
            return push(snippet->second.words);
        }
        import_files(what);
    }

    void import_files(const Word& what) {
        const std::filesystem::path folder = std::filesystem::path{what.where.file}.parent_path();
        const std::string pattern = (folder / what.text).string();
        if (std::ranges::count(pattern, '*') > 1 || std::ranges::count(pattern, '?') > 1 ||
            (pattern.find('[') != pattern.npos && pattern.find(']') != pattern.npos)) {
            return problem(what.where, "import: '" + what.text +
                                           "' has several wildcards, expected one '*' at most");
        }
        if (pattern.find('[') != pattern.npos) {
            return problem(what.where, "import: '" + what.text + "' has a '[', expected none");
        }
        const std::vector<std::string> paths = surroundings_.glob(pattern);
        if (paths.empty() && pattern.find_first_of("*?[]") == pattern.npos) {
            return problem(what.where, "import: '" + what.text +
                                           "' does not exist, expected a snippet or a file");
        }
        if (paths.empty()) {
            reading_.warnings.push_back(
                {what.where, "import: no file matches '" + what.text + "'"});
        }
        auto words = std::make_shared<std::vector<Word>>();
        for (const std::string& path : paths) {
            Result<std::string> text = surroundings_.read(path);
            if (!text) {
                problem(what.where, "import: " + text.error().text + ", expected a readable file");
                continue;
            }
            std::vector<Word> some = words_of(*text, {path, 1});
            std::move(some.begin(), some.end(), std::back_inserter(*words));
            reading_.imported.emplace_back(path, std::move(text).value());
        }
        push(std::move(words));
    }

    struct Snippet {
        Words words;
        Where where;
    };

    const Surroundings& surroundings_;
    std::deque<Source> sources_;
    std::map<std::string, Snippet, std::less<>> snippets_;
    std::size_t imports_ = 0;
    std::size_t words_taken_ = 0;
    CorefileReading reading_;
};

}  // namespace

CorefileReading read_corefile(std::string_view text, std::string_view file,
                              const Surroundings& surroundings) {
    return CorefileReader{text, file, surroundings}.read();
}

}  // namespace nameplane::conf
