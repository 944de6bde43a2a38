// Which fields of a message templates may name: what is known of them when they are read.

#include "plugins/template/rule.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::templating {

namespace {

using Path = std::vector<std::string>;

constexpr std::array<std::string_view, 18> of_message{"MsgHdr",
                                                      "String",
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
constexpr std::array<std::string_view, 4> of_question{"Name", "Qtype", "Qclass", "String"};
/// Fields and methods that CoreDNS has somewhere in a message, and we do not.
constexpr std::array<std::string_view, 10> nowhere{
    "Compress", "Copy", "Len", "Pack", "IsTsig", "Option", "Co", "Z", "ExtendedRcode", "ToRFC3597"};

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
