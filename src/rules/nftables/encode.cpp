#include "rules/nftables/encode.hpp"

#include "rules/answer.hpp"
#include "rules/nftables/render_names.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>
#include <memory>

namespace nameplane::rules::nftables {
namespace {

template <class T, auto free> struct Freer {
    void operator()(T* object) const noexcept { free(object); }
};
using RulePtr = std::unique_ptr<nftnl_rule, Freer<nftnl_rule, nftnl_rule_free>>;
using ChainPtr = std::unique_ptr<nftnl_chain, Freer<nftnl_chain, nftnl_chain_free>>;
using SetPtr = std::unique_ptr<nftnl_set, Freer<nftnl_set, nftnl_set_free>>;
using TablePtr = std::unique_ptr<nftnl_table, Freer<nftnl_table, nftnl_table_free>>;

std::uint32_t address_size(Family family) {
    return family == Family::ipv4 ? 4 : 16;
}

bool is_address(Field field) {
    switch (field) {
    case Field::source:
    case Field::destination: return true;
    case Field::protocol:
    case Field::port:
    case Field::slot:
    case Field::affinity: return false;
    }
    return false;
}

std::uint32_t register_size(Field field, Family family) {
    return is_address(field) ? address_size(family) : 4;
}

/// A register by the number of its first four octets: those at a multiple of 16 go by their old
/// names, as nft and the kernel call them.
std::uint32_t register_at(std::uint32_t unit) {
    return unit % 4 == 0 ? NFT_REG_1 + unit / 4 : NFT_REG32_00 + unit;
}

/// Builds one rule out of statements.
class RuleBuilder {
public:
    RuleBuilder(const std::string& table, const std::string& chain, Family family)
        : rule_{nftnl_rule_alloc()}, family_{family} {
        nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, family_number(family));
        nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table.c_str());
        nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
    }

    void operator()(const AddressMatch& match) {
        load(match.source ? Field::source : Field::destination, 0, 0);
        const std::uint32_t size = address_size(family_);
        if (match.range.prefix() != size * 8) {
            std::array<std::uint8_t, 16> mask{};
            for (unsigned bit = 0; bit < match.range.prefix(); ++bit) {
                mask[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
            }
            const std::array<std::uint8_t, 16> zero{};
            bitwise(size, mask.data(), zero.data());
        }
        compare(match.negated, match.range.address().bytes().data(), size);
    }
    void operator()(const InterfaceMatch& match) {
        meta(NFT_META_IIFNAME, 0);
        std::array<char, IFNAMSIZ> name{};
        const std::size_t length = std::min(match.name.size(), name.size() - 1);
        std::memcpy(name.data(), match.name.data(), length);
        compare(match.negated, name.data(),
                static_cast<std::uint32_t>(match.prefix ? length : name.size()));
    }
    void operator()(const StateMatch& match) {
        conntrack(NFT_CT_STATE);
        any_bit(match.states);
    }
    void operator()(const TranslatedMatch&) {
        conntrack(NFT_CT_STATUS);
        any_bit(IPS_DST_NAT);
    }
    void operator()(const MarkMatch& match) {
        meta(NFT_META_MARK, 0);
        const std::uint32_t zero = 0;
        bitwise(4, &match.mark, &zero);
        compare(false, &match.mark, 4);
    }
    void operator()(const LocalMatch& match) {
        nftnl_expr* expr = add("fib");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_FLAGS,
                           match.source ? NFTA_FIB_F_SADDR : NFTA_FIB_F_DADDR);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
        const std::uint32_t local = RTN_LOCAL;
        compare(false, &local, 4);
    }
    void operator()(const InSet& match) {
        load_key(match.key);
        nftnl_expr* expr = lookup(match.set);
        if (match.negated) nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    }
    void operator()(const VerdictMap& map) {
        load_key(map.key);
        nftnl_expr_set_u32(lookup(map.map), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
    }
    void operator()(const DnatMap& map) {
        load_key(map.key);
        nftnl_expr_set_u32(lookup(map.map), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
        nftnl_expr* expr = add("nat");
        const std::uint32_t port = register_at(address_size(family_) / 4);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY, family_number(family_));
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_PROTO_MIN, port);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_PROTO_MAX, port);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FLAGS,
                           NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
    }
    void operator()(const Identify& identify) {
        load_key(identify.key);
        nftnl_expr_set_u32(lookup(identify.map), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
        set_priority();
    }
    void operator()(const Unidentify&) {
        nftnl_expr* expr = add("immediate");
        const std::uint32_t none = 0;
        nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
        nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, &none, sizeof none);
        set_priority();
    }
    void operator()(const Remember& remember) {
        // nft gives data a register of its own, which are the octets from a multiple of 16 on.
        const std::uint32_t data = (load_key(client_key) + 3) / 4 * 4;
        load(Field::destination, data, 0);
        load(Field::port, data + address_size(family_) / 4, 0);
        nftnl_expr* expr = add("dynset");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
        nftnl_expr_set_str(expr, NFTNL_EXPR_DYNSET_SET_NAME, set_name(remember.map));
        nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_DATA, register_at(data));
        nftnl_expr_set_u64(expr, NFTNL_EXPR_DYNSET_TIMEOUT,
                           std::uint64_t{remember.timeout_s} * 1'000);
    }
    void operator()(const SetMark& set) {
        meta(NFT_META_MARK, 0);
        const std::uint32_t keep = set.toggle ? ~0U : ~set.mark;
        bitwise(4, &keep, &set.mark);
        nftnl_expr* expr = add("meta");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_MARK);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_SREG, NFT_REG_1);
    }
    void operator()(const Masquerade& masquerade) {
        nftnl_expr* expr = add("masq");
        if (masquerade.random_fully)
            nftnl_expr_set_u32(expr, NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    }
    void operator()(const Reject&) {
        constexpr std::uint8_t icmp_port_unreachable = 3;
        constexpr std::uint8_t icmp6_port_unreachable = 4;
        nftnl_expr* expr = add("reject");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
        nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE,
                          family_ == Family::ipv4 ? icmp_port_unreachable : icmp6_port_unreachable);
    }
    void operator()(const Verdict& verdict) {
        nftnl_expr* expr = add("immediate");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT,
                           static_cast<std::uint32_t>(verdict_number(verdict.kind)));
        if (!verdict.chain.empty())
            nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, verdict.chain.c_str());
    }

    void comment(const std::string& text) {
        if (text.empty()) return;
        nftnl_udata_buf* buffer = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
        nftnl_udata_put_strz(buffer, NFTNL_UDATA_RULE_COMMENT, text.c_str());
        nftnl_rule_set_data(rule_.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(buffer),
                            nftnl_udata_buf_len(buffer));
        nftnl_udata_buf_free(buffer);
    }

    RulePtr take() { return std::move(rule_); }

private:
    static int verdict_number(Verdict::Kind kind) {
        switch (kind) {
        case Verdict::Kind::drop: return NF_DROP;
        case Verdict::Kind::return_: return NFT_RETURN;
        case Verdict::Kind::jump: return NFT_JUMP;
        case Verdict::Kind::go: return NFT_GOTO;
        }
        return NF_DROP;
    }
    void set_priority() {
        nftnl_expr* expr = add("meta");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_PRIORITY);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_SREG, NFT_REG_1);
    }
    static const char* set_name(MapId id) { return info(id).name.data(); }

    nftnl_expr* add(const char* name) {
        nftnl_expr* expr = nftnl_expr_alloc(name);
        nftnl_rule_add_expr(rule_.get(), expr);
        return expr;
    }
    void meta(std::uint32_t key, std::uint32_t unit) {
        nftnl_expr* expr = add("meta");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, register_at(unit));
    }
    void conntrack(std::uint32_t key) {
        nftnl_expr* expr = add("ct");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, key);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, NFT_REG_1);
    }
    void payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size, std::uint32_t unit) {
        nftnl_expr* expr = add("payload");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, size);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, register_at(unit));
    }
    void compare(bool unequal, const void* data, std::uint32_t size) {
        nftnl_expr* expr = add("cmp");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, unequal ? NFT_CMP_NEQ : NFT_CMP_EQ);
        nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, size);
    }
    void bitwise(std::uint32_t size, const void* mask, const void* change) {
        nftnl_expr* expr = add("bitwise");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, size);
        nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, size);
        nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, change, size);
    }
    void any_bit(std::uint32_t bits) {
        const std::uint32_t zero = 0;
        bitwise(4, &bits, &zero);
        compare(true, &zero, 4);
    }
    nftnl_expr* lookup(MapId id) {
        nftnl_expr* expr = add("lookup");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
        nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set_name(id));
        // The kernel always says it, and so must we to be found equal.
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, 0);
        return expr;
    }

    /// Puts one field into the register at `unit`.
    void load(Field field, std::uint32_t unit, std::uint32_t slots) {
        const bool v4 = family_ == Family::ipv4;
        const std::uint32_t size = address_size(family_);
        switch (field) {
        case Field::source: payload(NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, size, unit); return;
        case Field::destination:
            payload(NFT_PAYLOAD_NETWORK_HEADER, v4 ? 16 : 24, size, unit);
            return;
        case Field::protocol: meta(NFT_META_L4PROTO, unit); return;
        case Field::port: payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, unit); return;
        case Field::slot: number_below(slots, unit); return;
        case Field::affinity: meta(NFT_META_PRIORITY, unit); return;
        }
    }
    void number_below(std::uint32_t slots, std::uint32_t unit) {
        nftnl_expr* expr = add("numgen");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_DREG, register_at(unit));
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_MODULUS, slots);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_TYPE, NFT_NG_RANDOM);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_OFFSET, 0);
    }
    /// Puts the key into the first registers; returns the unit behind it.
    std::uint32_t load_key(const Key& key) {
        std::uint32_t unit = 0;
        for (std::size_t i = 0; i < key.size; ++i) {
            load(key.fields[i], unit, key.slots);
            unit += register_size(key.fields[i], family_) / 4;
        }
        return unit;
    }

    RulePtr rule_;
    Family family_;
};

RulePtr build(const Rule& rule, const std::string& table, const std::string& chain, Family family) {
    RuleBuilder builder{table, chain, family};
    for (const Statement& statement : rule.statements) std::visit(builder, statement);
    builder.comment(rule.comment);
    return builder.take();
}

/// What a rule does, as text: its expressions and its comment. The kernel's handle and place are
/// left out.
std::string fingerprint(const nftnl_rule* rule) {
    std::string text;
    nftnl_expr_iter* iterator = nftnl_expr_iter_create(rule);
    while (nftnl_expr* expr = nftnl_expr_iter_next(iterator)) {
        std::array<char, 512> buffer{};
        nftnl_expr_snprintf(buffer.data(), buffer.size(), expr, NFTNL_OUTPUT_DEFAULT, 0);
        text += nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
        text += ' ';
        text += buffer.data();
        text += '\n';
    }
    nftnl_expr_iter_destroy(iterator);
    std::uint32_t size = 0;
    if (const void* comment = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size)) {
        text.append(static_cast<const char*>(comment), size);
    }
    return text;
}

// How nft numbers its types (datatype.h); a concatenation has six bits for each.
constexpr std::uint32_t type_bits = 6;
constexpr std::uint32_t integer_type = 4;
/// What a slot is called for nft before 1.0.4, which ends when it lists an integer, a type without
/// a size, in a concatenation: a user's number, the one type of 32 bits that it shows as a plain
/// number. Later ones go by the user data, where a slot is what it is: a random number.
constexpr std::uint32_t shown_slot_type = 24;

std::uint32_t type_number(Field field, Family family) {
    if (is_address(field)) return family == Family::ipv4 ? 7 : 8;
    switch (field) {
    case Field::protocol: return 12;
    case Field::port: return 13;
    case Field::affinity: return 23;
    case Field::slot: return shown_slot_type;
    case Field::source:
    case Field::destination: break;
    }
    return integer_type;
}

std::uint32_t key_type(const Key& key, Family family) {
    std::uint32_t type = 0;
    for (std::size_t i = 0; i < key.size; ++i) {
        type = type << type_bits | type_number(key.fields[i], family);
    }
    return type;
}

struct DataType {
    std::uint32_t number = 0;
    std::uint32_t size = 0;
};
DataType data_type(const MapInfo& map, Family family) {
    switch (map.data) {
    case MapData::none: break;
    case MapData::verdict: return {NFT_DATA_VERDICT, 0};
    case MapData::endpoint:
        return {type_number(Field::destination, family) << type_bits |
                    type_number(Field::port, family),
                static_cast<std::uint32_t>(endpoint_size(family))};
    case MapData::number: return {type_number(Field::affinity, family), 4};
    }
    return {};
}

/// User data of a set: type, length, octets, one after the other and nested. By it, nft knows what
/// to call the fields of a key of which one has no type of its own.
class UserData {
public:
    void put(std::uint8_t type, std::string_view octets) {
        octets_ += static_cast<char>(type);
        octets_ += static_cast<char>(octets.size());
        octets_ += octets;
    }
    void put(std::uint8_t type, std::uint32_t value) {
        std::array<char, 4> octets;
        std::memcpy(octets.data(), &value, octets.size());
        put(type, std::string_view{octets.data(), octets.size()});
    }
    const std::string& octets() const { return octets_; }

private:
    std::string octets_;
};

// nft's numbers for kinds of expressions (enum expr_types) and protocols (proto_desc_id).
enum : std::uint32_t { expr_payload = 7, expr_meta = 9, expr_concat = 13, expr_numgen = 23 };
enum : std::uint32_t { desc_transport = 11, desc_ip = 12, desc_ip6 = 13 };

/// An expression of kind `kind` with its own data.
std::string expression(std::uint32_t kind, const UserData& data) {
    UserData all;
    all.put(NFTNL_UDATA_SET_TYPEOF_EXPR, kind);
    all.put(NFTNL_UDATA_SET_TYPEOF_DATA, data.octets());
    return all.octets();
}

std::string payload_expression(std::uint32_t protocol, std::uint32_t field) {
    UserData data;
    data.put(0, protocol);
    data.put(1, field);
    return expression(expr_payload, data);
}

std::string field_expression(Field field, const Key& key, Family family) {
    UserData data;
    switch (field) {
    case Field::destination:
    case Field::source:
        // The field's place in nft's list of the header's fields.
        return family == Family::ipv4 ? payload_expression(desc_ip, 12)
                                      : payload_expression(desc_ip6, 9);
    case Field::protocol: data.put(0, NFT_META_L4PROTO); return expression(expr_meta, data);
    case Field::port: return payload_expression(desc_transport, 2);
    case Field::affinity: data.put(0, NFT_META_PRIORITY); return expression(expr_meta, data);
    case Field::slot:
        data.put(0, NFT_NG_RANDOM);
        data.put(1, key.slots);
        data.put(2, std::uint32_t{0});
        return expression(expr_numgen, data);
    }
    return {};
}

std::string concatenation(const Key& key, Family family) {
    UserData fields;
    for (std::size_t i = 0; i < key.size; ++i) {
        fields.put(static_cast<std::uint8_t>(i), field_expression(key.fields[i], key, family));
    }
    return expression(expr_concat, fields);
}

std::string user_data(const MapInfo& map, Family family) {
    constexpr std::uint32_t host_order = 1;
    constexpr std::uint32_t network_order = 2;
    UserData data;
    if (map.key.size == 1) {
        data.put(NFTNL_UDATA_SET_KEYBYTEORDER,
                 map.key.fields[0] == Field::affinity ? host_order : network_order);
    }
    if (map.data == MapData::number) data.put(NFTNL_UDATA_SET_DATABYTEORDER, host_order);
    if (map.key.slots != 0) {
        constexpr Key endpoint{{Field::destination, Field::port}, 2, 0};
        data.put(NFTNL_UDATA_SET_KEY_TYPEOF, concatenation(map.key, family));
        data.put(NFTNL_UDATA_SET_DATA_TYPEOF, concatenation(endpoint, family));
    }
    std::string comment{map.comment};
    comment += '\0';
    data.put(NFTNL_UDATA_SET_COMMENT, comment);
    return data.octets();
}

std::uint32_t set_flags(const MapInfo& map) {
    std::uint32_t flags = 0;
    if (map.data != MapData::none) flags |= NFT_SET_MAP;
    if (map.interval) flags |= NFT_SET_INTERVAL | NFT_SET_CONCAT;
    if (map.dynamic) flags |= NFT_SET_EVAL | NFT_SET_TIMEOUT;
    return flags;
}

/// nft itself, when it loads our text, calls a slot an integer. No other key of ours has one.
std::uint32_t with_shown_slot(std::uint32_t key_type) {
    constexpr std::uint32_t last = (1U << type_bits) - 1;
    return (key_type & last) == integer_type ? (key_type & ~last) | shown_slot_type : key_type;
}

/// libnftnl ends texts with an octet 0 that is not theirs.
std::string text_of(const char* text) {
    return text == nullptr ? std::string{} : std::string{text};
}

}  // namespace

std::size_t key_size(const MapInfo& map, Family family) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < map.key.size; ++i) {
        size += register_size(map.key.fields[i], family);
    }
    return size;
}

std::size_t endpoint_size(Family family) {
    return address_size(family) + 4;
}

void add_table(Batch& batch, Family family) {
    const TablePtr table{nftnl_table_alloc()};
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, batch.table().c_str());
    nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, 0);
    nftnl_udata_buf* buffer = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    nftnl_udata_put_strz(buffer, NFTNL_UDATA_TABLE_COMMENT, "Service rules of Nameplane");
    nftnl_table_set_data(table.get(), NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(buffer),
                         nftnl_udata_buf_len(buffer));
    nftnl_udata_buf_free(buffer);
    batch.add(family, NFT_MSG_NEWTABLE, NLM_F_CREATE,
              [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

bool is_dormant(const nlmsghdr* message) {
    const auto flags = attribute_number(attributes_of(*message), NFTA_TABLE_FLAGS);
    return (flags.value_or(0) & NFT_TABLE_F_DORMANT) != 0;
}

void delete_table(Batch& batch, Family family) {
    batch.add(family, NFT_MSG_DELTABLE, 0, [&](nlmsghdr* header) {
        mnl_attr_put_strz(header, NFTA_TABLE_NAME, batch.table().c_str());
    });
}

void add_map(Batch& batch, Family family, const MapInfo& map) {
    const SetPtr set{nftnl_set_alloc()};
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, batch.table().c_str());
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, map.name.data());
    nftnl_set_set_u32(set.get(), NFTNL_SET_ID, static_cast<std::uint32_t>(map.id) + 1);
    nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, set_flags(map));
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, key_type(map.key, family));
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN,
                      static_cast<std::uint32_t>(key_size(map, family)));
    if (map.data != MapData::none) {
        const DataType data = data_type(map, family);
        nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_TYPE, data.number);
        nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_LEN, data.size);
    }
    if (map.interval) {
        std::array<std::uint8_t, 4> sizes{};
        for (std::size_t i = 0; i < map.key.size; ++i) {
            // What the field has, not what its register has.
            const Field field = map.key.fields[i];
            sizes[i] = static_cast<std::uint8_t>(is_address(field)          ? address_size(family)
                                                 : field == Field::protocol ? 1
                                                                            : 2);
        }
        nftnl_set_set_data(set.get(), NFTNL_SET_DESC_CONCAT, sizes.data(), map.key.size);
    }
    if (map.dynamic) {
        nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, affinity_clients_max);
        nftnl_set_set_u64(set.get(), NFTNL_SET_TIMEOUT,
                          std::uint64_t{affinity_timeout_default_s} * 1'000);
    }
    const std::string data = user_data(map, family);
    nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, data.data(),
                       static_cast<std::uint32_t>(data.size()));
    batch.add(family, NFT_MSG_NEWSET, NLM_F_CREATE,
              [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void add_chain(Batch& batch, Family family, const Chain& chain) {
    constexpr std::array<std::uint32_t, 5> hooks{NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN,
                                                 NF_INET_FORWARD, NF_INET_LOCAL_OUT,
                                                 NF_INET_POST_ROUTING};
    const ChainPtr made{nftnl_chain_alloc()};
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, batch.table().c_str());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
    if (chain.base) {
        nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TYPE, chain.base->nat ? "nat" : "filter");
        nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_HOOKNUM,
                            hooks[static_cast<std::size_t>(chain.base->hook)]);
        nftnl_chain_set_s32(made.get(), NFTNL_CHAIN_PRIO, chain.base->priority);
        nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
    }
    batch.add(family, NFT_MSG_NEWCHAIN, NLM_F_CREATE,
              [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, made.get()); });
}

void add_rules(Batch& batch, Family family, const Chain& chain) {
    for (const Rule& rule : chain.rules) {
        const RulePtr made = build(rule, batch.table(), chain.name, family);
        batch.add(family, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                  [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, made.get()); });
    }
}

void flush_chain(Batch& batch, Family family, const std::string& chain) {
    batch.add(family, NFT_MSG_DELRULE, 0, [&](nlmsghdr* header) {
        mnl_attr_put_strz(header, NFTA_RULE_TABLE, batch.table().c_str());
        mnl_attr_put_strz(header, NFTA_RULE_CHAIN, chain.c_str());
    });
}

void delete_chain(Batch& batch, Family family, const std::string& chain) {
    batch.add(family, NFT_MSG_DELCHAIN, 0, [&](nlmsghdr* header) {
        mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, batch.table().c_str());
        mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain.c_str());
    });
}

void delete_set(Batch& batch, Family family, const std::string& set) {
    batch.add(family, NFT_MSG_DELSET, 0, [&](nlmsghdr* header) {
        mnl_attr_put_strz(header, NFTA_SET_TABLE, batch.table().c_str());
        mnl_attr_put_strz(header, NFTA_SET_NAME, set.c_str());
    });
}

std::vector<std::string> fingerprints(const Chain& chain, Family family) {
    std::vector<std::string> texts;
    for (const Rule& rule : chain.rules) {
        texts.push_back(fingerprint(build(rule, {}, chain.name, family).get()));
    }
    return texts;
}

KernelRule read_rule(const nlmsghdr* message) {
    const RulePtr rule{nftnl_rule_alloc()};
    // One with an expression that libnftnl does not know is there none the less, and none of ours.
    if (nftnl_rule_nlmsg_parse(message, rule.get()) < 0)
        return {std::string{attribute_text(attributes_of(*message), NFTA_RULE_CHAIN)}, "?"};
    return {text_of(nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)), fingerprint(rule.get())};
}

KernelChain read_chain(const nlmsghdr* message) {
    const auto all = attributes_of(*message);
    KernelChain read{.table = std::string{attribute_text(all, NFTA_CHAIN_TABLE)},
                     .name = std::string{attribute_text(all, NFTA_CHAIN_NAME)}};
    const auto hook = attribute(all, NFTA_CHAIN_HOOK);
    read.is_base = hook.has_value();
    if (!read.is_base) return read;
    read.base.nat = attribute_text(all, NFTA_CHAIN_TYPE) == "nat";
    read.base.priority =
        static_cast<std::int32_t>(attribute_number(*hook, NFTA_HOOK_PRIORITY).value_or(0));
    read.accepts = attribute_number(all, NFTA_CHAIN_POLICY) == NF_ACCEPT;
    switch (attribute_number(*hook, NFTA_HOOK_HOOKNUM).value_or(NF_INET_NUMHOOKS)) {
    case NF_INET_PRE_ROUTING: read.base.hook = Hook::prerouting; break;
    case NF_INET_LOCAL_IN: read.base.hook = Hook::input; break;
    case NF_INET_FORWARD: read.base.hook = Hook::forward; break;
    case NF_INET_LOCAL_OUT: read.base.hook = Hook::output; break;
    default: read.base.hook = Hook::postrouting; break;
    }
    return read;
}

KernelSet read_set(const nlmsghdr* message) {
    const auto all = attributes_of(*message);
    const auto number = [&](std::uint16_t type) { return attribute_number(all, type).value_or(0); };
    const auto size_of = attribute(all, NFTA_SET_DESC);
    KernelSet read{.name = std::string{attribute_text(all, NFTA_SET_NAME)},
                   .flags = number(NFTA_SET_FLAGS),
                   .key_size = number(NFTA_SET_KEY_LEN),
                   .key_type = with_shown_slot(number(NFTA_SET_KEY_TYPE)),
                   .data_type = number(NFTA_SET_DATA_TYPE)};
    if (size_of) read.size_max = attribute_number(*size_of, NFTA_SET_DESC_SIZE).value_or(0);
    if (read.data_type != NFT_DATA_VERDICT) read.data_size = number(NFTA_SET_DATA_LEN);
    return read;
}

std::optional<std::uint32_t> element_count(const nlmsghdr* message) {
    constexpr std::uint16_t count_attribute = 20;  // NFTA_SET_COUNT, newer than Debian 12's headers
    return attribute_number(attributes_of(*message), count_attribute);
}

KernelSet expected_set(const MapInfo& map, Family family) {
    const DataType data = data_type(map, family);
    return {.name = std::string{map.name},
            .flags = set_flags(map),
            .key_size = static_cast<std::uint32_t>(key_size(map, family)),
            .key_type = key_type(map.key, family),
            .data_type = data.number,
            .data_size = data.size,
            .size_max = map.dynamic ? affinity_clients_max : 0};
}

}  // namespace nameplane::rules::nftables
