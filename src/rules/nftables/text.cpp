// The table as text: what `nameplane render --to nft` prints and what `nft -f` reads.

#include "rules/nftables/content.hpp"
#include "rules/nftables/render.hpp"
#include "rules/nftables/render_names.hpp"
#include "rules/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <utility>

namespace nameplane::rules::nftables {
namespace {

std::string_view ip_word(Family family) {
    return family == Family::ipv4 ? "ip" : "ip6";
}

std::size_t address_size(Family family) {
    return family == Family::ipv4 ? 4 : 16;
}

std::string field_text(Field field, Family family, std::uint32_t slots) {
    const std::string_view ip = ip_word(family);
    switch (field) {
    case Field::source: return fmt::format("{} saddr", ip);
    case Field::destination: return fmt::format("{} daddr", ip);
    case Field::protocol: return "meta l4proto";
    case Field::port: return "th dport";
    case Field::slot: return fmt::format("numgen random mod {}", slots);
    case Field::affinity: return "meta priority";
    }
    return {};
}

std::string key_text(const Key& key, Family family) {
    std::string text;
    for (std::size_t i = 0; i < key.size; ++i) {
        if (i != 0) text += " . ";
        text += field_text(key.fields[i], family, key.slots);
    }
    return text;
}

std::string_view type_word(Field field, Family family) {
    switch (field) {
    case Field::source:
    case Field::destination: return family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr";
    case Field::protocol: return "inet_proto";
    case Field::port: return "inet_service";
    case Field::affinity: return "classid";
    case Field::slot: break;  // has no name: such maps are declared by typeof
    }
    return "integer";
}

std::string type_text(const MapInfo& map, Family family) {
    if (map.key.slots != 0) {
        return fmt::format("typeof {} : {} daddr . th dport", key_text(map.key, family),
                           ip_word(family));
    }
    std::string text = "type ";
    for (std::size_t i = 0; i < map.key.size; ++i) {
        if (i != 0) text += " . ";
        text += type_word(map.key.fields[i], family);
    }
    switch (map.data) {
    case MapData::none: break;
    case MapData::verdict: text += " : verdict"; break;
    case MapData::endpoint:
        text += fmt::format(" : {} . inet_service", type_word(Field::source, family));
        break;
    case MapData::number: text += " : classid"; break;
    }
    return text;
}

std::string_view set_name(MapId id) {
    return info(id).name;
}

std::string verdict_text(const Verdict& verdict) {
    switch (verdict.kind) {
    case Verdict::Kind::drop: return "drop";
    case Verdict::Kind::return_: return "return";
    case Verdict::Kind::jump: return "jump " + verdict.chain;
    case Verdict::Kind::go: return "goto " + verdict.chain;
    }
    return {};
}

// An update in nft up to 1.0.6 has no room for more than 16 octets of a key and 16 of what belongs
// to it; it ends when there are more. So for IPv6 the client stands in the key as two hashes, and
// what is remembered of an endpoint is in two maps, its address in one and its port in another.

bool is_in_two(const MapInfo& map, Family family) {
    return map.dynamic && family == Family::ipv6;
}

/// The map of ports that belongs to one of addresses.
std::string ports_name(const MapInfo& map) {
    return std::string{map.name} + "-ports";
}

constexpr std::string_view hashed_client_key =
    "meta priority . meta l4proto . jhash ip6 saddr mod 4294967295 seed 0x1"
    " . jhash ip6 saddr mod 4294967295 seed 0x2";
/// The same as types: a hash and a random number both are integers, but nft up to 1.0.6 ends when
/// it lists a map by the former.
constexpr std::string_view hashed_client_type =
    "typeof meta priority . meta l4proto . numgen random mod 2 . numgen random mod 2";

/// Each statement as nft writes it.
class StatementText {
public:
    explicit StatementText(Family family) : family_{family}, ip_{ip_word(family)} {}

    std::string operator()(const AddressMatch& match) const {
        const unsigned host = family_ == Family::ipv4 ? 32 : 128;
        return fmt::format("{} {} {}{}", ip_, match.source ? "saddr" : "daddr",
                           match.negated ? "!= " : "",
                           match.range.prefix() == host ? match.range.address().to_string()
                                                        : match.range.to_string());
    }
    std::string operator()(const InterfaceMatch& match) const {
        return fmt::format("iifname {}\"{}{}\"", match.negated ? "!= " : "", match.name,
                           match.prefix ? "*" : "");
    }
    std::string operator()(const StateMatch& match) const {
        std::string states;
        const auto add = [&](StateMatch::State state, std::string_view word) {
            if ((match.states & state) == 0) return;
            if (!states.empty()) states += ',';
            states += word;
        };
        add(StateMatch::invalid, "invalid");
        add(StateMatch::established, "established");
        add(StateMatch::related, "related");
        add(StateMatch::fresh, "new");
        return "ct state " + states;
    }
    std::string operator()(const TranslatedMatch&) const { return "ct status dnat"; }
    std::string operator()(const MarkMatch& match) const {
        return fmt::format("meta mark & 0x{0:08x} == 0x{0:08x}", match.mark);
    }
    std::string operator()(const LocalMatch& match) const {
        return fmt::format("fib {} type local", match.source ? "saddr" : "daddr");
    }
    std::string operator()(const InSet& match) const {
        return fmt::format("{} {}@{}", key_text(match.key, family_), match.negated ? "!= " : "",
                           set_name(match.set));
    }
    std::string operator()(const VerdictMap& map) const {
        return fmt::format("{} vmap @{}", key_text(map.key, family_), set_name(map.map));
    }
    std::string operator()(const DnatMap& map) const {
        if (is_in_two(info(map.map), family_)) {
            return fmt::format("dnat {0} to {1} map @{2} : {1} map @{3}", ip_, hashed_client_key,
                               set_name(map.map), ports_name(info(map.map)));
        }
        return fmt::format("dnat {} addr . port to {} map @{}", ip_, key_text(map.key, family_),
                           set_name(map.map));
    }
    std::string operator()(const Identify& identify) const {
        return fmt::format("meta priority set {} map @{}", key_text(identify.key, family_),
                           set_name(identify.map));
    }
    std::string operator()(const Unidentify&) const { return "meta priority set none"; }
    std::string operator()(const Remember& remember) const {
        if (is_in_two(info(remember.map), family_)) {
            const auto update = [&](std::string_view map, std::string_view what) {
                return fmt::format("update @{} {{ {} timeout {}s : {} }}", map, hashed_client_key,
                                   remember.timeout_s, what);
            };
            return update(set_name(remember.map), "ip6 daddr") + ' ' +
                   update(ports_name(info(remember.map)), "th dport");
        }
        return fmt::format("update @{} {{ {} timeout {}s : {} daddr . th dport }}",
                           set_name(remember.map), key_text(client_key, family_),
                           remember.timeout_s, ip_);
    }
    std::string operator()(const SetMark& set) const {
        return fmt::format("meta mark set meta mark {} 0x{:08x}", set.toggle ? '^' : '|', set.mark);
    }
    std::string operator()(const Masquerade& masquerade) const {
        return masquerade.random_fully ? "masquerade fully-random" : "masquerade";
    }
    std::string operator()(const Reject&) const { return "reject"; }
    std::string operator()(const Verdict& verdict) const { return verdict_text(verdict); }

private:
    Family family_;
    std::string_view ip_;
};

/// The number of a Service port as nft shows a priority.
std::string number_text(std::uint32_t number) {
    return fmt::format("{:x}:{:x}", number >> 16, number & 0xffffU);
}

/// Reads the fields of a key or an endpoint one after the other.
class OctetReader {
public:
    OctetReader(const Octets& octets, Family family) : octets_{octets}, family_{family} {}
    IpAddress address() {
        const std::size_t size = address_size(family_);
        const auto address = IpAddress::from_bytes({octets_.data() + at_, size});
        at_ += size;
        return address.value_or(IpAddress{});
    }
    unsigned octet() { return octets_.data()[std::exchange(at_, at_ + 4)]; }
    unsigned port() {
        const std::uint8_t* begin = octets_.data() + std::exchange(at_, at_ + 4);
        return begin[0] * 256U + begin[1];
    }
    std::uint32_t number() {
        std::uint32_t number = 0;
        std::memcpy(&number, octets_.data() + std::exchange(at_, at_ + 4), sizeof number);
        return number;
    }

private:
    const Octets& octets_;
    Family family_;
    std::size_t at_ = 0;
};

std::string_view protocol_word(unsigned number) {
    for (const auto protocol :
         {services::Protocol::tcp, services::Protocol::udp, services::Protocol::sctp}) {
        if (protocol_number(protocol) == number) return services::to_string(protocol);
    }
    return "0";
}

/// "10.0.0.0/8" for what begins and ends there.
std::string range_text(const IpAddress& first, const IpAddress& last) {
    unsigned prefix = 0;
    for (std::size_t i = 0; i < first.bytes().size(); ++i) {
        const auto differs = static_cast<std::uint8_t>(first.bytes()[i] ^ last.bytes()[i]);
        prefix += static_cast<unsigned>(std::countl_zero(differs));
        if (differs != 0) break;
    }
    if (prefix == first.bytes().size() * 8) return first.to_string();
    return fmt::format("{}/{}", first.to_string(), prefix);
}

std::string element_key_text(const Element& element, Family family) {
    const Key& key = info(element.map).key;
    OctetReader reader{element.key, family};
    OctetReader end{element.key_end, family};
    std::string text;
    for (std::size_t i = 0; i < key.size; ++i) {
        if (i != 0) text += " . ";
        switch (key.fields[i]) {
        case Field::source:
        case Field::destination: {
            const IpAddress first = reader.address();
            text +=
                element.key_end.size() == 0 ? first.to_string() : range_text(first, end.address());
            break;
        }
        case Field::protocol:
            text += protocol_word(reader.octet());
            end.octet();
            break;
        case Field::port:
            text += std::to_string(reader.port());
            end.port();
            break;
        case Field::slot: text += std::to_string(reader.number()); break;
        case Field::affinity: text += number_text(reader.number()); break;
        }
    }
    return text;
}

std::string base_text(const Base& base) {
    constexpr std::array<std::string_view, 5> hooks{"prerouting", "input", "forward", "output",
                                                    "postrouting"};
    return fmt::format("\t\ttype {} hook {} priority {}; policy accept;\n",
                       base.nat ? "nat" : "filter", hooks[static_cast<std::size_t>(base.hook)],
                       base.priority);
}

void add_chain(std::string& text, const Chain& chain, Family family) {
    text += "\n\tchain " + chain.name + " {\n";
    if (chain.base) text += base_text(*chain.base);
    for (const Rule& rule : chain.rules) text += "\t\t" + to_text(rule, family) + "\n";
    text += "\t}\n";
}

std::string map_text(const MapInfo& map, std::string_view name, std::string_view type,
                     const std::string& elements) {
    std::string text = fmt::format("\n\t{} {} {{\n\t\t{}\n",
                                   map.data == MapData::none ? "set" : "map", name, type);
    if (map.interval) text += "\t\tflags interval\n";
    if (map.dynamic) {
        text += fmt::format("\t\tsize {}\n\t\tflags dynamic,timeout\n\t\ttimeout {}s\n",
                            affinity_clients_max, affinity_timeout_default_s);
    }
    text += fmt::format("\t\tcomment \"{}\"\n", map.comment);
    if (!elements.empty()) text += "\t\telements = {\n" + elements + "\t\t}\n";
    return text + "\t}\n";
}

/// `remembers`: the table has rules that remember clients.
std::string map_text(const MapInfo& map, Family family, bool remembers,
                     const std::string& elements) {
    if (!remembers || !is_in_two(map, family))
        return map_text(map, map.name, type_text(map, family), elements);
    const std::string type{hashed_client_type};
    return map_text(map, map.name, type + " : ip6 daddr", {}) +
           map_text(map, ports_name(map), type + " : th dport", {});
}

}  // namespace

std::string to_text(const Rule& rule, Family family) {
    const StatementText statement_text{family};
    std::string text;
    for (const Statement& statement : rule.statements) {
        if (!text.empty()) text += ' ';
        text += std::visit(statement_text, statement);
    }
    if (!rule.comment.empty()) text += " comment \"" + rule.comment + '"';
    return text;
}

std::string to_text(const Element& element, Family family) {
    std::string text = element_key_text(element, family);
    text += " comment \"" + element.comment() + '"';
    switch (info(element.map).data) {
    case MapData::none: break;
    case MapData::verdict: text += " : " + verdict_text(verdict_of(element.target)); break;
    case MapData::endpoint: {
        OctetReader reader{element.target.data, family};
        const IpAddress address = reader.address();
        text += fmt::format(" : {} . {}", address.to_string(), reader.port());
        break;
    }
    case MapData::number:
        text += " : " + number_text(OctetReader{element.target.data, family}.number());
        break;
    }
    return text;
}

std::string to_nft_text(const Plan& plan) {
    const Family family = plan.settings.family;
    Content content;
    for (const auto& service : plan.services) {
        for (const PortPlan& port : service->ports) content.add(port);
    }
    Usage usage;
    std::array<std::string, map_count> elements;
    for_each_element(plan, content, [&](const Element& element) {
        usage.count(element, 1);
        elements[static_cast<std::size_t>(element.map)] +=
            "\t\t\t" + to_text(element, family) + ",\n";
    });
    const std::string_view ip = ip_word(family);
    // The first two lines make the rest the whole content, whatever was there.
    std::string text =
        fmt::format("table {0} {1}\ndelete table {0} {1}\ntable {0} {1} {{", ip, table_name);
    text += "\n\tcomment \"Service rules of Nameplane\"\n";
    for (const MapInfo& map : all_maps()) {
        text += map_text(map, family, !usage.timeouts().empty(),
                         elements[static_cast<std::size_t>(map.id)]);
    }
    for (const Pick& pick : usage.picks()) add_chain(text, render_pick(pick), family);
    for (const Chain& chain : render_base(plan, usage.timeouts())) {
        add_chain(text, chain, family);
    }
    return text + "}\n";
}

}  // namespace nameplane::rules::nftables
