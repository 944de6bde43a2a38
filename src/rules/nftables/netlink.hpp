#pragma once
// Netlink: a socket to nf_tables, and Batch: one transaction on its way there. The kernel takes a
// batch whole or not at all. Rule thread only.

#include "base/fd.hpp"
#include "rules/nftables/rule.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct nlmsghdr;

namespace nameplane::rules::nftables {

/// NFPROTO_IPV4 or NFPROTO_IPV6.
std::uint8_t family_number(Family family) noexcept;

/// Messages of one transaction on one table, in order.
class Batch {
public:
    using Octet = std::uint8_t;

    explicit Batch(std::string_view table = table_name) : table_{table} {}
    const std::string& table() const noexcept { return table_; }

    /// Appends a message; `build` adds the attributes, at most message_size_max octets.
    void add(Family family, std::uint16_t type, std::uint16_t flags,
             const std::function<void(nlmsghdr*)>& build);
    /// Appends ready messages.
    void add(std::vector<Octet> messages);
    bool empty() const noexcept { return parts_.empty(); }
    /// Whole messages one after the other, in each part.
    const std::vector<std::vector<Octet>>& parts() const noexcept { return parts_; }
    std::size_t size() const noexcept;
    /// Ends what came so far; truncate() with the result takes away what comes later.
    std::size_t seal();
    void truncate(std::size_t sealed) { parts_.resize(sealed); }

    static constexpr std::size_t message_size_max = 16'384;

private:
    friend class Netlink;
    std::string table_;
    std::vector<std::vector<Octet>> parts_;
    bool sealed_ = false;
};

/// Move-only owner of a socket. It belongs to the network namespace in which it was opened.
class Netlink {
public:
    static Result<Netlink> open();

    /// What the kernel calls this socket: events of our own transactions carry it.
    std::uint32_t port_id() const noexcept { return port_id_; }

    /// Sends the batch as one transaction. Errors name the first message that was refused:
    /// permission, unsupported, not_found, conflict, again, io.
    Status commit(Batch& batch);

    /// Asks for a list (`dump`) or one object and hands every message of the answer to `visit`. An
    /// object that is not there is Errc::not_found.
    Status ask(Family family, std::uint16_t type, bool dump,
               const std::function<void(nlmsghdr*)>& build,
               const std::function<void(const nlmsghdr*)>& visit);

    /// Likewise with a message that is ready but for its number. What the kernel answers must fit
    /// into the socket's buffer, since it answers before anything is read.
    Status ask(std::span<Batch::Octet> message, const std::function<void(const nlmsghdr*)>& visit);

    /// The number of the ruleset: one more after each transaction of anybody.
    Result<std::uint32_t> generation();

private:
    Netlink(UniqueFd fd, std::uint32_t port_id) : fd_{std::move(fd)}, port_id_{port_id} {}
    Status send(std::span<const std::span<const Batch::Octet>> parts, std::size_t size);
    Status read_answers(const std::function<void(const nlmsghdr*)>& visit);
    Status read_verdict(const Batch& batch, std::uint32_t first, std::uint32_t last);

    UniqueFd fd_;
    std::uint32_t port_id_ = 0;
    std::uint32_t sequence_ = 0;
};

}  // namespace nameplane::rules::nftables
