#pragma once
// The plugin contract. A query walks a chain of plugins inwards until one answers, then the same
// plugins outwards, innermost first. The walk is one loop over an index, bounded at
// `plugins_in_chain_max` plugins and `turns_max` turns. See docs/architecture.md.
//
// A plugin is a folder plugins/<name>/ with a class of that name in CamelCase in the namespace
// nameplane::plugins, and a line in plugins/meson.build, whose place there is its place in a chain.
// Besides deriving from Plugin the class has
//
//     static constexpr std::array options{Option{...}, ...};   // what it can be told; may be
//     absent static constexpr Syntax syntax{...};                     // how it is written; may be
//     absent static Result<PluginPtr> make(const Options& given, Setup& setup);
//
// docs/plugins.md has an example of each kind.
//
// Who builds the reply: the plugin that says done. Who writes the wire, counts and sends: the
// server, afterwards. Nobody logs. If everybody says next, the client gets SERVFAIL.

#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>
#include <nameplane/worker.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace nameplane {

/// What a plugin did with a query.
enum class Step : std::uint8_t {
    next,  ///< not mine: ask the plugin behind me
    done,  ///< answered: turn round and walk back out
    drop,  ///< send nothing
    wait,  ///< on the way in, after Query::can_wait(): somebody will call Query::resume(); the walk
           ///< then goes on with this plugin's woken(). On the way out only after
           ///< Query::look_up() has said so; the walk then goes on with tell() once more
    again,  ///< on the way out only: I changed the question, walk in again behind me; the reply
            ///< starts anew, and after turns_max walks inwards it is SERVFAIL
};

/// A question that will be asked soon.
struct Foreseen {
    dns::NameView name;  ///< lower case
    dns::Type type = dns::Type::a;
    dns::Class klass = dns::Class::in;
    bool dnssec_ok = false;
    bool checking_disabled = false;
};

/// One link of a chain. Built once for a server block, then read by all workers at the same time:
/// therefore const. What changes while it runs lives in WorkerLocal<T> or a counter.
class Plugin {
public:
    virtual ~Plugin() = default;

    /// On the way in. Either fill `reply` and say done, or leave it alone and say next.
    /// Must not block; memory comes from query.arena() and is gone when the reply is sent.
    [[nodiscard]] virtual Step ask(Query& query, Reply& reply) const noexcept = 0;

    /// What it waited for has come: the like of ask().
    [[nodiscard]] virtual Step woken(Query&, Reply& reply) const noexcept {
        reply.fail();
        return Step::done;
    }

    /// On the way out, innermost first, for each plugin whose ask() said next. `done` (or `next`,
    /// which means the same here) goes on outwards. Who says `wait` has made sure that the records
    /// in the reply stay good (nameplane/keep.hpp), and is told again.
    [[nodiscard]] virtual Step tell(Query&, Reply&) const noexcept { return Step::done; }

    /// A hint, before a batch of queries is answered: `name` (lower case) will be asked about. Who
    /// will look up a Service for it gives ServiceView::hash_of() its key, so that memory is on its
    /// way when ask() comes; 0 says nothing. Must be quick and look nothing up itself.
    virtual std::uint64_t expects(dns::NameView) const noexcept { return 0; }

    /// A hint of the same kind for what a plugin keeps itself, if foresees() says so (asked once;
    /// of a chain only the first one counts). It is called for each query of a batch with step 0,
    /// then for each with step 1 and so on, and may ask the processor for the memory that the step
    /// before has found the way to; `note` is its own, 0 at first. Nothing may depend on it: there
    /// are batches without, and the question may be another one when ask() comes.
    static constexpr unsigned foresee_steps = 3;
    virtual bool foresees() const noexcept { return false; }
    virtual void foresee(const Foreseen&, std::uint64_t& /*note*/,
                         unsigned /*step*/) const noexcept {}

    /// What this plugin knows about the query under `label`, such as "kubernetes/service"; valid
    /// until the answer is sent. Asked during the walk, by plugins before and behind it.
    virtual std::optional<std::string_view> metadata(Query&, std::string_view) const noexcept {
        return std::nullopt;
    }

    /// Whether admits() may say no; asked once.
    virtual bool filters() const noexcept { return false; }
    /// Before a chain is walked: whether its server block is meant for this query. If not, the next
    /// block of the same zone is asked, and then those of shorter zones.
    virtual bool admits(Query&) const noexcept { return true; }

    /// The domains that the query's client adds to names, for the plugin autopath; false: unknown.
    virtual bool search_path(Query&, SearchPath&) const noexcept { return false; }

    /// Whether tap() is to be called; asked once.
    virtual bool taps() const noexcept { return false; }
    /// A plugin of the chain has asked an upstream about the query and got this answer.
    virtual void tap(Query&, const UpstreamExchange&) const noexcept {}

    /// Whether queries of other classes than IN may enter a chain with this plugin in it. Its
    /// other plugins then meet them, too.
    virtual bool takes_all_classes() const noexcept { return false; }

    /// Whether it wants to meet NOTIFYs and questions for whole zones, see Query::is_unusual(). All
    /// others are passed over, on the way in and out. When nobody answers, a NOTIFY gets NOTIMP and
    /// a question for a zone REFUSED.
    virtual bool takes_unusual() const noexcept { return false; }

    /// The zone called `name` (lower case), as `query` sees it, if it belongs to this plugin.
    virtual std::unique_ptr<ZoneRecords> zone_records(Query&, dns::NameView) const noexcept {
        return nullptr;
    }
    /// On each worker's thread, once, before the first query there: the place to make sockets and
    /// timers, see nameplane/worker.hpp.
    virtual void begin(WorkerContext&) const {}

    /// While false, the agent reports not ready and names this plugin.
    virtual bool ready() const noexcept { return true; }
};

using PluginPtr = std::unique_ptr<const Plugin>;

}  // namespace nameplane
