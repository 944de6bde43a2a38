#include "agent/node_local_config.hpp"

#include "kube/folder.hpp"
#include "kube/tree.hpp"

#include <algorithm>
#include <filesystem>

namespace nameplane::agent {
namespace {

constexpr std::string_view upstream_word = "__PILLAR__UPSTREAM__SERVERS__";
constexpr std::string_view cluster_word = "__PILLAR__CLUSTER__DNS__";
constexpr std::size_t upstream_servers_max = 3;

// They become words of a Corefile and must stay words.
bool is_word(std::string_view text) {
    const auto is_allowed = [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') ||
               std::string_view{".:-_/[]%"}.find(c) != std::string_view::npos;
    };
    return !text.empty() && std::ranges::all_of(text, is_allowed);
}

Error wrong(std::string_view file, std::string_view what) {
    return {Errc::invalid, std::string{file} + ": " + std::string{what}};
}

Result<std::vector<std::string>> words_of(std::string_view file, const kube::Value& list) {
    if (list.shape() != kube::Shape::list) return wrong(file, "expected a list of servers");
    std::vector<std::string> words;
    for (kube::Value item = list.first(); item; item = item.next()) {
        if (!is_word(item.text())) {
            return wrong(file, "'" + std::string{item.text()} + "', expected a server");
        }
        words.emplace_back(item.text());
    }
    return words;
}

Result<kube::Tree> tree_of(std::string_view file, std::string_view text) {
    kube::Tree tree = kube::read_json(text);
    if (tree.fault() != nullptr) return wrong(file, tree.fault()->text);
    return tree;
}

void replace_all(std::string& text, std::string_view word, std::string_view by) {
    for (std::size_t at = 0; (at = text.find(word, at)) != text.npos; at += by.size()) {
        text.replace(at, word.size(), by);
    }
}

// What stands behind the white space at `at`, or nowhere.
std::size_t behind(const std::string& text, std::size_t at, std::string_view expected) {
    at = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
    const bool there = std::string_view{text}.substr(at).starts_with(expected);
    return there ? at + expected.size() : text.npos;
}

// Servers that somebody chose are asked as they are used to be, not by TCP only.
void drop_force_tcp(std::string& text) {
    for (std::size_t at = 0; (at = text.find(upstream_word, at)) != text.npos;) {
        at += upstream_word.size();
        std::size_t end = at;
        for (const std::string_view part : {"{", "force_tcp", "}"}) {
            if (end != text.npos) end = behind(text, end, part);
        }
        if (end != text.npos) text.erase(at, end - at);
    }
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

Result<std::string> read_if_there(const std::string& path) {
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) return std::string{};
    return kube::read_file(path);
}

}  // namespace

Result<KubeDnsConfig> parse_kube_dns(std::string_view stub_domains,
                                     std::string_view upstream_servers) {
    KubeDnsConfig config;
    if (!stub_domains.empty()) {
        const Result<kube::Tree> tree = tree_of("stubDomains", stub_domains);
        if (!tree) return tree.error();
        const kube::Value root = tree->root();
        if (root.shape() != kube::Shape::map) {
            return wrong("stubDomains", "expected a map from domains to servers");
        }
        for (kube::Value item = root.first(); item; item = item.next()) {
            if (!is_word(item.key())) {
                return wrong("stubDomains", "'" + std::string{item.key()} + "', expected a domain");
            }
            Result<std::vector<std::string>> servers = words_of("stubDomains", item);
            if (!servers) return std::move(servers).error();
            if (servers->empty()) continue;
            config.stub_domains.emplace_back(item.key(), std::move(servers).value());
        }
        std::ranges::sort(config.stub_domains);
    }
    if (!upstream_servers.empty()) {
        const Result<kube::Tree> tree = tree_of("upstreamNameservers", upstream_servers);
        if (!tree) return tree.error();
        Result<std::vector<std::string>> servers = words_of("upstreamNameservers", tree->root());
        if (!servers) return std::move(servers).error();
        if (servers->size() > upstream_servers_max) {
            return wrong("upstreamNameservers", "more than three servers");
        }
        config.upstream_servers = std::move(servers).value();
    }
    return config;
}

Result<KubeDnsConfig> read_kube_dns(const std::string& folder) {
    const Result<std::string> stubs = read_if_there(folder + "/stubDomains");
    if (!stubs) return stubs.error();
    const Result<std::string> upstreams = read_if_there(folder + "/upstreamNameservers");
    if (!upstreams) return upstreams.error();
    return parse_kube_dns(*stubs, *upstreams);
}

Result<std::string> fill_template(std::string text, const TemplateValues& values) {
    std::vector<std::string> listen;
    for (const IpAddress& address : values.addresses) listen.push_back(address.to_string());
    const std::string local = joined(listen);
    const KubeDnsConfig& kube_dns = values.kube_dns;

    if (!kube_dns.upstream_servers.empty()) drop_force_tcp(text);
    replace_all(text, upstream_word,
                kube_dns.upstream_servers.empty() ? "/etc/resolv.conf"
                                                  : joined(kube_dns.upstream_servers));
    if (values.cluster_dns.empty() && text.find(cluster_word) != text.npos) {
        return Error{Errc::not_found, "the address for " + std::string{cluster_word} +
                                          " is not known, expected it in the environment"};
    }
    replace_all(text, cluster_word, values.cluster_dns);
    replace_all(text, "__PILLAR__LOCAL__DNS__", local);
    // All addresses stand in the first word already.
    replace_all(text, "__PILLAR__DNS__SERVER__", "");
    replace_all(text, "__PILLAR__DNS__DOMAIN__", "cluster.local");
    replace_all(text, "__PROMETHEUS__ENDPOINT__", values.prometheus_listen);
    for (const auto& [domain, servers] : kube_dns.stub_domains) {
        text += "\n" + domain + ":" + std::to_string(values.dns_port) +
                " {\n    errors\n    cache 30\n    bind " + local + "\n    forward . " +
                joined(servers) + "\n}\n";
    }
    return text;
}

std::string service_variable(std::string_view service) {
    std::string name{service};
    for (char& c : name) {
        if (c == '-') c = '_';
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return name + "_SERVICE_HOST";
}

}  // namespace nameplane::agent
