#include "rules/nftables/content.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace nameplane::rules::nftables {
namespace {

/// Whether `a` comes before `b` in the plan.
bool comes_first(const Claim& a, const Claim& b) {
    if (a.port == b.port) return a.kind < b.kind;
    const int order = a.port->name.compare(b.port->name);
    return order != 0 ? order < 0 : std::less<>{}(a.port, b.port);
}

/// The number that a port would have if it were alone, and those that it has if others have that.
/// The same for ever: FNV-1a. Priorities below 65,536 are what others use.
std::uint32_t number_of(const PortPlan& port, std::uint32_t attempt) {
    constexpr std::uint32_t others_below = 0x10000;
    std::uint32_t sum = 0x811c9dc5U + attempt;
    const auto add = [&](std::uint8_t octet) { sum = (sum ^ octet) * 0x01000193U; };
    for (const char letter : port.name) add(static_cast<std::uint8_t>(letter));
    add(static_cast<std::uint8_t>(port.protocol));
    return sum < others_below ? sum + others_below : sum;
}

}  // namespace

Place place_of(const Frontend& frontend) {
    return {.address = frontend.address,
            .port = frontend.port,
            .protocol = frontend.protocol,
            .node_port = frontend.kind == Frontend::Kind::node_port};
}

std::size_t PlaceHash::operator()(const Place& place) const noexcept {
    const std::size_t rest = (std::size_t{place.port} << 8) |
                             (static_cast<std::size_t>(place.protocol) << 1) |
                             (place.node_port ? 1U : 0U);
    return place.address.hash() ^ (rest * 0x9e3779b97f4a7c15U);
}

void Usage::count(const Element& element, int by) {
    const Target& target = element.target;
    if (target.kind == Target::Kind::pick) {
        picks_[target.pick] += by;
        if (target.pick.sticky) {
            picks_[{.sticky = false, .local = target.pick.local, .slots = target.pick.slots}] += by;
        }
    } else if (target.kind == Target::Kind::remember) {
        timeouts_[target.timeout_s] += by;
    }
}

std::vector<Pick> Usage::picks() const {
    std::vector<Pick> used;
    for (const auto& [pick, count] : picks_) used.push_back(pick);
    return used;
}

Timeouts Usage::timeouts() const {
    Timeouts used;
    for (const auto& [timeout, count] : timeouts_) {
        if (count > 0) used.insert(timeout);
    }
    return used;
}

std::vector<Chain> chains_for(const Plan& plan, const Usage& usage) {
    std::vector<Chain> chains;
    for (const Pick& pick : usage.picks()) chains.push_back(render_pick(pick));
    for (Chain& chain : render_base(plan, usage.timeouts())) chains.push_back(std::move(chain));
    return chains;
}

void Content::clear() {
    winners_.clear();
    losers_.clear();
    numbers_.clear();
    owners_.clear();
    cluster_ips_.clear();
    hairpins_.clear();
}

void Content::reserve(std::size_t ports, std::size_t endpoints) {
    winners_.reserve(ports);
    cluster_ips_.reserve(ports);
    hairpins_.reserve(endpoints);
}

std::optional<Claim> Content::winner(const Place& place) const {
    const auto found = winners_.find(place);
    return found == winners_.end() ? std::nullopt : std::optional{found->second};
}

const PortPlan* Content::owner(std::uint32_t number) const {
    const auto found = owners_.find(number);
    return found == owners_.end() ? nullptr : found->second;
}

std::uint32_t Content::take_number(const PortPlan& port) {
    for (std::uint32_t attempt = 0;; ++attempt) {
        const std::uint32_t number = number_of(port, attempt);
        if (!owners_.try_emplace(number, &port).second) continue;
        numbers_.emplace(&port, number);
        return number;
    }
}

void Content::claim(const Place& place, Claim claim) {
    const auto [at, fresh] = winners_.try_emplace(place, claim);
    if (fresh) return;
    if (comes_first(claim, at->second)) std::swap(claim, at->second);
    losers_[place].push_back(claim);
}

void Content::give_up(const Place& place, Claim claim) {
    const auto at = winners_.find(place);
    if (at == winners_.end()) return;
    const auto rest = losers_.find(place);
    if (rest == losers_.end()) {
        if (at->second == claim) winners_.erase(at);
        return;
    }
    std::vector<Claim>& claims = rest->second;
    if (at->second == claim) {
        const auto next = std::ranges::min_element(claims, comes_first);
        at->second = *next;
        claims.erase(next);
    } else if (const auto lost = std::ranges::find(claims, claim); lost != claims.end()) {
        claims.erase(lost);
    }
    if (claims.empty()) losers_.erase(rest);
}

void Content::for_each_shared(
    const PortPlan& port,
    const std::function<void(References&, std::map<IpAddress, Changes::Shared> Changes::*,
                             const IpAddress&)>& visit) {
    visit(cluster_ips_, &Changes::cluster_ips, port.cluster_ip);
    for_each_hairpin(
        port, [&](const IpAddress& address) { visit(hairpins_, &Changes::hairpins, address); });
}

void Content::add(const PortPlan& port, Changes* changes) {
    std::uint32_t number = 0;
    if (port.affinity_timeout_s != 0) {
        number = take_number(port);
        if (changes != nullptr) changes->numbers.try_emplace(number, nullptr);
    }
    for_each_frontend(port, [&](const Frontend& frontend) {
        const Place place = place_of(frontend);
        if (changes != nullptr) changes->places.try_emplace(place, winner(place));
        claim(place, {&port, frontend.kind, number});
    });
    for_each_shared(port, [&](References& references, auto member, const IpAddress& address) {
        Reference& reference = references[address];
        if (changes != nullptr) {
            auto& shared = (changes->*member)
                               .try_emplace(address, Changes::Shared{reference.count != 0, nullptr})
                               .first->second;
            shared.port = &port;
        }
        ++reference.count;
    });
}

void Content::remove(const PortPlan& port, Changes* changes) {
    std::uint32_t number = 0;
    if (const auto has = numbers_.find(&port); has != numbers_.end()) {
        number = has->second;
        numbers_.erase(has);
        owners_.erase(number);
        if (changes != nullptr) changes->numbers.try_emplace(number, &port);
    }
    for_each_frontend(port, [&](const Frontend& frontend) {
        const Place place = place_of(frontend);
        if (changes != nullptr) changes->places.try_emplace(place, winner(place));
        give_up(place, {&port, frontend.kind, number});
    });
    for_each_shared(port, [&](References& references, auto member, const IpAddress& address) {
        const auto found = references.find(address);
        if (found == references.end()) return;
        if (changes != nullptr)
            (changes->*member).try_emplace(address, Changes::Shared{true, &port});
        if (--found->second.count == 0) references.erase(found);
    });
}

void Content::render(const PortPlan& port, const ElementSink& sink) {
    const auto has = numbers_.find(&port);
    const std::uint32_t number = has == numbers_.end() ? 0 : has->second;
    for_each_frontend(port, [&](const Frontend& frontend) {
        if (winner(place_of(frontend)) == Claim{&port, frontend.kind, number}) {
            render_frontend(port, frontend, number, sink);
        }
    });
    if (number != 0) render_affinity(port, number, sink);
    const ElementSink once = [&](const Element& element) {
        const bool cluster_ip = element.map == MapId::cluster_ips;
        const std::size_t size = port.cluster_ip.bytes().size();
        const auto address = *IpAddress::from_bytes({element.key.data(), size});
        Reference& reference = (cluster_ip ? cluster_ips_ : hairpins_)[address];
        if (std::exchange(reference.pass, pass_) != pass_) sink(element);
    };
    render_shared(port, once);
}

void for_each_element(const Plan& plan, Content& content, const ElementSink& sink) {
    render_settings(plan.settings, sink);
    content.next_pass();
    for (const auto& service : plan.services) {
        for (const PortPlan& port : service->ports) content.render(port, sink);
    }
}

}  // namespace nameplane::rules::nftables
