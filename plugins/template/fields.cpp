// Which fields of a message templates may name: what is known of them when they are read.

#include "plugins/template/rule.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::templating {

namespace {

using Path = std::vector<std::string>;

constexpr std::array<std::string_view, 17> of_message{"MsgHdr",
                                                      "Id",
                                                      "Response",
                                                      "Opcode",
                                                      "Authoritative",
                                                      "Truncated",
                                                      "RecursionDesired",
                                                      "RecursionAvailable",
                                                      "Zero",
                                                      "AuthenticatedData",
                                                      "CheckingDisabled",
                                                      "Rcode",
                                                      "Question",
                                                      "Answer",
                                                      "Ns",
                                                      "Extra",
                                                      "IsEdns0"};
constexpr std::array<std::string_view, 3> of_question{"Name", "Qtype", "Qclass"};
/// Fields and methods that CoreDNS has somewhere in a message, and we do not.
constexpr std::array<std::string_view, 12> nowhere{
    "Compress", "Copy", "Len", "Pack", "IsTsig",        "String",
    "Option",   "Ttl",  "Co",  "Z",    "ExtendedRcode", "ToRFC3597"};

std::string joined(const Path& path) {
    std::string text;
    for (const std::string& name : path) text += "." + name;
    return text.empty() ? "." : text;
}

/// A thing as a whole, of which Go would print all.
bool is_thing(const GoTemplate::Use& use) {
    if (use.path.empty()) return use.of_data;
    const std::string& last = use.path.back();
    if (use.path[0] == "Message") {
        return use.path.size() == 1 || last == "MsgHdr" || last == "IsEdns0" || last == "Hdr" ||
               last == "Header" || last == "Question" || last == "Extra";
    }
    return use.of_data && use.path.size() == 1 && (last == "Question" || last == "Var");
}

}  // namespace

std::string left_out(const GoTemplate::Use& use) {
    const Path& path = use.path;
    if (use.as_text && is_thing(use)) return "'" + joined(path) + "', expected one of its fields";
    bool known = true;
    if (path.size() > 1 && path[0] == "Message") {
        known = std::ranges::count(of_message, path[1]) != 0;
    } else if (path.size() > 1 && path[0] == "Question" && use.of_data) {
        known = std::ranges::count(of_question, path[1]) != 0;
    }
    const bool is_elsewhere = use.of_data && !path.empty() && path[0] != "Message";
    known = known && (is_elsewhere || std::ranges::none_of(path, [](const std::string& name) {
                          return std::ranges::count(nowhere, name) != 0;
                      }));
    if (known) return {};
    return "'" + joined(path) + "', which is not supported, expected a field such as '.Message.Id'";
}

}  // namespace nameplane::plugins::templating
