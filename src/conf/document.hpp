#pragma once
// Document: a configuration as it was written, before anybody asks what it means. Nothing here
// knows any option; every front end (TOML, Corefile) produces one.

#include <nameplane/conf/statement.hpp>

#include <string>
#include <vector>

namespace nameplane::conf {

/// Something wrong in a document: "file:line: what, expected what".
struct Problem {
    Where where;
    std::string text;
    std::string to_string() const;
};
/// Sorted by place: file, then line; problems of one line stay in order.
void sort_by_place(std::vector<Problem>& problems);

/// A name, words behind it and perhaps a body. TOML: `ttl = 30` is {"ttl", {"30"}}; a table is a
/// directive with a body; an array gives several words, an array of arrays several directives.
struct Directive {
    std::string name;
    std::vector<std::string> words;
    std::vector<Directive> body;
    Where where;
    /// Written as a line (of a Corefile, or as TOML's "line" and "body"): its words are words of a
    /// line, its body has lines. Otherwise it is a TOML value or table.
    bool is_line = false;
};

/// The directive without its name; its body's lines with theirs.
Statement statement_of(const Directive& directive);

/// A set of zones served by one chain.
struct ServerBlock {
    std::vector<std::string> zones;
    std::vector<Directive> plugins;
    Where where;
};

struct Document {
    std::vector<Directive> settings;  ///< the agent's own tables: dns, services, rules, ...
    std::vector<ServerBlock> servers;
};

}  // namespace nameplane::conf
