#include "kube/state_file.hpp"

#include "kube/folder.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace nameplane::kube {
namespace {

using services::Protocol;

constexpr std::string_view head = "nameplane manifest state 1\n";
constexpr std::string_view sum_word = "sum ";

std::string checksum(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return std::to_string(hash);
}

std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

std::optional<std::uint16_t> take_port(std::string_view& line) {
    const std::string_view word = take_word(line);
    std::uint16_t port = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), port);
    if (error != std::errc{} || stop != word.data() + word.size() || port == 0) return std::nullopt;
    return port;
}

std::optional<Protocol> protocol_of(std::string_view word) {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
        if (services::to_string(protocol) == word) return protocol;
    return std::nullopt;
}

/// "ns/name ip 10.96.0.7", "ns/name port tcp 80 30080", "ns/name health 30081".
bool read_line(std::string_view line, Memory& memory) {
    const std::string_view key = take_word(line);
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return false;
    Given& given = memory[{std::string{key.substr(0, slash)}, std::string{key.substr(slash + 1)}}];
    const std::string_view what = take_word(line);
    if (what == "ip") {
        const auto address = IpAddress::parse(take_word(line));
        if (address) given.addresses.push_back(*address);
        return address.has_value();
    }
    if (what == "health") {
        const auto port = take_port(line);
        given.health_check_port = port.value_or(0);
        return port.has_value();
    }
    if (what != "port") return false;
    const auto protocol = protocol_of(take_word(line));
    const auto port = take_port(line);
    const auto node_port = take_port(line);
    if (!protocol || !port || !node_port) return false;
    given.ports.push_back({*protocol, *port, *node_port});
    return true;
}

}  // namespace

std::string to_text(const Memory& memory) {
    std::string text{head};
    for (const auto& [key, given] : memory) {
        const std::string object = key.ns + '/' + key.name + ' ';
        for (const IpAddress& ip : given.addresses)
            text.append(object).append("ip ").append(ip.to_string()).append("\n");
        for (const Given::Port& port : given.ports)
            text.append(object)
                .append("port ")
                .append(services::to_string(port.protocol))
                .append(" " + std::to_string(port.port) + " " + std::to_string(port.node_port))
                .append("\n");
        if (given.health_check_port != 0)
            text.append(object)
                .append("health ")
                .append(std::to_string(given.health_check_port))
                .append("\n");
    }
    const std::string sum = checksum(text);
    return text.append(sum_word).append(sum).append("\n");
}

Result<Memory> memory_from_text(std::string_view text) {
    const Error damaged{Errc::invalid, "damaged"};
    if (!text.starts_with(head) || !text.ends_with('\n')) return damaged;
    const std::size_t last = text.rfind('\n', text.size() - 2);
    if (last == std::string_view::npos) return damaged;
    const std::string_view sum = text.substr(last + 1);
    std::string_view body = text.substr(0, last + 1);
    if (sum != std::string{sum_word} + checksum(body) + '\n') return damaged;
    body.remove_prefix(head.size());
    Memory memory;
    while (!body.empty()) {
        const std::size_t end = body.find('\n');
        if (!read_line(body.substr(0, end), memory)) return damaged;
        body.remove_prefix(end + 1);
    }
    return memory;
}

Result<Memory> load_memory(const std::string& path) {
    auto text = read_file(path);
    if (!text) {
        if (text.error().code == Errc::not_found) return Memory{};
        return std::move(text).error();
    }
    return memory_from_text(*text);
}

}  // namespace nameplane::kube
