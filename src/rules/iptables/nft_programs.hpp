#pragma once
// nft_programs: iptables-nft-save and iptables-nft-restore, which read and write for those whose
// iptables is the nft one.

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

struct NftIptablesOptions {
    /// "iptables-nft" in front of -restore and -save; "ip6tables-nft" for IPv6.
    std::string program = "iptables-nft";
    std::string program6 = "ip6tables-nft";
    /// A program that takes longer, and a millisecond for each 32 octets it is given, is killed;
    /// the kernel then holds the tables that it committed.
    std::chrono::milliseconds time_max{120'000};
};

/// The two programs of one family, each run to its end on the calling thread and in its network
/// namespace. Errc::unsupported: not installed; else what the program complained of.
class NftPrograms {
public:
    NftPrograms(Family family, const NftIptablesOptions& options);

    /// Whether both can be run at all.
    bool installed() const;
    /// What -save prints of all tables, or of one. A table that is not there is not made.
    Result<std::string> save(std::optional<TableName> table = {}) const;
    /// Runs -restore --noflush; the number of the process, by which the kernel calls its changes.
    Result<pid_t> restore(std::string_view text) const;

private:
    Result<std::string> run(const std::vector<std::string>& command, std::string_view input,
                            pid_t& pid) const;

    std::string name_;
    std::chrono::milliseconds time_max_;
};

}  // namespace nameplane::rules::iptables
