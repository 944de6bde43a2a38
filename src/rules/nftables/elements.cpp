#include "rules/nftables/elements.hpp"

#include "rules/answer.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace nameplane::rules::nftables {
namespace {

/// An attribute's length has 16 bits, and the list of elements is one attribute.
constexpr std::size_t list_size_max = 60'000;
/// No element takes more: two keys, data, a verdict with a chain's name, and the comment.
constexpr std::size_t element_size_max = 512;

std::size_t aligned(std::size_t size) {
    return (size + 3) & ~std::size_t{3};
}

/// Writes attributes to the end of a buffer that has room for them.
class AttributeWriter {
public:
    explicit AttributeWriter(std::vector<std::uint8_t>& out) : out_{out} {}

    void put(std::uint16_t type, const void* data, std::size_t size) {
        const std::size_t at = begin(type);
        const auto* octets = static_cast<const std::uint8_t*>(data);
        out_.insert(out_.end(), octets, octets + size);
        end(at);
    }
    std::size_t nest(std::uint16_t type) {
        return begin(static_cast<std::uint16_t>(type | NLA_F_NESTED));
    }
    std::size_t begin(std::uint16_t type) {
        const std::size_t at = out_.size();
        const nlattr header{.nla_len = 0, .nla_type = type};
        const auto* octets = reinterpret_cast<const std::uint8_t*>(&header);
        out_.insert(out_.end(), octets, octets + sizeof header);
        return at;
    }
    void end(std::size_t at) {
        const auto length = static_cast<std::uint16_t>(out_.size() - at);
        std::memcpy(out_.data() + at, &length, sizeof length);
        out_.resize(at + aligned(length));
    }

private:
    std::vector<std::uint8_t>& out_;
};

void put_data(AttributeWriter& writer, std::uint16_t type, std::span<const std::uint8_t> data) {
    const std::size_t nest = writer.nest(type);
    writer.put(NFTA_DATA_VALUE, data.data(), data.size());
    writer.end(nest);
}

std::span<const std::uint8_t> span_of(const Octets& octets) {
    return {octets.data(), octets.size()};
}

std::int32_t verdict_code(const Verdict& verdict) {
    switch (verdict.kind) {
    case Verdict::Kind::drop: return NF_DROP;
    case Verdict::Kind::return_: return NFT_RETURN;
    case Verdict::Kind::jump: return NFT_JUMP;
    case Verdict::Kind::go: return NFT_GOTO;
    }
    return NF_DROP;
}

void put_verdict(AttributeWriter& writer, const Verdict& verdict) {
    const std::size_t data = writer.nest(NFTA_SET_ELEM_DATA);
    const std::size_t nest = writer.nest(NFTA_DATA_VERDICT);
    const std::uint32_t code = htonl(static_cast<std::uint32_t>(verdict_code(verdict)));
    writer.put(NFTA_VERDICT_CODE, &code, sizeof code);
    if (!verdict.chain.empty())
        writer.put(NFTA_VERDICT_CHAIN, verdict.chain.c_str(), verdict.chain.size() + 1);
    writer.end(nest);
    writer.end(data);
}

void put_comment(AttributeWriter& writer, const std::string& comment) {
    std::array<std::uint8_t, Element::comment_max + 3> data{};
    data[0] = NFTNL_UDATA_SET_ELEM_COMMENT;
    data[1] = static_cast<std::uint8_t>(comment.size() + 1);
    std::ranges::copy(comment, data.begin() + 2);
    writer.put(NFTA_SET_ELEM_USERDATA, data.data(), comment.size() + 3);
}

/// An element that is named only.
void put_key(std::vector<std::uint8_t>& list, std::span<const std::uint8_t> key,
             std::span<const std::uint8_t> key_end) {
    AttributeWriter writer{list};
    const std::size_t nest = writer.nest(NFTA_LIST_ELEM);
    if (key.empty()) {
        const std::uint32_t flags = htonl(NFT_SET_ELEM_CATCHALL);
        writer.put(NFTA_SET_ELEM_FLAGS, &flags, sizeof flags);
    } else {
        put_data(writer, NFTA_SET_ELEM_KEY, key);
    }
    if (!key_end.empty()) put_data(writer, NFTA_SET_ELEM_KEY_END, key_end);
    writer.end(nest);
}

struct ListHead {
    Family family{};
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
};

/// A whole message about the elements in `list`, or about all of the map's if that is empty.
std::vector<std::uint8_t> list_message(const ListHead& about, std::string_view table, MapId map,
                                       const std::vector<std::uint8_t>& list) {
    std::vector<std::uint8_t> message;
    message.reserve(list.size() + 256);
    std::array<char, 64> head;
    nlmsghdr* header = mnl_nlmsg_put_header(head.data());
    header->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | about.type);
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | about.flags);
    auto* family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    *family = {.nfgen_family = family_number(about.family), .version = NFNETLINK_V0, .res_id = 0};
    message.assign(head.data(), head.data() + header->nlmsg_len);
    AttributeWriter writer{message};
    const auto text = [&](std::uint16_t type, std::string_view value) {
        writer.put(type, std::string{value}.c_str(), value.size() + 1);
    };
    text(NFTA_SET_ELEM_LIST_TABLE, table);
    text(NFTA_SET_ELEM_LIST_SET, info(map).name);
    if (!list.empty()) {
        const std::size_t nest = writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS);
        message.insert(message.end(), list.begin(), list.end());
        writer.end(nest);
    }
    const auto length = static_cast<std::uint32_t>(message.size());
    std::memcpy(message.data(), &length, sizeof length);
    return message;
}

/// Calls `visit(type, attribute)` for each of the attributes in `octets`.
template <class Visit>
void for_each_attribute(std::span<const std::uint8_t> octets, Visit&& visit) {
    while (octets.size() >= sizeof(nlattr)) {
        nlattr header;
        std::memcpy(&header, octets.data(), sizeof header);
        if (header.nla_len < sizeof header || header.nla_len > octets.size()) return;
        visit(header.nla_type & NLA_TYPE_MASK,
              octets.subspan(sizeof header, header.nla_len - sizeof header));
        octets = octets.subspan(std::min(aligned(header.nla_len), octets.size()));
    }
}

std::span<const std::uint8_t> value_of(std::span<const std::uint8_t> data) {
    std::span<const std::uint8_t> value;
    for_each_attribute(data, [&](int type, auto octets) {
        if (type == NFTA_DATA_VALUE) value = octets;
    });
    return value;
}

std::string_view text_of(std::span<const std::uint8_t> octets) {
    const auto* begin = reinterpret_cast<const char*>(octets.data());
    return {begin, ::strnlen(begin, octets.size())};
}

void read_verdict(std::span<const std::uint8_t> data, KernelElement& element) {
    for_each_attribute(data, [&](int type, auto verdict) {
        if (type != NFTA_DATA_VERDICT) return;
        element.has_verdict = true;
        for_each_attribute(verdict, [&](int part, auto octets) {
            if (part == NFTA_VERDICT_CODE && octets.size() == 4) {
                std::uint32_t code = 0;
                std::memcpy(&code, octets.data(), sizeof code);
                element.verdict = static_cast<std::int32_t>(ntohl(code));
            } else if (part == NFTA_VERDICT_CHAIN) {
                element.chain = text_of(octets);
            }
        });
    });
}

/// The comment in an element's user data: type, length, octets, one after the other.
std::string_view comment_of(std::span<const std::uint8_t> data) {
    while (data.size() >= 2 && data.size() >= 2U + data[1]) {
        if (data[0] == NFTNL_UDATA_SET_ELEM_COMMENT) return text_of(data.subspan(2, data[1]));
        data = data.subspan(2U + data[1]);
    }
    return {};
}

bool catches_all(std::span<const std::uint8_t> octets) {
    std::uint32_t flags = 0;
    if (octets.size() != sizeof flags) return false;
    std::memcpy(&flags, octets.data(), sizeof flags);
    return (ntohl(flags) & NFT_SET_ELEM_CATCHALL) != 0;
}

KernelElement read_element(std::span<const std::uint8_t> octets) {
    KernelElement element;
    for_each_attribute(octets, [&](int type, auto data) {
        switch (type) {
        case NFTA_SET_ELEM_KEY: element.key = value_of(data); break;
        case NFTA_SET_ELEM_KEY_END: element.key_end = value_of(data); break;
        case NFTA_SET_ELEM_DATA:
            element.data = value_of(data);
            read_verdict(data, element);
            break;
        case NFTA_SET_ELEM_USERDATA: element.comment = comment_of(data); break;
        case NFTA_SET_ELEM_FLAGS: element.catch_all = catches_all(data); break;
        default: break;
        }
    });
    return element;
}

/// 64 bits of everything that is put in, one after the other.
class Digest {
public:
    void put(const void* data, std::size_t size) {
        const std::string_view text{static_cast<const char*>(data), size};
        sum_ = (sum_ ^ std::hash<std::string_view>{}(text)) * 0x9e3779b97f4a7c15U;
        sum_ ^= sum_ >> 29;
    }
    std::uint64_t sum() const { return sum_; }

private:
    std::uint64_t sum_ = 0x243f6a8885a308d3U;
};

std::uint64_t key_digest(MapId map, std::span<const std::uint8_t> key,
                         std::span<const std::uint8_t> key_end) {
    Digest digest;
    digest.put(&map, sizeof map);
    digest.put(key.data(), key.size());
    if (info(map).interval) digest.put(key_end.data(), key_end.size());
    return digest.sum();
}

bool is_shared(MapId map) {
    return map == MapId::cluster_ips || map == MapId::hairpin_connections;
}

std::uint64_t value_digest(MapId map, std::int32_t verdict, std::string_view chain,
                           std::span<const std::uint8_t> data, std::string_view comment) {
    Digest digest;
    digest.put(&verdict, sizeof verdict);
    digest.put(chain.data(), chain.size());
    digest.put(data.data(), data.size());
    if (!is_shared(map)) digest.put(comment.data(), comment.size());
    return digest.sum();
}

}  // namespace

ElementMessages::Octets8& ElementMessages::room_in(MapId map) {
    Octets8& list = open_[static_cast<std::size_t>(map)];
    if (list.size() + element_size_max > list_size_max) close(map);
    ++count_;
    return list;
}

void ElementMessages::put(const Element& element) {
    if (!adding_) {
        put(element.map, span_of(element.key), span_of(element.key_end));
        return;
    }
    AttributeWriter writer{room_in(element.map)};
    const std::size_t nest = writer.nest(NFTA_LIST_ELEM);
    put_data(writer, NFTA_SET_ELEM_KEY, span_of(element.key));
    if (element.key_end.size() != 0) {
        put_data(writer, NFTA_SET_ELEM_KEY_END, span_of(element.key_end));
    }
    switch (info(element.map).data) {
    case MapData::none: break;
    case MapData::verdict: put_verdict(writer, verdict_of(element.target)); break;
    case MapData::endpoint:
    case MapData::number: put_data(writer, NFTA_SET_ELEM_DATA, span_of(element.target.data)); break;
    }
    put_comment(writer, element.comment());
    writer.end(nest);
}

void ElementMessages::put(MapId map, std::span<const std::uint8_t> key,
                          std::span<const std::uint8_t> key_end) {
    put_key(room_in(map), key, key_end);
}

void ElementMessages::close(MapId map) {
    Octets8& list = open_[static_cast<std::size_t>(map)];
    if (list.empty()) return;
    write_message(map, list);
    list.clear();
}

void ElementMessages::put_all(MapId map) {
    close(map);
    write_message(map, {});
    ++count_;
}

void ElementMessages::write_message(MapId map, const Octets8& list) {
    const auto type = adding_ ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM;
    const auto flags = adding_ ? NLM_F_CREATE | NLM_F_EXCL : 0;
    done_.push_back(list_message({.family = family_,
                                  .type = static_cast<std::uint16_t>(type),
                                  .flags = static_cast<std::uint16_t>(flags)},
                                 table_, map, list));
}

std::vector<std::uint8_t> ask_for_elements(Family family, MapId map,
                                           std::span<const Element> elements) {
    std::vector<std::uint8_t> list;
    for (const Element& element : elements) put_key(list, span_of(element.key), {});
    return list_message({.family = family, .type = NFT_MSG_GETSETELEM}, table_name, map, list);
}

void ElementMessages::move_to(Batch& batch) {
    for (const MapInfo& map : all_maps()) close(map.id);
    for (Octets8& message : done_) batch.add(std::move(message));
    done_.clear();
}

void read_elements(std::span<const std::uint8_t> attributes,
                   const std::function<void(const KernelElement&)>& visit) {
    for_each_attribute(attributes, [&](int type, auto list) {
        if (type != NFTA_SET_ELEM_LIST_ELEMENTS) return;
        for_each_attribute(list, [&](int, auto octets) {
            const KernelElement element = read_element(octets);
            if (!element.key.empty() || element.catch_all) visit(element);
        });
    });
}

void read_elements(const nlmsghdr* message,
                   const std::function<void(const KernelElement&)>& visit) {
    read_elements(attributes_of(*message), visit);
}

Fingerprint fingerprint(const Element& element) {
    const bool verdict = info(element.map).data == MapData::verdict;
    const Verdict where = verdict ? verdict_of(element.target) : Verdict{};
    return {.key = key_digest(element.map, span_of(element.key), span_of(element.key_end)),
            .value = value_digest(element.map, verdict ? verdict_code(where) : 0, where.chain,
                                  span_of(element.target.data), element.comment())};
}

Fingerprint fingerprint(MapId map, const KernelElement& element) {
    return {.key = key_digest(map, element.key, element.key_end),
            .value =
                value_digest(map, element.verdict, element.chain, element.data, element.comment)};
}

}  // namespace nameplane::rules::nftables
