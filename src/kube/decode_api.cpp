#include "kube/decode_api.hpp"

#include "kube/decode.hpp"
#include "kube/json_value.hpp"
#include "kube/splitter.hpp"
#include "services/limits.hpp"

#include <algorithm>
#include <array>

namespace nameplane::kube {
namespace {

using services::Event;
using services::Kind;
using services::ObjectKey;

/// Of an API server's objects, which it has validated: only what would cost us too much is limited.
constexpr FieldLimits api_limits{.ports_max = 20'000,
                                 .endpoints_max = 1000,
                                 .addresses_max = 10'000,
                                 .clashes = false,
                                 .strict = false,
                                 .problems_max = 1};

constexpr std::string_view over_long = "is longer than 8 MiB";
constexpr std::array<std::string_view, 5> event_words{"ADDED", "MODIFIED", "DELETED", "BOOKMARK",
                                                      "ERROR"};

// What a broken object says of itself goes into messages and is kept for a while.

std::string shortened_name(std::string_view name) {
    return std::string{name.substr(0, services::name_octets_max)};
}
std::string version_of(std::string_view version) {
    constexpr std::size_t octets_max = 1024;
    return version.size() <= octets_max ? std::string{version} : std::string{};
}

/// What is left over for an object that is no JSON.
ApiObject unreadable(Kind kind, std::string_view octets, std::string_view reason) {
    SeenName seen = name_in(octets);
    ApiObject object;
    object.resource_version = version_of(seen.resource_version);
    object.reason = reason;
    object.damaged = true;
    if (seen.name.empty() || is_namespaced(kind) == seen.ns.empty()) return object;
    object.key = {shortened_name(seen.ns), shortened_name(seen.name)};
    object.state = ApiObject::State::refused;
    return object;
}

/// Of a removal the name is enough.
ApiEvent unreadable_event(Kind kind, std::string_view octets, std::string_view reason) {
    ApiEvent event{.type = ApiEventType::modified, .object = unreadable(kind, octets, reason)};
    if (event.object.state == ApiObject::State::refused && name_in(octets).event == "DELETED") {
        event.type = ApiEventType::deleted;
        event.object.state = ApiObject::State::read;
        event.object.put = services::Remove{kind, event.object.key};
    }
    return event;
}

/// Nothing if the object is to be ignored.
std::optional<Event> decode(JsonFieldReader& read, const JsonField& root, Kind kind,
                            ObjectKey key) {
    switch (kind) {
    case Kind::service: return decode_service(read, root, std::move(key)).service;
    case Kind::endpoint_slice: {
        auto slice = decode_slice(read, root, std::move(key));
        if (!slice) return std::nullopt;
        return std::move(*slice);
    }
    case Kind::pod: return decode_pod(read, root, std::move(key)).pod;
    case Kind::node: return decode_node(read, root, std::move(key));
    case Kind::namespace_: return decode_namespace(read, root, std::move(key));
    case Kind::service_import: return decode_import(read, root, std::move(key));
    case Kind::service_cidr: return decode_service_cidr(read, root, std::move(key));
    }
    return std::nullopt;
}

void check_kind(JsonFieldReader& read, const JsonField& root, Kind kind) {
    const JsonField field = read.get(root, "kind");
    const std::string_view word = services::to_string(kind);
    if (field.present() && field.value.text() != word) read.wrong(field, word);
}

/// The object's name and version; whether it is worth reading on.
bool read_identity(JsonFieldReader& read, const JsonField& root, Kind kind, ApiObject& object) {
    const JsonField metadata = read.get(root, "metadata");
    object.resource_version = version_of(read.get(metadata, "resourceVersion").value.text());
    auto key = read.key(root);
    if (!key) {
        object.key.name = shortened_name(read.get(metadata, "name").value.text());
        object.key.ns = shortened_name(read.get(metadata, "namespace").value.text());
        return false;
    }
    object.key = std::move(*key);
    if (is_namespaced(kind) && object.key.ns.empty()) {
        read.wrong(read.get(metadata, "namespace"), "the namespace it is in");
        return false;
    }
    if (!is_namespaced(kind)) object.key.ns.clear();
    check_kind(read, root, kind);
    return read.reported() == 0;
}

ApiObject decode_object(JsonValue value, Kind kind) {
    std::vector<std::string> problems;
    JsonFieldReader read{{}, problems, api_limits};
    const JsonField root{.value = value};
    ApiObject object;
    if (root.value.shape() != Shape::map)
        read.wrong(root, "an object");
    else if (read_identity(read, root, kind, object))
        object.put = decode(read, root, kind, object.key);
    if (read.reported() > 0) {
        object.put.reset();
        object.state = ApiObject::State::refused;
        object.reason = problems.front();
    } else {
        object.state = object.put ? ApiObject::State::read : ApiObject::State::ignored;
    }
    return object;
}

/// A removal needs the name only, so nothing else can stand in its way.
ApiObject decode_deleted(JsonValue value, Kind kind) {
    std::vector<std::string> problems;
    JsonFieldReader read{{}, problems, api_limits};
    const JsonField root{.value = value};
    ApiObject object;
    if (read_identity(read, root, kind, object)) {
        object.put = services::Remove{kind, object.key};
        object.state = ApiObject::State::read;
    } else {
        object.state = ApiObject::State::refused;
        object.reason = problems.front();
    }
    return object;
}

ApiStatus decode_status(JsonValue value) {
    std::vector<std::string> problems;
    JsonFieldReader read{{}, problems, api_limits};
    const JsonField root{.value = value};
    ApiStatus status;
    status.code = static_cast<int>(read.number(read.get(root, "code"), 0, 999, 0));
    constexpr std::size_t message_octets_max = 500;
    status.message = read.text(read.get(root, "message")).substr(0, message_octets_max);
    const JsonField details = read.map(root, "details");
    const std::uint32_t wait_s = read.number(read.get(details, "retryAfterSeconds"), 0, 86400, 0);
    if (wait_s > 0) status.retry_after = std::chrono::seconds{wait_s};
    return status;
}

}  // namespace

std::string_view to_string(ApiEventType type) noexcept {
    switch (type) {
    case ApiEventType::added: return "added";
    case ApiEventType::modified: return "modified";
    case ApiEventType::deleted: return "deleted";
    case ApiEventType::bookmark: return "bookmark";
    case ApiEventType::error: return "error";
    }
    return {};
}

struct ApiDecoder::State {
    simdjson::dom::parser parser{object_octets_max + 1024};

    /// Nowhere if it is no JSON; `reason` says why.
    JsonValue parse(std::string_view octets, std::string& reason);
};

JsonValue ApiDecoder::State::parse(std::string_view octets, std::string& reason) {
    if (octets.empty()) {  // which the parser would copy from nowhere
        reason = "not JSON (nothing)";
        return {};
    }
    // The parser takes some 15 octets for one of the longest object it has seen.
    constexpr std::size_t usual_octets = std::size_t{512} * 1024;
    if (parser.capacity() > usual_octets && octets.size() <= usual_octets)
        parser = simdjson::dom::parser{parser.max_capacity()};
    simdjson::dom::element root;
    const auto error = parser.parse(octets.data(), octets.size()).get(root);
    if (error == simdjson::SUCCESS) return JsonValue{root};
    reason = std::string{"not JSON ("} + simdjson::error_message(error) + ")";
    return {};
}

ApiDecoder::ApiDecoder() : state_{std::make_unique<State>()} {}
ApiDecoder::~ApiDecoder() = default;

ApiObject ApiDecoder::item(Kind kind, std::string_view octets) {
    std::string reason;
    const JsonValue root = state_->parse(octets, reason);
    return root ? decode_object(root, kind) : unreadable(kind, octets, reason);
}

ApiObject ApiDecoder::item_over_long(Kind kind, std::string_view beginning) {
    ApiObject object = unreadable(kind, beginning, over_long);
    object.damaged = false;
    object.state = ApiObject::State::refused;
    return object;
}

ApiEvent ApiDecoder::event_over_long(Kind kind, std::string_view beginning) {
    ApiEvent event = unreadable_event(kind, beginning, over_long);
    event.object.damaged = false;
    if (event.object.state == ApiObject::State::garbage)
        event.object.state = ApiObject::State::refused;
    return event;
}

ApiEvent ApiDecoder::event(Kind kind, std::string_view octets) {
    ApiEvent event;
    const JsonValue root = state_->parse(octets, event.object.reason);
    if (!root) return unreadable_event(kind, octets, event.object.reason);
    const std::string_view word = root.find("type").text();
    const auto* found = std::ranges::find(event_words, word);
    if (found == event_words.end()) {
        event.object.reason = "an event whose type is '" + std::string{word.substr(0, 20)} + "'";
        return event;
    }
    event.type = static_cast<ApiEventType>(found - event_words.begin());
    const JsonValue object = root.find("object");
    const JsonValue metadata = object.find("metadata");
    switch (event.type) {
    case ApiEventType::added:
    case ApiEventType::modified: event.object = decode_object(object, kind); break;
    case ApiEventType::deleted: event.object = decode_deleted(object, kind); break;
    case ApiEventType::bookmark:
        event.object.state = ApiObject::State::ignored;
        event.object.resource_version = version_of(metadata.find("resourceVersion").text());
        event.initial_events_end =
            metadata.find("annotations").find("k8s.io/initial-events-end").text() == "true";
        break;
    case ApiEventType::error:
        event.object.state = ApiObject::State::ignored;
        event.status = decode_status(object);
        break;
    }
    return event;
}

std::optional<ApiListMetadata> ApiDecoder::list_metadata(std::string_view octets) {
    std::string reason;
    const JsonValue root = state_->parse(octets, reason);
    if (root.shape() != Shape::map) return std::nullopt;
    return ApiListMetadata{std::string{root.find("resourceVersion").text()},
                           std::string{root.find("continue").text()}};
}

}  // namespace nameplane::kube
