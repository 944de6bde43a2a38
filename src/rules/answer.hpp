#pragma once
// answer: what the kernel sends over a netlink socket of netfilter, taken apart without the socket.
// Nothing of it is believed: a message, an attribute or a number that is cut is none.

#include <nameplane/base/result.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

struct nlmsghdr;

namespace nameplane::rules {

/// Calls `visit` for each message in a datagram, which begins where a nlmsghdr may. False: the last
/// one is cut.
bool for_each_message(std::span<const std::uint8_t> datagram,
                      const std::function<void(const nlmsghdr&)>& visit);

/// The attributes of a message of netfilter; nothing if it is too short for one.
std::span<const std::uint8_t> attributes_of(const nlmsghdr& message);
/// What the first one of that type holds, which may be attributes again; nothing without one.
std::optional<std::span<const std::uint8_t>> attribute(std::span<const std::uint8_t> attributes,
                                                       std::uint16_t type);
/// The same as text, up to its final zero; empty without one.
std::string_view attribute_text(std::span<const std::uint8_t> attributes, std::uint16_t type);
/// The same as a number of 32 bits; nothing, too, when it has another size.
std::optional<std::uint32_t> attribute_number(std::span<const std::uint8_t> attributes,
                                              std::uint16_t type);

/// The errno that a message of type NLMSG_ERROR carries; 0 is "done".
int error_number(const nlmsghdr& message);

/// The answer to one question, which may come in several datagrams.
class Answer {
public:
    /// `doing`: what errors begin with; it outlives the answer.
    Answer(std::uint32_t sequence, std::string_view doing) : sequence_{sequence}, doing_{doing} {}

    /// Hands each message of the answer in `datagram` to `visit`. True: the answer is complete.
    /// Errors: what the kernel says; again: it changed while it was listed; io: it is cut.
    Result<bool> take(std::span<const std::uint8_t> datagram,
                      const std::function<void(const nlmsghdr*)>& visit);

private:
    Status end_of_list(const nlmsghdr& message) const;

    std::uint32_t sequence_;
    std::string_view doing_;
    bool torn_ = false;
};

}  // namespace nameplane::rules
