#include "plugins/dnstap/message.hpp"

#include "dnstap.pb-c.h"

namespace nameplane::plugins::tapping {

namespace {

ProtobufCBinaryData data_of(std::span<const std::uint8_t> octets) noexcept {
    // The library only reads it.
    return {octets.size(), const_cast<std::uint8_t*>(octets.data())};
}

ProtobufCBinaryData data_of(std::string_view text) noexcept {
    return data_of(std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Dnstap__Message__Type type_of(Event::Type type) noexcept {
    switch (type) {
    case Event::Type::client_query: return DNSTAP__MESSAGE__TYPE__CLIENT_QUERY;
    case Event::Type::client_response: return DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE;
    case Event::Type::forwarder_query: return DNSTAP__MESSAGE__TYPE__FORWARDER_QUERY;
    case Event::Type::forwarder_response: break;
    }
    return DNSTAP__MESSAGE__TYPE__FORWARDER_RESPONSE;
}

void set_family(const IpAddress& address, Dnstap__Message& message) noexcept {
    message.has_socket_family = 1;
    message.socket_family =
        address.is_v4() ? DNSTAP__SOCKET_FAMILY__INET : DNSTAP__SOCKET_FAMILY__INET6;
}

void set_time(WallTime time, std::uint64_t& seconds, std::uint32_t& nanoseconds) noexcept {
    using namespace std::chrono;
    const auto since = time.time_since_epoch();
    const auto whole = duration_cast<std::chrono::seconds>(since);
    seconds = static_cast<std::uint64_t>(whole.count());
    nanoseconds =
        static_cast<std::uint32_t>(duration_cast<std::chrono::nanoseconds>(since - whole).count());
}

void set_addresses(const Event& event, Dnstap__Message& message) noexcept {
    message.has_socket_protocol = 1;
    message.socket_protocol =
        event.tcp ? DNSTAP__SOCKET_PROTOCOL__TCP : DNSTAP__SOCKET_PROTOCOL__UDP;
    if (event.asks) {
        set_family(event.asks->address, message);
        message.has_query_address = message.has_query_port = 1;
        message.query_address = data_of(event.asks->address.bytes());
        message.query_port = event.asks->port;
    }
    if (event.answers) {
        set_family(event.answers->address, message);
        message.has_response_address = message.has_response_port = 1;
        message.response_address = data_of(event.answers->address.bytes());
        message.response_port = event.answers->port;
    }
}

void set_times(const Event& event, Dnstap__Message& message) noexcept {
    message.has_query_time_sec = message.has_query_time_nsec = 1;
    set_time(event.asked, message.query_time_sec, message.query_time_nsec);
    if (!event.answered) return;
    message.has_response_time_sec = message.has_response_time_nsec = 1;
    set_time(*event.answered, message.response_time_sec, message.response_time_nsec);
}

}  // namespace

Packed pack(const Event& event) noexcept {
    Dnstap__Message message = DNSTAP__MESSAGE__INIT;
    message.type = type_of(event.type);
    set_addresses(event, message);
    set_times(event, message);
    message.has_query_message = event.query.empty() ? 0 : 1;
    message.query_message = data_of(event.query);
    message.has_response_message = event.response.empty() ? 0 : 1;
    message.response_message = data_of(event.response);

    Dnstap__Dnstap whole = DNSTAP__DNSTAP__INIT;
    whole.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
    whole.message = &message;
    whole.has_identity = event.identity.empty() ? 0 : 1;
    whole.identity = data_of(event.identity);
    whole.has_version = event.version.empty() ? 0 : 1;
    whole.version = data_of(event.version);
    whole.has_extra = event.extra.empty() ? 0 : 1;
    whole.extra = data_of(event.extra);

    Packed packed{.frame = nullptr, .octets = dnstap__dnstap__get_packed_size(&whole)};
    packed.frame = net::FrameStream::allocate(packed.octets);
    if (packed.frame != nullptr) dnstap__dnstap__pack(&whole, packed.frame.get());
    return packed;
}

}  // namespace nameplane::plugins::tapping
