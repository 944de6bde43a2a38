#include "rules/nftables/content.hpp"
#include "rules/nftables/render.hpp"
#include "rules/nftables/render_names.hpp"
#include "walk.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

namespace nameplane::tests {

using namespace rules::nftables;

namespace {

using Id = std::pair<MapId, std::vector<std::uint8_t>>;

std::vector<std::uint8_t> bytes(const Octets& octets) {
    return {octets.data(), octets.data() + octets.size()};
}

class NftTracer final : public Tracer {
public:
    NftTracer(rules::Plan plan, std::set<IpAddress> local);
    std::vector<Outcome> trace(const Packet& packet) override;
    std::vector<std::string> unmatched() const override;

private:
    class Way;

    const Element* find(MapId map, const Octets& key) {
        const auto found = elements_.find({map, bytes(key)});
        if (found == elements_.end()) return nullptr;
        matched_.insert(&found->second);
        return &found->second;
    }

    rules::Plan plan_;  // the elements' names live in it
    Family family_;
    std::map<std::string, Chain> chains_;
    std::map<Id, Element> elements_;
    std::vector<Element> ranges_;
    std::set<IpAddress> local_;
    std::set<const Element*> matched_;
};

class NftTracer::Way final : public Walk {
public:
    Way(NftTracer& tracer, const Packet& packet, Choices& choices)
        : Walk{tracer.local_, packet, choices}, tracer_{tracer} {}

private:
    Said stop(Stop where) override {
        switch (where) {
        case Stop::prerouting: return hook(Hook::prerouting);
        case Stop::input: return hook(Hook::input);
        case Stop::forward: return hook(Hook::forward);
        case Stop::output: return hook(Hook::output);
        case Stop::postrouting: return hook(Hook::postrouting);
        }
        return Said::nothing;
    }

    /// All chains of a hook by priority; the first that drops or refuses has the last word.
    Said hook(Hook hook) {
        std::vector<const Chain*> chains;
        for (const auto& [name, chain] : tracer_.chains_) {
            if (chain.base && chain.base->hook == hook) chains.push_back(&chain);
        }
        std::ranges::sort(chains, {}, [](const Chain* chain) { return chain->base->priority; });
        for (const Chain* chain : chains) {
            in_nat_ = chain->base->nat;
            const Said said = walk(*chain).value_or(Said::nothing);
            if (!is_open(said)) return said;
        }
        return Said::nothing;
    }

    Said chain(const std::string& name) {
        const auto found = tracer_.chains_.find(name);
        if (found == tracer_.chains_.end()) FAIL("jump to " << name << ", which is not there");
        return walk(found->second).value_or(Said::nothing);
    }

    /// Nothing when the chain was left by `return`.
    std::optional<Said> walk(const Chain& chain) {
        for (const Rule& rule : chain.rules) {
            INFO(chain.name << ": " << to_text(rule, tracer_.family_));
            left_ = false;
            gone_ = false;
            Said said = Said::nothing;
            for (const Statement& statement : rule.statements) {
                const std::optional<Said> next =
                    std::visit([&](const auto& item) { return act(item); }, statement);
                if (!next) break;
                said = *next;
                if (said != Said::nothing || left_ || gone_) break;
            }
            if (std::exchange(left_, false)) return std::nullopt;
            // After `goto` there is no way back into this chain.
            if (std::exchange(gone_, false) || said != Said::nothing) return said;
        }
        return Said::nothing;
    }

    // Statements: nothing when they do not hold.

    static std::optional<Said> holds(bool yes) {
        return yes ? std::optional{Said::nothing} : std::nullopt;
    }
    std::optional<Said> act(const AddressMatch& match) {
        const IpAddress& address = match.source ? packet_.source : packet_.destination;
        return holds(match.range.contains(address) != match.negated);
    }
    std::optional<Said> act(const InterfaceMatch& match) {
        const bool same = match.prefix ? packet_.in_interface.starts_with(match.name)
                                       : packet_.in_interface == match.name;
        return holds(same != match.negated);
    }
    std::optional<Said> act(const StateMatch& match) {
        return holds((match.states & StateMatch::fresh) != 0);
    }
    std::optional<Said> act(const TranslatedMatch&) { return holds(outcome_.end == End::dnat); }
    std::optional<Said> act(const MarkMatch& match) {
        return holds((mark_ & match.mark) == match.mark);
    }
    std::optional<Said> act(const LocalMatch& match) {
        return holds(is_local(match.source ? packet_.source : packet_.destination));
    }
    std::optional<Said> act(const InSet& match) {
        const Octets wanted = key(match.key);
        const bool found = info(match.set).interval ? in_range(wanted)
                                                    : tracer_.find(match.set, wanted) != nullptr;
        return holds(found != match.negated);
    }
    std::optional<Said> act(const VerdictMap& map) {
        const Element* element = tracer_.find(map.map, key(map.key));
        if (element == nullptr) return std::nullopt;
        return act(verdict_of(element->target));
    }
    std::optional<Said> act(const DnatMap& map) {
        REQUIRE(in_nat_);
        if (info(map.map).dynamic) return to_remembered(map.map, key(map.key));
        const Element* element = tracer_.find(map.map, key(map.key));
        if (element == nullptr) return std::nullopt;
        const Octets& to = element->target.data;
        const std::size_t size = packet_.destination.bytes().size();
        const auto address = *IpAddress::from_bytes({to.data(), size});
        return translate(address,
                         static_cast<std::uint16_t>(to.data()[size] * 256 + to.data()[size + 1]));
    }
    std::optional<Said> act(const Identify& identify) {
        const Element* element = tracer_.find(identify.map, key(identify.key));
        if (element == nullptr) return std::nullopt;
        std::memcpy(&number_, element->target.data.data(), sizeof number_);
        return Said::nothing;
    }
    std::optional<Said> act(const Unidentify&) {
        number_ = 0;
        return Said::nothing;
    }
    /// An entry that is there says what it said, for longer.
    std::optional<Said> act(const Remember& remember) {
        REQUIRE(outcome_.end == End::dnat);
        CHECK(remember.timeout_s != 0);
        const std::string known = recall(remember.map, key(client_key));
        outcome_.remembered += entry(remember.map, key(client_key)) +
                               (known.empty() ? outcome_.endpoint : known) + ' ';
        return Said::nothing;
    }
    std::optional<Said> act(const SetMark& set) {
        set_mark(set.mark, set.toggle);
        return Said::nothing;
    }
    std::optional<Said> act(const Masquerade&) {
        REQUIRE(in_nat_);
        return masquerade();
    }
    std::optional<Said> act(const Reject&) {
        REQUIRE_FALSE(in_nat_);
        return Said::reject;
    }
    std::optional<Said> act(const Verdict& verdict) {
        switch (verdict.kind) {
        case Verdict::Kind::drop: return Said::drop;
        case Verdict::Kind::return_: left_ = true; return Said::nothing;
        case Verdict::Kind::jump: return chain(verdict.chain);
        case Verdict::Kind::go: {
            const Said said = chain(verdict.chain);
            gone_ = true;
            return said;
        }
        }
        return std::nullopt;
    }

    /// How an entry of an affinity map begins in what is remembered; the endpoint follows.
    static std::string entry(MapId map, const Octets& key) {
        std::string text{info(map).name};
        for (const std::uint8_t octet : bytes(key)) text += '-' + std::to_string(octet);
        return text + '=';
    }
    /// The endpoint that an entry has, or nothing. What this packet brings counts for the next one.
    std::string recall(MapId map, const Octets& key) const {
        const std::string begin = entry(map, key);
        const std::size_t at = packet_.remembered.find(begin);
        if (at == std::string::npos) return {};
        const std::size_t endpoint = at + begin.size();
        return packet_.remembered.substr(endpoint, packet_.remembered.find(' ', at) - endpoint);
    }
    std::optional<Said> to_remembered(MapId map, const Octets& key) {
        const auto to = SocketAddress::parse(recall(map, key));
        if (!to) return std::nullopt;
        return translate(to->address, to->port);
    }

    Octets key(const Key& fields) {
        Octets key;
        for (std::size_t i = 0; i < fields.size; ++i) {
            switch (fields.fields[i]) {
            case Field::source: key.add(packet_.source); break;
            case Field::destination: key.add(packet_.destination); break;
            case Field::protocol: key.add(packet_.protocol); break;
            case Field::port: key.add_port(packet_.port); break;
            case Field::slot: key.add_number(choices_.below(fields.slots)); break;
            case Field::affinity: key.add_number(number_); break;
            }
        }
        return key;
    }

    /// Every field between those of a range, as the kernel compares concatenated ranges.
    bool in_range(const Octets& wanted) {
        const std::size_t ip = packet_.source.bytes().size();
        const std::array<std::size_t, 4> fields{ip, 4, 4, ip};
        for (const Element& range : tracer_.ranges_) {
            bool inside = true;
            std::size_t at = 0;
            for (const std::size_t size : fields) {
                const auto compare = [&](const Octets& a, const Octets& b) {
                    return std::memcmp(a.data() + at, b.data() + at, size);
                };
                inside = inside && compare(range.key, wanted) <= 0 &&
                         compare(wanted, range.key_end) <= 0;
                at += size;
            }
            if (!inside) continue;
            tracer_.matched_.insert(&range);
            return true;
        }
        return false;
    }

    NftTracer& tracer_;
    std::uint32_t number_ = 0;
    bool in_nat_ = false;
    bool left_ = false;
    bool gone_ = false;
};

NftTracer::NftTracer(rules::Plan plan, std::set<IpAddress> local)
    : plan_{std::move(plan)}, family_{plan_.settings.family}, local_{std::move(local)} {
    Content content;
    for (const auto& service : plan_.services) {
        for (const rules::PortPlan& port : service->ports) content.add(port);
    }
    Usage usage;
    for_each_element(plan_, content, [&](const Element& element) {
        usage.count(element, 1);
        if (info(element.map).interval) {
            ranges_.push_back(element);
            return;
        }
        INFO(to_text(element, family_));
        CHECK(elements_.emplace(Id{element.map, bytes(element.key)}, element).second);
    });
    for (const Pick& pick : usage.picks()) chains_[chain_name(pick)] = render_pick(pick);
    for (Chain& chain : render_base(plan_, usage.timeouts())) {
        const std::string name = chain.name;
        CHECK(chains_.emplace(name, std::move(chain)).second);
    }
}

std::vector<Outcome> NftTracer::trace(const Packet& packet) {
    return all_ways([&](Choices& choices) { return Way{*this, packet, choices}.run(); });
}

std::vector<std::string> NftTracer::unmatched() const {
    std::vector<std::string> all;
    const auto look_at = [&](const Element& element) {
        if (matched_.contains(&element)) return;
        all.push_back(std::string{info(element.map).name} + " " + to_text(element, family_));
    };
    for (const auto& [id, element] : elements_) look_at(element);
    std::ranges::for_each(ranges_, look_at);
    return all;
}

}  // namespace

std::unique_ptr<Tracer> trace_nftables(const rules::Plan& plan, const std::set<IpAddress>& local) {
    return std::make_unique<NftTracer>(plan, local);
}

}  // namespace nameplane::tests
