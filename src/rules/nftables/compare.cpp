#include "rules/nftables/compare.hpp"

#include "rules/nftables/elements.hpp"
#include "rules/nftables/update.hpp"

#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nameplane::rules::nftables {
namespace {

using Counts = std::array<std::size_t, map_count>;
using Maps = std::array<bool, map_count>;

std::size_t index_of(MapId map) {
    return static_cast<std::size_t>(map);
}

/// Every element that is wanted, by fingerprint, and whether it is there.
class Wanted {
public:
    void reserve(std::size_t count) { elements_.reserve(count); }
    void put(const Element& element) {
        const Fingerprint print = fingerprint(element);
        elements_.emplace(print.key, Entry{print.value, false});
    }
    /// Notes that it is there. False: nobody wants it, or it says something else.
    bool meet(const Fingerprint& print) {
        const auto found = elements_.find(print.key);
        if (found == elements_.end() || found->second.value != print.value) return false;
        found->second.met = true;
        return true;
    }
    bool missing(const Element& element) const {
        const auto found = elements_.find(fingerprint(element).key);
        return found != elements_.end() && !found->second.met;
    }

private:
    struct Entry {
        std::uint64_t value = 0;
        bool met = false;
    };
    std::unordered_map<std::uint64_t, Entry> elements_;
};

/// Lists the maps of `which`.
Status list_some(Netlink& netlink, Update& update, const Plan& plan, Content& content,
                 const KernelTable& table, const Maps& which, std::size_t wanted_count) {
    Wanted wanted;
    wanted.reserve(wanted_count);
    for_each_element(plan, content, [&](const Element& element) {
        if (which[index_of(element.map)]) wanted.put(element);
    });
    for (const MapInfo& map : all_maps()) {
        if (map.dynamic || !which[index_of(map.id)]) continue;
        if (!table.sets.contains(std::string{map.name})) continue;
        auto listed =
            list_elements(netlink, plan.settings.family, map.id, [&](const KernelElement& element) {
                if (!wanted.meet(fingerprint(map.id, element))) update.remove(map.id, element);
            });
        if (!listed) return listed;
    }
    for_each_element(plan, content, [&](const Element& element) {
        if (which[index_of(element.map)] && wanted.missing(element)) update.add(element);
    });
    return {};
}

/// Asks for the elements of some maps, in the order in which they are put.
class Questions {
public:
    Questions(Netlink& netlink, Family family) : netlink_{netlink}, family_{family} {}

    void put(const Element& element) {
        std::vector<Element>& waiting = waiting_[index_of(element.map)];
        waiting.push_back(element);
        if (waiting.size() == asked_at_once_max) ask(element.map);
    }
    Status finish() {
        for (const MapInfo& map : all_maps()) ask(map.id);
        return std::move(status_);
    }
    bool pointless() const { return !status_ || differences() > asked_differences_max; }
    std::size_t differences() const { return missing_.size() + different_.size(); }
    /// Elements at the keys that were asked for.
    std::size_t found(MapId map) const { return found_[index_of(map)]; }

    void tell(Update& update) const {
        for (const Element& element : different_) update.remove(element);
        for (const auto* list : {&missing_, &different_}) {
            for (const Element& element : *list) update.add(element);
        }
    }

private:
    void ask(MapId map) {
        std::vector<Element> waiting = std::exchange(waiting_[index_of(map)], {});
        std::size_t next = 0;
        while (next != waiting.size() && !pointless()) {
            const std::size_t first = next;
            auto message = ask_for_elements(family_, map, std::span{waiting}.subspan(first));
            status_ = netlink_.ask(message, [&](const nlmsghdr* answer) {
                read_elements(answer, [&](const KernelElement& element) {
                    if (next != waiting.size()) compare(waiting[next++], element);
                });
            });
            if (status_ && next == first)
                status_ = Error{Errc::io, "the kernel did not answer for an element"};
            if (status_ || status_.error().code != Errc::not_found) continue;
            // The first that is not there ends the answer.
            status_ = {};
            if (next != waiting.size()) missing_.push_back(waiting[next++]);
        }
        waiting.clear();
        waiting_[index_of(map)] = std::move(waiting);
    }
    void compare(const Element& wanted, const KernelElement& element) {
        ++found_[index_of(wanted.map)];
        if (fingerprint(wanted).value != fingerprint(wanted.map, element).value)
            different_.push_back(wanted);
    }

    Netlink& netlink_;
    Family family_;
    Status status_;
    std::array<std::vector<Element>, map_count> waiting_;
    Counts found_{};
    std::vector<Element> missing_;
    std::vector<Element> different_;
};

/// Whether somebody put in an element that stands for all other keys; it is not counted. A kernel
/// that has none calls the question invalid.
bool has_catch_all(Netlink& netlink, Family family, MapId map) {
    bool has = false;
    const Element any{.map = map};
    auto message = ask_for_elements(family, map, {&any, 1});
    (void)netlink.ask(message, [&](const nlmsghdr*) { has = true; });
    return has;
}

/// What the kernel says that a map has.
std::optional<std::size_t> count_of(const KernelTable& table, const MapInfo& map) {
    const auto found = table.counts.find(std::string{map.name});
    if (found == table.counts.end()) return std::nullopt;
    return found->second;
}

}  // namespace

Status compare_by_listing(Netlink& netlink, Update& update, const Plan& plan, Content& content,
                          const KernelTable& table) {
    Maps all;
    all.fill(true);
    return list_some(netlink, update, plan, content, table, all,
                     plan.services.size() * 3 + plan.endpoint_count * 2);
}

Result<bool> compare_by_asking(Netlink& netlink, Update& update, const Plan& plan, Content& content,
                               const KernelTable& table) {
    Counts wanted{};
    for_each_element(plan, content,
                     [&](const Element& element) { ++wanted[index_of(element.map)]; });
    Maps listed{};
    std::size_t listed_count = 0;
    for (const MapInfo& map : all_maps()) {
        const std::size_t count = wanted[index_of(map.id)];
        const auto has = count_of(table, map);
        if (map.interval ||
            (count <= listed_elements_max && has.value_or(0) <= listed_elements_max)) {
            listed[index_of(map.id)] = true;
            listed_count += count;
        } else if (!has || *has + asked_differences_max < count || *has > count) {
            return false;
        }
    }
    Questions questions{netlink, plan.settings.family};
    for_each_element(plan, content, [&](const Element& element) {
        if (!listed[index_of(element.map)] && !questions.pointless()) questions.put(element);
    });
    if (auto asked = questions.finish(); !asked) return std::move(asked).error();
    if (questions.pointless()) return false;
    for (const MapInfo& map : all_maps()) {
        if (listed[index_of(map.id)] || map.dynamic) continue;
        // Whatever is there beside what was found is not wanted.
        if (count_of(table, map) != questions.found(map.id)) return false;
        if (has_catch_all(netlink, plan.settings.family, map.id)) return false;
    }
    auto rest = list_some(netlink, update, plan, content, table, listed, listed_count);
    if (!rest) return std::move(rest).error();
    questions.tell(update);
    return true;
}

}  // namespace nameplane::rules::nftables
