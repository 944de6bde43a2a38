#pragma once
// Query: one question on its way through a chain, with all that a plugin may use to answer it.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/base/trace_context.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/services/view.hpp>
#include <nameplane/stream.hpp>
#include <nameplane/transfer.hpp>
#include <nameplane/walk_watch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nameplane {

namespace chain {
class Chain;
}

inline constexpr std::size_t plugins_in_chain_max = 32;
inline constexpr std::size_t turns_max = 8;
/// Look-ups within look-ups, see Query::look_up().
inline constexpr std::size_t look_ups_max = 8;

class Plugin;
class Query;
class Reply;
class Seal;
class StageClock;
struct UpstreamExchange;

enum class Transport : std::uint8_t { udp, tcp };

/// The domains that a client adds to names, in its order. The views live until the answer is sent.
struct SearchPath {
    static constexpr std::size_t domains_max = 16;
    std::array<dns::NameView, domains_max> domains;
    std::size_t count = 0;
    /// More than there is room for are left out.
    void add(dns::NameView domain) noexcept {
        if (count < domains_max) domains[count++] = domain;
    }
};

/// Whom a query asks for metadata: what plugins know about it under names such as
/// "kubernetes/client-namespace".
class MetadataSource {
public:
    virtual ~MetadataSource() = default;
    /// The value of `label`, valid until the answer is sent; nothing if no plugin has it.
    virtual std::optional<std::string_view> metadata(Query& query,
                                                     std::string_view label) const noexcept = 0;
    /// The search path of the client as the plugin called `plugin` knows it; false if there is no
    /// such plugin or it knows none.
    virtual bool search_path(std::string_view plugin, Query& query,
                             SearchPath& path) const noexcept = 0;
    /// The zone `name` from the first plugin that owns it; nullptr if none does.
    virtual std::unique_ptr<ZoneRecords> zone_records(Query& query,
                                                      dns::NameView name) const noexcept = 0;
    /// Whether a plugin of the chain wants to hear of tap().
    virtual bool is_tapped() const noexcept = 0;
    /// See Plugin::tap().
    virtual void tap(Query& query, const UpstreamExchange& exchange) const noexcept = 0;
};

/// Who runs the queries of a worker: keeps those that wait. Worker thread only.
class Host {
public:
    /// See Query::can_wait().
    virtual bool make_room(Query& query) noexcept = 0;
    /// See Query::resume().
    virtual void resume(Query& query) noexcept = 0;
    /// See Query::look_up(). A host that cannot has nothing to say.
    virtual bool look_up(Query& asking, dns::NameView name, dns::Type type,
                         const Reply*& answer) noexcept {
        (void)asking, (void)name, (void)type;
        answer = nullptr;
        return true;
    }

protected:
    ~Host() = default;
};

/// Lives on a worker until its answer is sent. Used by that worker only.
class Query {
public:
    struct Parts {
        dns::NameView name;   ///< lower case
        dns::NameView asked;  ///< case as asked
        dns::Type type = dns::Type::a;
        dns::Class klass = dns::Class::in;
        dns::Opcode opcode = dns::Opcode::query;  ///< or notify
        bool recursion_desired = false;
        bool checking_disabled = false;
        bool dnssec_ok = false;
        bool has_edns = false;
        std::uint16_t udp_size = 512;  ///< the client's EDNS size
        std::span<const std::uint8_t> edns_options;
        std::uint16_t id = 0;
        std::size_t octets = 0;  ///< of the client's message
        /// The client's message itself, where a plugin could want it.
        std::span<const std::uint8_t> message;
        SocketAddress client;
        SocketAddress server;
        Transport transport = Transport::udp;
        std::size_t worker = 0;
        services::ServiceView services;
        Arena* arena = nullptr;
        Host* host = nullptr;                 ///< without one nothing can wait
        void* place = nullptr;                ///< the host's own
        bool for_nobody = false;              ///< see refresh_behind()
        Query* asked_by = nullptr;            ///< the one that looks something up; see look_up()
        void* inner = nullptr;                ///< the host's own, of such a query
        StageClock* clock = nullptr;          ///< of the few queries whose stages are timed
        const TraceContext* trace = nullptr;  ///< what the client said of its own; in the arena
    };
    explicit Query(const Parts& parts) noexcept : parts_{parts} {}
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    /// The name in lower case; a plugin uses this very view as the owner of its answers, so that
    /// the client sees the case it asked in.
    dns::NameView name() const noexcept { return parts_.name; }
    dns::NameView name_as_asked() const noexcept { return parts_.asked; }
    dns::Type type() const noexcept { return parts_.type; }
    dns::Class klass() const noexcept { return parts_.klass; }
    dns::Opcode opcode() const noexcept { return parts_.opcode; }
    /// Whether this is more than a question about a name: a NOTIFY, or a question for a whole zone
    /// (AXFR, IXFR). Only plugins whose takes_unusual() is true meet it.
    bool is_unusual() const noexcept {
        return parts_.opcode != dns::Opcode::query || parts_.type == dns::Type::axfr ||
               parts_.type == dns::Type::ixfr;
    }
    bool recursion_desired() const noexcept { return parts_.recursion_desired; }
    bool checking_disabled() const noexcept { return parts_.checking_disabled; }
    bool dnssec_ok() const noexcept { return parts_.dnssec_ok; }
    bool has_edns() const noexcept { return parts_.has_edns; }
    std::span<const std::uint8_t> edns_options() const noexcept { return parts_.edns_options; }
    /// The largest datagram that the client takes.
    std::uint16_t udp_size() const noexcept { return parts_.udp_size; }
    std::uint16_t id() const noexcept { return parts_.id; }
    /// Size of the client's message.
    std::size_t octets() const noexcept { return parts_.octets; }
    /// The client's message as it came; empty if nobody kept it.
    std::span<const std::uint8_t> message() const noexcept { return parts_.message; }
    const SocketAddress& client() const noexcept { return parts_.client; }
    /// The address and port that the query came to.
    const SocketAddress& server() const noexcept { return parts_.server; }
    Transport transport() const noexcept { return parts_.transport; }
    /// The span of the client's that this query belongs to; nullptr if it named none.
    const TraceContext* trace_context() const noexcept { return parts_.trace; }
    /// This worker's number, from 0: the index into WorkerLocal and Counter.
    std::size_t worker() const noexcept { return parts_.worker; }
    /// The service cache as this batch of queries sees it.
    const services::ServiceView& services() const noexcept { return parts_.services; }
    /// Memory until the answer is sent.
    Arena& arena() noexcept { return *parts_.arena; }

    /// For a plugin that asks the ones behind it something else. `name` is lower case and lives
    /// until the answer is sent. The client's question stays what it was; the plugin puts the old
    /// name back on the way out.
    void ask_instead(dns::NameView name, dns::Type type) noexcept {
        parts_.name = name;
        parts_.type = type;
    }

    void set_class(dns::Class klass) noexcept { parts_.klass = klass; }
    void set_recursion_desired(bool desired) noexcept { parts_.recursion_desired = desired; }
    /// For who asks an upstream on: `options` are well-formed pairs that live until the answer is
    /// sent. What the client gets does not depend on it.
    void set_edns(std::span<const std::uint8_t> options) noexcept {
        parts_.has_edns = true;
        parts_.edns_options = options;
    }
    void set_udp_size(std::uint16_t size) noexcept { parts_.udp_size = size; }

    /// A T of `who`'s own from its ask() to its tell(): the one kept before, else a new one,
    /// value-initialised. nullptr when the arena is full. A plugin keeps one type only.
    template <class T> T* keep(const Plugin* who) noexcept {
        static_assert(std::is_trivially_destructible_v<T>);
        if (T* there = kept<T>(who)) return there;
        auto* const note = static_cast<Note*>(arena().allocate(sizeof(Note), alignof(Note)));
        void* const memory = arena().allocate(sizeof(T), alignof(T));
        if (note == nullptr || memory == nullptr) return nullptr;
        T* const made = new (memory) T{};
        notes_ = new (note) Note{who, made, notes_};
        return made;
    }
    /// What `who` kept, or nullptr.
    template <class T> T* kept(const Plugin* who) const noexcept {
        for (const Note* note = notes_; note != nullptr; note = note->next) {
            if (note->who == who) return static_cast<T*>(note->data);
        }
        return nullptr;
    }

    /// From here on metadata() may be asked; the plugin `metadata` says so.
    void allow_metadata() noexcept { metadata_allowed_ = true; }
    /// For the chain: who answers metadata(), once it is allowed anew.
    void set_metadata_source(const MetadataSource* source) noexcept {
        metadata_source_ = source;
        metadata_allowed_ = false;
    }
    /// The value of `label`; nothing if no plugin of the chain has it, or metadata is not allowed.
    std::optional<std::string_view> metadata(std::string_view label) noexcept {
        if (!metadata_allowed_ || metadata_source_ == nullptr) return std::nullopt;
        return metadata_source_->metadata(*this, label);
    }
    /// For who asks upstreams: whether to say so, see Plugin::tap().
    bool is_tapped() const noexcept {
        return watch_ != nullptr || (metadata_source_ != nullptr && metadata_source_->is_tapped());
    }
    void tap(const UpstreamExchange& exchange) noexcept {
        if (watch_ != nullptr) watch_->tapped(exchange);
        if (metadata_source_ != nullptr && metadata_source_->is_tapped()) {
            metadata_source_->tap(*this, exchange);
        }
    }
    /// The client's search path, asked of a plugin of the chain; false if that knows none.
    bool search_path(std::string_view plugin, SearchPath& path) noexcept {
        return metadata_source_ != nullptr && metadata_source_->search_path(plugin, *this, path);
    }

    /// The zone `name` as a whole, from the first plugin of the chain that owns it.
    std::unique_ptr<ZoneRecords> zone_records(dns::NameView name) noexcept {
        return metadata_source_ == nullptr ? nullptr : metadata_source_->zone_records(*this, name);
    }

    /// From here on whatever is sent for this query ends with `seal`, which lies in its arena.
    void seal_with(Seal* seal) noexcept { seal_ = seal; }
    Seal* seal() const noexcept { return seal_; }

    /// Over TCP, for a plugin that goes on to say Step::done, after can_wait(): the answer is what
    /// `stream` makes, and what the reply holds by then is not sent.
    void answer_with(std::unique_ptr<AnswerStream> stream) noexcept { stream_ = std::move(stream); }
    AnswerStream* stream() const noexcept { return stream_.get(); }

    /// To be asked before a plugin says Step::wait, and before it tells anybody of this query.
    /// True: there is room for one more that waits, and from now on this object stays where it is
    /// until its answer is sent; name() does, too, but name_as_asked(), message() and
    /// edns_options() have moved. False: answer SERVFAIL; it is counted.
    [[nodiscard]] bool can_wait() noexcept {
        return parts_.host != nullptr && parts_.host->make_room(*this);
    }
    /// The walk goes on with the woken() of the plugin that said Step::wait. Once for each wait,
    /// on the worker's thread, never from within ask() or woken() of the same query. The query may
    /// be gone when it returns.
    void resume() noexcept { parts_.host->resume(*this); }

    /// Asks this server, all blocks of it, for something else, as if the client had asked that: for
    /// a plugin whose answer names what only others know. `name` is lower case and lives until the
    /// answer is sent. True: `answer` is what came of it, valid until then; nullptr if nothing did,
    /// as where one look-up leads to the next without end. False: say Step::wait; `answer`, which
    /// must lie in the arena, is set before woken() is called, or, on the way out, tell() again.
    [[nodiscard]] bool look_up(dns::NameView name, dns::Type type, const Reply*& answer) noexcept {
        answer = nullptr;
        if (parts_.host == nullptr || depth() >= look_ups_max) return true;
        return parts_.host->look_up(*this, name, type, answer);
    }
    /// How many look-ups this query is within.
    std::size_t depth() const noexcept {
        std::size_t depth = 0;
        for (const Query* at = parts_.asked_by; at != nullptr; at = at->parts_.asked_by) ++depth;
        return depth;
    }

    /// When this plugin has answered (or waits), the same question walks in again behind it, for
    /// nobody: what comes back passes the plugin's tell() and is sent to no one.
    void refresh_behind() noexcept {
        refresh_at_ = at_;
        refresh_wanted_ = true;
    }
    /// Whether nobody waits for the answer: a refresh.
    bool for_nobody() const noexcept { return parts_.for_nobody; }

    // For who runs the query.

    void* place() const noexcept { return parts_.place; }
    const Parts& parts() const noexcept { return parts_; }
    /// The message it came in lies elsewhere now.
    void moved(std::span<const std::uint8_t> message, dns::NameView asked,
               std::span<const std::uint8_t> edns_options) noexcept {
        parts_.message = message;
        parts_.asked = asked;
        parts_.edns_options = edns_options;
    }
    StageClock* clock() const noexcept { return parts_.clock; }
    void set_clock(StageClock* clock) noexcept { parts_.clock = clock; }
    /// Who hears of the rest of its walk, see nameplane/walk_watch.hpp; nullptr: nobody.
    WalkWatch* watch() const noexcept { return watch_; }
    void watch_with(WalkWatch* watch) noexcept { watch_ = watch; }
    /// Whether anybody looks at its walk.
    bool is_watched() const noexcept { return parts_.clock != nullptr || watch_ != nullptr; }
    /// The number of the plugin that answered, see chain::Link::kind; 0: none did.
    std::uint8_t answered_by() const noexcept { return answered_by_; }
    bool refresh_wanted() const noexcept { return refresh_wanted_; }
    /// The place of who wants it.
    std::size_t refresh_at() const noexcept { return refresh_at_; }
    void refresh_begun() noexcept { refresh_wanted_ = false; }

private:
    friend class chain::Chain;

    struct Note {
        const Plugin* who;
        void* data;
        Note* next;
    };

    Parts parts_;
    Note* notes_ = nullptr;
    WalkWatch* watch_ = nullptr;
    const MetadataSource* metadata_source_ = nullptr;
    Seal* seal_ = nullptr;
    std::unique_ptr<AnswerStream> stream_;
    bool metadata_allowed_ = false;
    // Where the walk is.
    std::uint8_t at_ = 0;         ///< whose turn it is
    std::uint8_t outermost_ = 0;  ///< nobody further out is told
    std::uint8_t turns_ = 1;
    std::uint8_t refresh_at_ = 0;
    std::uint8_t answered_by_ = 0;
    bool refresh_wanted_ = false;
    bool outwards_ = false;  ///< it waits on its way out
};

}  // namespace nameplane
