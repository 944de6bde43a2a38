#pragma once
// Reflector: one kind of object, listed and then watched for ever. A streaming list first
// (sendInitialEvents), pages where the server does not know it; then the watch, resumed from where
// it ended. What was told stays true until a whole new list says otherwise: no failure removes
// anything.
//
//     list --whole--> watch --ordinary end--> watch
//      ^ \             |  \--failure--> wait --> watch
//      |  failure      410, ERROR
//      |   v           v
//      +- wait <-------+
//
// Control thread only.

#include "kube/api.hpp"
#include "kube/backoff.hpp"
#include "kube/decode_api.hpp"
#include "kube/splitter.hpp"
#include "net/loop.hpp"
#include "services/event.hpp"
#include <nameplane/base/clock.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nameplane::kube {

struct ReflectorOptions {
    services::Kind kind = services::Kind::service;
    std::string path;       ///< "/api/v1/services"
    std::string resource;   ///< "services", for messages
    std::string selectors;  ///< "labelSelector=...", escaped; empty: everything
    bool stream_lists = true;
    /// Something is known from an earlier life, so that not even the first list may be an old one.
    bool known_before = false;
    /// The least pause after a server said that it knows no such path (404).
    std::chrono::seconds absent_pause{0};
};

enum class ListHow : std::uint8_t { streamed, paged };
std::string_view to_string(ListHow how) noexcept;

struct ListReport {
    ListHow how = ListHow::paged;
    std::size_t objects = 0;  ///< refused ones too
    std::size_t refused = 0;
    std::chrono::duration<double> took{};
};

/// Why a list is made again.
enum class RelistReason : std::uint8_t {
    expired,  ///< 410: the server does not remember where we were
    error,    ///< the server sent an ERROR event
    refused,  ///< it refuses the watch as such
    failing,  ///< it failed to begin the watch several times
    silent,   ///< it accepted the watch after a loss, and then said nothing
};
std::string_view to_string(RelistReason reason) noexcept;

/// Whom a reflector tells. Outlives it, and does not destroy it from within.
class ReflectorListener {
public:
    virtual ~ReflectorListener() = default;
    /// BeginList, EndList or Keep.
    virtual void bound(services::Event event) = 0;
    /// `object.put` holds an object or a Remove.
    virtual void put(ApiObject object) = 0;
    /// An object could not be read; what is known of it stays.
    virtual void refused(const ApiObject& object) = 0;
    /// Now is the time for a snapshot.
    virtual void settled() = 0;
    /// The server said something.
    virtual void heard() = 0;
    /// An event of a watch came.
    virtual void counted(ApiEventType type) = 0;
    /// A whole list has been told.
    virtual void listed(const ListReport& report) = 0;
    virtual void relisting(RelistReason reason, const std::string& error) = 0;
    /// A watch begins again; the first one does not count.
    virtual void watch_restarted() = 0;
    /// The server has accepted the watch: what was told is current from here on.
    virtual void watching() = 0;
    /// It is not any more. Repeated with each attempt that fails.
    virtual void trouble(const std::string& error) = 0;
};

class Reflector {
public:
    using MakeTimer = std::function<std::unique_ptr<net::Timer>(std::function<void()>)>;

    /// After so many seconds of silence a streaming list is taken to be none.
    static constexpr std::chrono::seconds quiet_max{15};
    static constexpr std::chrono::seconds streaming_max{180};
    /// Until an answer begins.
    static constexpr std::chrono::seconds begin_max{60};
    /// A watch that lived so long makes the next failure the first again.
    static constexpr std::chrono::seconds life_min{10};
    static constexpr std::chrono::seconds retry_after_max{600};

    /// `decoder` may be shared with other reflectors. `random` gives numbers from 0 to below 1.
    Reflector(ReflectorOptions options, Api& api, ApiDecoder& decoder, const MakeTimer& make_timer,
              const Clock& clock, std::function<double()> random, ReflectorListener& listener);
    ~Reflector();
    Reflector(const Reflector&) = delete;
    Reflector& operator=(const Reflector&) = delete;

    void start();

private:
    enum class Phase : std::uint8_t { idle, streaming, paging, watching, waiting };

    void list();
    void stream();
    void page();
    void watch();
    void send(Phase phase, std::string target, bool watches);
    std::string target(std::string_view query) const;
    void stop_call();
    std::chrono::seconds watch_time();

    void on_begun();
    void on_body(std::string_view octets);
    void on_end(const ApiEnd& end);
    void on_patience();
    void on_stream_end(const ApiEnd& end);
    void on_page_end(const ApiEnd& end);
    void on_watch_end(const ApiEnd& end);
    void on_watch_refused(const ApiEnd& end);
    void on_stream_error(const std::string& error, const ApiStatus& status);
    void on_garbage(const std::string& reason);
    void rewatch_or_relist(const std::string& error,
                           std::optional<std::chrono::seconds> retry_after);
    bool on_error_event(const ApiStatus& status);

    bool take_events(std::string_view octets);
    bool take_items(std::string_view octets);
    bool take(ApiEvent event);
    bool take(ApiObject item);
    bool is_of_use(const ApiObject& object);
    void tell(ApiObject object);
    std::optional<std::chrono::seconds> pause_after(const ApiEnd& end) const;
    void open_list();
    void finish_list(ListHow how);
    void begin_watching();
    void settle();
    std::string within(std::string_view what) const;

    void retry(void (Reflector::*attempt)(), const std::string& error,
               std::optional<std::chrono::seconds> retry_after = {});
    void wait(void (Reflector::*attempt)(), std::optional<std::chrono::seconds> retry_after);
    void relist(RelistReason reason, const std::string& error,
                std::optional<std::chrono::seconds> retry_after = {});

    ReflectorOptions options_;
    Api& api_;
    ApiDecoder& decoder_;
    const Clock& clock_;
    std::function<double()> random_;
    ReflectorListener& listener_;
    Backoff backoff_;

    Phase phase_ = Phase::idle;
    bool begun_ = false;
    std::optional<WatchSplitter> events_;
    std::optional<ListSplitter> items_;
    std::string resource_version_;  ///< where a watch goes on
    bool listed_ = false;           ///< a whole list has been told at some time

    /// How often objects came damaged since we last got any further.
    std::map<services::ObjectKey, unsigned> damaged_;

    // Of the list under way.
    Monotonic list_began_{};
    ListReport report_;
    bool open_ = false;        ///< BeginList has been said
    bool pages_only_ = false;  ///< until a list is whole
    bool whole_page_ = false;  ///< everything in one answer, since pages expired
    unsigned streams_failed_ = 0;
    std::string continue_token_;

    // Of the watch under way.
    Monotonic watch_began_{};
    std::size_t watch_events_ = 0;
    bool watched_ = false;  ///< since the last list
    /// Since a watch was lost nothing has come. An API server whose etcd was set back accepts a
    /// version from before, which lies in its future now, and stays silent until it is reached.
    bool in_doubt_ = false;
    unsigned watch_failures_ = 0;  ///< in a row, that more of the same will not mend

    void (Reflector::*attempt_)() = nullptr;  ///< what the timer begins
    std::unique_ptr<net::Timer> retry_timer_;
    std::unique_ptr<net::Timer> patience_;
    std::unique_ptr<ApiCall> call_;  // goes first: its callbacks know the others
};

/// `text` with everything escaped that is special in a query.
std::string escaped(std::string_view text);

}  // namespace nameplane::kube
