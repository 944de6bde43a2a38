// Golden files of rules: what services.yaml becomes on the node of node.yaml under settings.yaml,
// as plan (both families), iptables-restore and ip6tables-restore text, and as nft text (both
// families).
//
// To write them anew after a change that is wanted, then to review the difference:
//
//     NAMEPLANE_GOLDEN_WRITE=1 build/tests/golden/test_golden_rules && git diff tests/golden
//
#include "kube/manifests.hpp"
#include "rules/iptables/render.hpp"
#include "rules/nftables/render.hpp"
#include "rules/plan_text.hpp"
#include "rules/policy.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>

#include <catch2/catch.hpp>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

namespace nameplane {
namespace {

namespace fs = std::filesystem;

const fs::path cases = fs::path{NAMEPLANE_GOLDEN_DIR} / "rules";

std::string read(const fs::path& path) {
    const std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

template <class T> T parse(const YAML::Node& node) {
    const auto parsed = T::parse(node.as<std::string>());
    INFO(node.as<std::string>());
    REQUIRE(parsed.has_value());
    return *parsed;
}

/// A key that a file may have, read by `use`; any other key is a mistake in the case.
using Keys = std::map<std::string, std::function<void(const YAML::Node&)>>;

void for_each_key(const YAML::Node& node, const Keys& keys) {
    for (const auto& item : node) {
        const auto key = item.first.as<std::string>();
        INFO("key " << key);
        REQUIRE(keys.contains(key));
        keys.at(key)(item.second);
    }
}

rules::NodeFacts node_facts(const fs::path& path) {
    rules::NodeFacts facts;
    for_each_key(YAML::LoadFile(path),
                 {{"name", [&](const auto& node) { facts.name = node.template as<std::string>(); }},
                  {"labels",
                   [&](const auto& node) {
                       for (const auto& label : node) {
                           facts.labels[label.first.template as<std::string>()] =
                               label.second.template as<std::string>();
                       }
                   }},
                  {"podCIDRs",
                   [&](const auto& node) {
                       for (const auto& cidr : node) facts.pod_cidrs.push_back(parse<Cidr>(cidr));
                   }},
                  {"addresses", [&](const auto& node) {
                       for (const auto& item : node) {
                           facts.addresses.push_back({item["interface"].template as<std::string>(),
                                                      parse<IpAddress>(item["address"])});
                       }
                   }}});
    return facts;
}

void read_detector(const YAML::Node& node, rules::PlanSettings& settings) {
    for_each_key(node, {{"cidrs",
                         [&](const auto& cidrs) {
                             settings.detector = rules::LocalDetector::source_cidr;
                             for (const auto& item : cidrs) {
                                 const Cidr cidr = parse<Cidr>(item);
                                 if (cidr.family() == settings.family)
                                     settings.detector_cidr = cidr;
                             }
                             REQUIRE(settings.detector_cidr.prefix() != 0);
                         }},
                        {"bridge",
                         [&](const auto& name) {
                             settings.detector = rules::LocalDetector::bridge;
                             settings.detector_name = name.template as<std::string>();
                         }},
                        {"interfacePrefix", [&](const auto& name) {
                             settings.detector = rules::LocalDetector::interface_prefix;
                             settings.detector_name = name.template as<std::string>();
                         }}});
}

rules::PlanSettings plan_settings(const fs::path& path, Family family) {
    rules::PlanSettings settings{.family = family};
    const auto flag = [](bool& into) {
        return [&into](const YAML::Node& node) { into = node.as<bool>(); };
    };
    for_each_key(
        YAML::LoadFile(path),
        {{"detectLocal", [&](const auto& node) { read_detector(node, settings); }},
         {"masqueradeBit",
          [&](const auto& node) { settings.masquerade_mark = 1U << node.template as<unsigned>(); }},
         {"nodePortAddresses",
          [&](const auto& node) {
              for (const auto& item : node)
                  settings.node_port_addresses.push_back(parse<IpAddress>(item));
          }},
         {"masqueradeAll", flag(settings.masquerade_all)},
         {"localhostNodePorts", flag(settings.localhost_node_ports)},
         {"dropInvalid", flag(settings.drop_invalid)},
         {"randomFully", flag(settings.random_fully)}});
    return settings;
}

/// Plans what services.yaml says. Nothing may be wrong in it, and nothing left to fill in.
class Case {
public:
    explicit Case(fs::path folder) : folder_{std::move(folder)} {
        auto reading = kube::read_manifests({.path = folder_ / "services.yaml"});
        if (!reading) FAIL(reading.error().text);
        CHECK(reading->problems == std::vector<std::string>{});
        CHECK(reading->choices == std::vector<std::string>{});
        for (services::Event& event : reading->events) {
            if (const Status status = store_.apply(std::move(event)); !status)
                FAIL(status.error().text);
        }
    }
    rules::Plan plan(Family family) {
        rules::Planner planner{plan_settings(folder_ / "settings.yaml", family)};
        return planner.plan(store_.snapshot(), node_facts(folder_ / "node.yaml"));
    }

private:
    fs::path folder_;
    SystemClock clock_;
    services::Store store_{{}, clock_};
};

/// The file's first line that differs, or nothing.
std::string difference(const std::string& is, const std::string& wanted) {
    std::istringstream left{is};
    std::istringstream right{wanted};
    std::string a;
    std::string b;
    for (int line = 1;; ++line) {
        const bool more_left = static_cast<bool>(std::getline(left, a));
        const bool more_right = static_cast<bool>(std::getline(right, b));
        if (!more_left && !more_right) return {};
        if (more_left && more_right && a == b) continue;
        return "line " + std::to_string(line) + "\n  is     " + (more_left ? a : "(end)") +
               "\n  wanted " + (more_right ? b : "(end)");
    }
}

void compare(const fs::path& file, const std::string& is) {
    if (std::getenv("NAMEPLANE_GOLDEN_WRITE") != nullptr) {
        std::ofstream{file} << is;
        return;
    }
    INFO(file.string());
    REQUIRE(fs::exists(file));
    const std::string wanted = read(file);
    CHECK(difference(is, wanted) == "");
    CHECK((is == wanted));
}

std::vector<fs::path> all_cases() {
    std::set<fs::path> folders;
    for (const fs::directory_entry& entry : fs::directory_iterator{cases}) {
        if (entry.is_directory()) folders.insert(entry.path());
    }
    return {folders.begin(), folders.end()};
}

TEST_CASE("golden rules", "[golden]") {
    const std::vector<fs::path> folders = all_cases();
    CHECK(folders.size() >= 20);
    for (const fs::path& folder : folders) {
        INFO("case " << folder.filename().string());
        Case golden{folder};
        const rules::Plan four = golden.plan(Family::ipv4);
        const rules::Plan six = golden.plan(Family::ipv6);
        compare(folder / "plan.txt",
                rules::to_plan_text(four) + "\n---\n\n" + rules::to_plan_text(six));
        compare(folder / "iptables.txt", rules::iptables::to_restore_text(four));
        compare(folder / "ip6tables.txt", rules::iptables::to_restore_text(six));
        compare(folder / "nft.txt",
                rules::nftables::to_nft_text(four) + rules::nftables::to_nft_text(six));
    }
}

}  // namespace
}  // namespace nameplane
