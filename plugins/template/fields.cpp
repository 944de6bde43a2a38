// Which fields of a message templates may name: what is known of them when they are read.

#include "plugins/template/rule.hpp"
#include "plugins/template/things.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::templating {

namespace {

using Path = std::vector<std::string>;

/// Beside the fields of its header.
constexpr std::array<std::string_view, 7> of_message{"MsgHdr", "String", "Question", "Answer",
                                                     "Ns",     "Extra",  "IsEdns0"};
/// Fields and methods that CoreDNS has somewhere in a message, and we do not.
constexpr std::array<std::string_view, 10> nowhere{
    "Compress", "Copy", "Len", "Pack", "IsTsig", "Option", "Co", "Z", "ExtendedRcode", "ToRFC3597"};

bool has_field(Thing thing, std::string_view name) {
    return std::ranges::count(shape_of(thing).fields, name) != 0;
}

std::string joined(const Path& path) {
    std::string text;
    for (const std::string& name : path) text += "." + name;
    return text.empty() ? "." : text;
}

/// What Go prints with addresses in it.
bool is_unprintable(const GoTemplate::Use& use) {
    if (!use.of_data) return false;
    return use.path.empty() || (use.path.size() == 1 && use.path[0] == "Var");
}

}  // namespace

std::string left_out(const GoTemplate::Use& use) {
    const Path& path = use.path;
    if (use.as_text && is_unprintable(use))
        return "'" + joined(path) + "', expected one of its fields";
    bool known = true;
    if (path.size() > 1 && path[0] == "Message") {
        known = std::ranges::count(of_message, path[1]) != 0 || has_field(Thing::header, path[1]);
    } else if (path.size() > 1 && path[0] == "Question" && use.of_data) {
        known = path[1] == "String" || has_field(Thing::question, path[1]);
    }
    const bool is_elsewhere = use.of_data && !path.empty() && path[0] != "Message";
    known = known && (is_elsewhere || std::ranges::none_of(path, [](const std::string& name) {
                          return std::ranges::count(nowhere, name) != 0;
                      }));
    if (known) return {};
    return "'" + joined(path) + "', which is not supported, expected a field such as '.Message.Id'";
}

}  // namespace nameplane::plugins::templating
