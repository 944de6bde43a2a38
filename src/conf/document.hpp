#pragma once
// Document: a configuration as it was written, before anybody asks what it means. Nothing here
// knows any syntax or option; every front end (TOML now) produces one.

#include <string>
#include <vector>

namespace nameplane::conf {

/// Where something stood, for messages.
struct Where {
    std::string file;
    unsigned line = 0;
    /// "nameplane.toml:12"; without the line if that is 0, what is wrong with the file as a whole.
    std::string to_string() const;
    friend bool operator==(const Where&, const Where&) = default;
};

/// Something wrong in a document: "file:line: what, expected what".
struct Problem {
    Where where;
    std::string text;
    std::string to_string() const;
};
/// Sorted by place: file, then line; problems of one line stay in order.
void sort_by_place(std::vector<Problem>& problems);

/// A name, words behind it and perhaps a body. TOML: `ttl = 30` is {"ttl", {"30"}}; a table is a
/// directive with a body; an array gives several words.
struct Directive {
    std::string name;
    std::vector<std::string> words;
    std::vector<Directive> body;
    Where where;
};

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
