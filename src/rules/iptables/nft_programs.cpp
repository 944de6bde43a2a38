#include "rules/iptables/nft_programs.hpp"

#include "rules/iptables/child.hpp"
#include "rules/iptables/table.hpp"

#include <array>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

/// The first line of what a program complained of.
std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

/// The kind of a refusal, by the words that the program has for it.
Errc kind_of(std::string_view text) {
    struct Word {
        std::string_view word;
        Errc code;
    };
    constexpr std::array words{
        Word{"ermission denied", Errc::permission}, Word{"must be root", Errc::permission},
        Word{"not permitted", Errc::permission},    Word{"temporarily unavailable", Errc::again},
        Word{"not supported", Errc::unsupported},   Word{"load match", Errc::unsupported},
        Word{"load target", Errc::unsupported}};
    for (const Word& each : words) {
        if (text.find(each.word) != std::string_view::npos) return each.code;
    }
    return Errc::io;
}

}  // namespace

NftPrograms::NftPrograms(Family family, const NftIptablesOptions& options)
    : name_{family == Family::ipv4 ? options.program : options.program6}, time_max_{
                                                                              options.time_max} {}

bool NftPrograms::installed() const {
    return is_in_path(name_ + "-save") && is_in_path(name_ + "-restore");
}

Result<std::string> NftPrograms::save(std::optional<TableName> table) const {
    std::vector<std::string> command{name_ + "-save"};
    if (table) command.insert(command.end(), {"-t", to_string(*table)});
    pid_t pid = 0;
    return run(command, {}, pid);
}

Result<pid_t> NftPrograms::restore(std::string_view text) const {
    pid_t pid = 0;
    auto output = run({name_ + "-restore", "--noflush"}, text, pid);
    if (!output) return std::move(output).error();
    return pid;
}

Result<std::string> NftPrograms::run(const std::vector<std::string>& command,
                                     std::string_view input, pid_t& pid) const {
    // It takes long for very many chains, in proportion to more than their number.
    constexpr std::size_t octets_a_millisecond = 32;
    const std::chrono::milliseconds more{input.size() / octets_a_millisecond};
    auto end = run_child(command, input, time_max_ + more);
    if (!end) return std::move(end).error();
    if (end->status != 0) {
        return Error{kind_of(end->errors), command[0] + ": " + first_line(end->errors)};
    }
    pid = end->pid;
    return std::move(end->output);
}

}  // namespace nameplane::rules::iptables
