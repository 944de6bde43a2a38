// FlowTable: flows as the kernel has them, by netlink. libnetfilter_conntrack reads and writes what
// an entry is; the questions are our own, since it knows no filter by tuple before 1.1.

#include "rules/answer.hpp"
#include "rules/conntrack.hpp"
#include "rules/protocol.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <utility>

namespace nameplane::rules {
namespace {

/// As much as the kernel puts together at once, twice.
constexpr std::size_t receive_size = 65'536;
/// More than any entry takes.
constexpr std::size_t request_size = 16'384;

// Parts of a tuple that CTA_FILTER_ORIG_FLAGS names; no header has them (nf_internals.h).
constexpr std::uint32_t filter_destination = 1U << 1;
constexpr std::uint32_t filter_protocol = 1U << 3;
constexpr std::uint32_t filter_port = 1U << 5;

using MnlSocket = std::unique_ptr<mnl_socket, int (*)(mnl_socket*)>;
struct ConntrackDestroyer {
    void operator()(nf_conntrack* entry) const noexcept { nfct_destroy(entry); }
};
using Conntrack = std::unique_ptr<nf_conntrack, ConntrackDestroyer>;

std::uint8_t family_number(Family family) {
    return family == Family::ipv4 ? AF_INET : AF_INET6;
}

/// A request under construction.
class Request {
public:
    Request(std::uint16_t type, std::uint16_t flags, std::uint8_t family)
        : header_{mnl_nlmsg_put_header(buffer_.data())} {
        header_->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_CTNETLINK << 8) | type);
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        auto* message =
            static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(nfgenmsg)));
        message->nfgen_family = family;
        message->version = NFNETLINK_V0;
    }
    nlmsghdr* header() { return header_; }

private:
    alignas(nlmsghdr) std::array<char, request_size> buffer_{};
    nlmsghdr* header_;
};

/// A kernel that does not know the filter passes over it.
void put_filter(nlmsghdr* header, Family family, const FlowFilter& filter) {
    std::uint32_t parts = 0;
    nlattr* tuple = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
    // Of IPv6 the kernel tells the flows to all addresses but the one that is asked for:
    // ctnetlink_filter_match_tuple() takes ipv6_addr_cmp() the wrong way round (5.8 to 6.18).
    if (filter.address && family == Family::ipv4) {
        nlattr* addresses = mnl_attr_nest_start(header, CTA_TUPLE_IP);
        const auto octets = filter.address->bytes();
        mnl_attr_put(header, CTA_IP_V4_DST, octets.size(), octets.data());
        mnl_attr_nest_end(header, addresses);
        parts |= filter_destination;
    }
    if (filter.protocol) {
        nlattr* protocol = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
        mnl_attr_put_u8(header, CTA_PROTO_NUM, protocol_number(*filter.protocol));
        parts |= filter_protocol;
        // A port means something only with its protocol.
        if (filter.port) {
            mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(*filter.port));
            parts |= filter_port;
        }
        mnl_attr_nest_end(header, protocol);
    }
    mnl_attr_nest_end(header, tuple);
    nlattr* flags = mnl_attr_nest_start(header, CTA_FILTER);
    mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS, parts);
    mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, 0);
    mnl_attr_nest_end(header, flags);
}

SocketAddress address_of(const nf_conntrack* entry, Family family, nf_conntrack_attr v4,
                         nf_conntrack_attr v6, nf_conntrack_attr port) {
    const bool is_v4 = family == Family::ipv4;
    const auto* octets = static_cast<const std::uint8_t*>(nfct_get_attr(entry, is_v4 ? v4 : v6));
    if (octets == nullptr) return {};
    const auto address = IpAddress::from_bytes({octets, is_v4 ? 4U : 16U});
    return {address.value_or(IpAddress{}), ntohs(nfct_get_attr_u16(entry, port))};
}

std::optional<services::Protocol> protocol_of(const nf_conntrack* entry) {
    switch (nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO)) {
    case IPPROTO_UDP: return services::Protocol::udp;
    case IPPROTO_SCTP: return services::Protocol::sctp;
    default: return std::nullopt;
    }
}

bool is_stale_entry(const nf_conntrack* entry, Family family,
                    std::span<const FlowFrontend> candidates) {
    const auto protocol = protocol_of(entry);
    if (!protocol) return false;
    const SocketAddress destination =
        address_of(entry, family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, ATTR_ORIG_PORT_DST);
    const SocketAddress reply_source =
        address_of(entry, family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, ATTR_REPL_PORT_SRC);
    return is_stale(candidates, {*protocol, destination}, reply_source);
}

}  // namespace

struct FlowTable::Socket {
    using Visit = std::function<void(const nlmsghdr*)>;

    static Result<std::unique_ptr<Socket>> open() {
        MnlSocket opened{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC), &mnl_socket_close};
        if (!opened || mnl_socket_bind(opened.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
            return errno_error(errno, "open conntrack");
        }
        return std::make_unique<Socket>(std::move(opened));
    }
    explicit Socket(MnlSocket opened) : socket{std::move(opened)}, buffer(receive_size) {}

    /// Sends the request and hands every message of the answer to `visit`.
    Status ask(Request& request, std::string_view what, const Visit& visit) {
        request.header()->nlmsg_seq = ++sequence;
        if (mnl_socket_sendto(socket.get(), request.header(), request.header()->nlmsg_len) < 0) {
            return errno_error(errno, what);
        }
        Answer answer{sequence, what};
        for (;;) {
            const ssize_t got = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return errno_error(errno, what);
            auto complete = answer.take({buffer.data(), static_cast<std::size_t>(got)}, visit);
            if (!complete) return std::move(complete).error();
            if (*complete) return {};
        }
    }

    /// Of all families of the network namespace; nothing where the kernel does not tell.
    std::optional<std::uint32_t> count_flows() {
        Request request{IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK, AF_UNSPEC};
        std::optional<std::uint32_t> count;
        const Status asked = ask(request, "count conntrack", [&](const nlmsghdr* answer) {
            count = attribute_number(attributes_of(*answer), CTA_STATS_GLOBAL_ENTRIES);
        });
        return asked ? count : std::nullopt;
    }

    /// How many of them there still were.
    Result<std::size_t> remove(Family family, std::span<const Conntrack> entries) {
        std::size_t removed = 0;
        for (const Conntrack& entry : entries) {
            Request request{IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family_number(family)};
            if (nfct_nlmsg_build(request.header(), entry.get()) < 0) {
                return Error{Errc::internal, "an entry of conntrack that cannot be told"};
            }
            // So that a newer flow with the same addresses is not the one to go.
            mnl_attr_put_u32(request.header(), CTA_ID,
                             htonl(nfct_get_attr_u32(entry.get(), ATTR_ID)));
            Status done = ask(request, "delete from conntrack", [](const nlmsghdr*) {});
            if (done) {
                ++removed;
            } else if (done.error().code != Errc::not_found) {  // gone by itself meanwhile
                return std::move(done).error();
            }
        }
        return removed;
    }

    MnlSocket socket;
    std::vector<std::uint8_t> buffer;
    std::uint32_t sequence = 0;
};

FlowTable::FlowTable() = default;
FlowTable::~FlowTable() = default;

Status FlowTable::open() {
    if (socket_) return {};
    auto opened = Socket::open();
    if (!opened) return std::move(opened).error();
    socket_ = std::move(*opened);
    return {};
}

Status FlowTable::dump(Family family, const FlowFilter& filter,
                       const std::function<void(const nlmsghdr*)>& visit) {
    constexpr std::string_view what = "read conntrack";
    ++walks_;
    if (filters_ && filter != FlowFilter{}) {
        Request request{IPCTNL_MSG_CT_GET, NLM_F_DUMP, family_number(family)};
        put_filter(request.header(), family, filter);
        if (Status done = socket_->ask(request, what, visit); done) return done;
    }
    // Whoever does not take a question with a filter may take one without.
    Request request{IPCTNL_MSG_CT_GET, NLM_F_DUMP, family_number(family)};
    Status done = socket_->ask(request, what, visit);
    if (done) filters_ = false;
    return done;
}

Result<std::size_t> FlowTable::forget_stale(Family family,
                                            std::span<const FlowFrontend> candidates) {
    if (candidates.empty()) return std::size_t{0};
    if (Status opened = open(); !opened) return std::move(opened).error();
    if (socket_->count_flows() == 0U) return std::size_t{0};
    std::vector<Conntrack> stale;
    Status read = dump(family, common_filter(candidates), [&](const nlmsghdr* message) {
        ++told_;
        Conntrack entry{nfct_new()};
        if (!entry || nfct_nlmsg_parse(message, entry.get()) < 0) return;
        if (is_stale_entry(entry.get(), family, candidates)) stale.push_back(std::move(entry));
    });
    Result<std::size_t> forgotten = std::size_t{0};
    if (read) {
        forgotten = socket_->remove(family, stale);
    } else {
        forgotten = std::move(read).error();
    }
    // Answers may still lie in it.
    if (!forgotten) socket_.reset();
    return forgotten;
}

}  // namespace nameplane::rules
