#include <nameplane/query_functions.hpp>

#include <array>
#include <charconv>
#include <cstring>

namespace nameplane {

namespace {

using expression::Value;

/// Ids of the functions.
enum class Id : int {
    name,
    type,
    klass,
    proto,
    size,
    client_ip,
    port,
    id,
    opcode,
    dnssec_ok,
    bufsize,
    server_ip,
    server_port,
    metadata,
    incidr,
};
static_assert(static_cast<int>(Id::incidr) < QueryFunctions::first_free_id);

std::string_view kept(std::string_view text, Arena& arena) noexcept {
    const std::span<char> room = arena.array<char>(text.size());
    if (room.empty()) return {};
    std::memcpy(room.data(), text.data(), text.size());
    return {room.data(), room.size()};
}

std::string_view text_of(const IpAddress& address, Arena& arena) noexcept {
    std::array<char, 46> text;
    const std::size_t size = address.write_text(text);
    return kept({text.data(), size}, arena);
}

/// A type or class; those without a name are "TYPE65280", short enough for no memory of their own.
template <class T> std::string_view text_of(T code, Arena& arena) noexcept {
    const std::string_view name = dns::known_name(code);
    return name.empty() ? kept(dns::to_string(code), arena) : name;
}

std::string_view text_of(std::uint16_t port, Arena& arena) noexcept {
    std::array<char, 8> text;
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), port);
    return kept({text.data(), static_cast<std::size_t>(end - text.data())}, arena);
}

}  // namespace

std::vector<expression::Function> QueryFunctions::all() {
    using enum expression::Type;
    const auto function = [](std::string_view name, std::vector<expression::Type> parameters,
                             expression::Type result, Id id) {
        return expression::Function{name, std::move(parameters), result, static_cast<int>(id)};
    };
    return {function("name", {}, text, Id::name),
            function("type", {}, text, Id::type),
            function("class", {}, text, Id::klass),
            function("proto", {}, text, Id::proto),
            function("size", {}, integer, Id::size),
            function("client_ip", {}, text, Id::client_ip),
            function("port", {}, text, Id::port),
            function("id", {}, integer, Id::id),
            function("opcode", {}, integer, Id::opcode),
            function("do", {}, boolean, Id::dnssec_ok),
            function("bufsize", {}, integer, Id::bufsize),
            function("server_ip", {}, text, Id::server_ip),
            function("server_port", {}, text, Id::server_port),
            function("metadata", {text}, text, Id::metadata),
            function("incidr", {text, text}, boolean, Id::incidr)};
}

std::string_view QueryFunctions::name() const noexcept {
    if (name_.empty()) name_ = query_->name().text_in(query_->arena());
    return name_;
}

std::string_view QueryFunctions::client() const noexcept {
    if (client_.empty()) client_ = text_of(query_->client().address, query_->arena());
    return client_;
}

bool QueryFunctions::contains(std::string_view address, std::string_view network,
                              bool& within) const noexcept {
    const auto cidr = Cidr::parse(network);
    if (!cidr) return false;
    // Most ask about the client, whose text is ours.
    if (!client_.empty() && address.data() == client_.data()) {
        within = cidr->contains(query_->client().address);
        return true;
    }
    const auto parsed = IpAddress::parse(address);
    if (!parsed) return false;
    within = cidr->contains(*parsed);
    return true;
}

bool QueryFunctions::call(int id, std::span<const Value> arguments, Arena& arena,
                          Value& result) const noexcept {
    // None of them is empty but where the arena is full.
    const auto text = [&result](std::string_view value) {
        result = Value::of(value);
        return !value.empty();
    };
    const auto number = [&result](std::int64_t value) { result = Value::of(value); };
    const Query& query = *query_;
    switch (static_cast<Id>(id)) {
    case Id::name: return text(name());
    case Id::type: return text(text_of(query.type(), arena));
    case Id::klass: return text(text_of(query.klass(), arena));
    case Id::proto: return text(query.transport() == Transport::tcp ? "tcp" : "udp");
    case Id::size: number(static_cast<std::int64_t>(query.octets())); return true;
    case Id::client_ip: return text(client());
    case Id::port: return text(text_of(query.client().port, arena));
    case Id::id: number(query.id()); return true;
    case Id::opcode: number(0); return true;  // no other comes so far
    case Id::dnssec_ok: result = Value::of(query.dnssec_ok()); return true;
    case Id::bufsize:
        number(query.transport() == Transport::tcp ? 65535 : query.udp_size());
        return true;
    case Id::server_ip: return text(text_of(query.server().address, arena));
    case Id::server_port: return text(text_of(query.server().port, arena));
    case Id::metadata:
        result = Value::of(query_->metadata(arguments[0].text).value_or(std::string_view{}));
        return true;
    case Id::incidr: {
        bool within = false;
        if (!contains(arguments[0].text, arguments[1].text, within)) return false;
        result = Value::of(within);
        return true;
    }
    }
    return false;
}

}  // namespace nameplane
