#pragma once
// decode_api: what the API server says of one object, straight from its octets to our types. A
// field means what it means in a manifest (decode.hpp); unknown ones are passed over, and nothing
// of the octets is kept.

#include "services/event.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nameplane::kube {

/// One object, or why there is none.
struct ApiObject {
    enum class State : std::uint8_t {
        read,     ///< `put` holds it
        ignored,  ///< of a sort that we do not read (a slice of host names)
        refused,  ///< `reason` says why; the others are not touched by it
        garbage,  ///< no JSON, and nothing in it says which object it was
    };
    State state = State::garbage;
    /// It is no JSON, so its octets may have been changed on their way to us. Its name was seen
    /// nevertheless, and the rest is what to make of it if it does not get better.
    bool damaged = false;
    services::ObjectKey key;  ///< as far as it is known
    std::string resource_version;
    std::optional<services::Event> put;
    std::string reason;
};

enum class ApiEventType : std::uint8_t { added, modified, deleted, bookmark, error };
/// "added", ...: for metrics.
std::string_view to_string(ApiEventType type) noexcept;

/// A Status, which the server sends in place of an event when the watch cannot go on.
struct ApiStatus {
    int code = 0;
    std::string message;
    std::optional<std::chrono::seconds> retry_after;
};

/// One event of a watch.
struct ApiEvent {
    ApiEventType type = ApiEventType::error;
    ApiObject object;                 ///< not of errors; of bookmarks the version only
    bool initial_events_end = false;  ///< the bookmark behind a streaming list
    ApiStatus status;                 ///< of errors
};

/// What stands beside the items of a list.
struct ApiListMetadata {
    std::string resource_version;
    std::string continue_token;  ///< empty: this is all
};

/// Reuses its memory from one object to the next. One thread.
class ApiDecoder {
public:
    ApiDecoder();
    ~ApiDecoder();
    ApiDecoder(const ApiDecoder&) = delete;
    ApiDecoder& operator=(const ApiDecoder&) = delete;

    /// An item of a list of `kind`.
    ApiObject item(services::Kind kind, std::string_view octets);
    /// The refusal of one that was too long to be read, from its beginning.
    static ApiObject item_over_long(services::Kind kind, std::string_view beginning);
    /// An event of a watch of `kind`. `object.state` is garbage if it is no event at all.
    ApiEvent event(services::Kind kind, std::string_view octets);
    static ApiEvent event_over_long(services::Kind kind, std::string_view beginning);
    /// The value of "metadata" of a list; nothing if it is none.
    std::optional<ApiListMetadata> list_metadata(std::string_view octets);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::kube
