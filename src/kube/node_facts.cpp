#include "kube/node_facts.hpp"

#include "kube/decode.hpp"
#include "kube/fields.hpp"
#include "kube/folder.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace nameplane::kube {
namespace {

using namespace std::string_view_literals;

void known_keys(FieldReader& read, const Field& map, std::span<const std::string_view> keys) {
    for (Value one = map.value.first(); one; one = one.next()) {
        if (std::ranges::find(keys, one.key()) != keys.end()) continue;
        std::string list;
        for (const std::string_view key : keys) list.append(list.empty() ? "" : ", ").append(key);
        read.report(one.line(), "key '" + std::string{one.key()} + "', expected one of " + list);
    }
}

services::NodeFacts read_facts(FieldReader& read, const Field& root) {
    services::NodeFacts facts;
    known_keys(read, root, std::array{"name"sv, "labels"sv, "podCIDRs"sv, "addresses"sv});
    const Field name = read.get(root, "name");
    facts.name = read.text(name);
    if (!name.present()) read.wrong(name, "the node's name");
    facts.labels = read.labels(read.map(root, "labels"));
    read.each(read.list(root, "podCIDRs"), read.limits().addresses_max, [&](const Field& item) {
        if (const auto cidr = read.cidr(item)) facts.pod_cidrs.push_back(*cidr);
    });
    read.each_map(read.list(root, "addresses"), read.limits().addresses_max,
                  [&](const Field& item) {
                      known_keys(read, item, std::array{"interface"sv, "address"sv});
                      const Field interface = read.get(item, "interface");
                      if (!interface.present()) read.wrong(interface, "the name of an interface");
                      const auto address = read.address(read.get(item, "address"));
                      std::string interface_name = read.text(interface);
                      if (address) facts.addresses.push_back({std::move(interface_name), *address});
                  });
    return facts;
}

}  // namespace

Result<services::NodeFacts> node_facts_from_text(std::string_view text, std::string_view file,
                                                 bool json) {
    std::vector<std::string> problems;
    FieldReader read{file, problems};
    const Tree tree = json ? read_json(text) : read_yaml({text, 1});
    services::NodeFacts facts;
    const Field root{.value = tree.root()};
    if (const Fault* fault = tree.fault())
        read.report(fault->line, fault->text);
    else if (root.value.shape() != Shape::map)
        read.wrong(root, "a map with name and addresses");
    else
        facts = read_facts(read, root);
    if (problems.empty()) return facts;
    std::string all;
    for (const std::string& problem : problems) all.append(all.empty() ? "" : "\n").append(problem);
    return Error{Errc::invalid, std::move(all)};
}

Result<services::NodeFacts> read_node_facts(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return Error{text.error().code, path + ": " + text.error().text};
    return node_facts_from_text(*text, path, is_json_name(path));
}

}  // namespace nameplane::kube
