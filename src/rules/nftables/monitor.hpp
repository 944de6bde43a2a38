#pragma once
// Monitor: notices when somebody else changes our table. Listens to what nf_tables tells everybody
// after each transaction; nothing is asked and nothing is listed. Rule thread only.

#include "base/fd.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <span>

namespace nameplane::rules::nftables {

/// What to look for.
enum class Watched : std::uint8_t {
    our_table,
    /// Chains that begin with KUBE-, and rules that name one, in the tables of an iptables that is
    /// the nft one; those of the kubelet alone apart.
    kube_chains,
};

/// Whether one datagram of events tells of anybody but `own_port` who changed what is watched; one
/// that is cut might. It begins where a nlmsghdr may.
bool tells_of_change(std::span<const std::uint8_t> datagram, Family family, Watched watched,
                     std::uint32_t own_port);

/// What was heard since the last time.
enum class Heard : std::uint8_t {
    nothing,
    too_much,  ///< more than anybody could keep: nobody knows whether what is watched was changed
    change,    ///< somebody changed what is watched
};

class Monitor {
public:
    explicit Monitor(Family family, Watched watched = Watched::our_table)
        : family_{family}, watched_{watched} {}

    /// Starts to listen, in the network namespace of the calling thread.
    Status start();
    /// While nobody listens, the kernel need not make an event for each of half a million elements.
    void stop() { fd_.reset(); }
    bool listening() const noexcept { return static_cast<bool>(fd_); }

    /// What others than `own_port` did since the last call. Does not wait.
    Heard hear(std::uint32_t own_port);
    /// Whether they changed what is watched, or may have.
    bool disturbed(std::uint32_t own_port) { return hear(own_port) != Heard::nothing; }

private:
    Family family_;
    Watched watched_;
    UniqueFd fd_;
};

}  // namespace nameplane::rules::nftables
