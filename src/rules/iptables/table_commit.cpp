// replace_table(): what a table shall be, laid out where it was read to, and given to the kernel.

#include "rules/iptables/table.hpp"
#include "rules/iptables/table_state.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>

namespace nameplane::rules::iptables {
namespace {

constexpr std::size_t aligned(std::size_t size) {
    return (size + 7) & ~std::size_t{7};
}
constexpr std::size_t standard_size = aligned(sizeof(xt_standard_target));
constexpr std::size_t error_size = aligned(sizeof(xt_error_target));
/// The verdict of XT_RETURN.
constexpr std::int32_t verdict_return = XT_RETURN;

/// Entries that stay as they are, side by side.
struct Piece {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::uint32_t size = 0;
    std::uint32_t number = 0;      ///< of the first one, before
    std::uint32_t new_number = 0;  ///< and after
    std::uint32_t entries = 0;
};

/// Walks over the table that shall be, in its order, and tells where everything is.
template <class Visitor> class Walk {
public:
    Walk(TableState& state, Visitor& visitor)
        : state_{state}, layout_{layout_of(state.family)}, visitor_{visitor} {}

    void run() {
        for (HookChain& hook : state_.hooks) chain(hook.chain);
        for (auto& [key, one] : state_.chains) chain(one);
        stay(state_.end, state_.info.size - state_.end, state_.info.num_entries - 1, 1);
    }
    std::uint32_t size() const { return at_; }
    std::uint32_t entries() const { return number_; }

private:
    void chain(TableChain& one) {
        if (!one.edited) {
            one.new_first = at_ + (one.first - one.head);
            one.new_last = at_ + (one.last - one.head);
            return stay(one.head, one.end - one.head, one.head_number, one.entries());
        }
        if (one.head == no_place) {
            visitor_.header(one, at_);
            pass(layout_.entry_size + error_size);
        } else if (one.first != one.head) {
            stay(one.head, one.first - one.head, one.head_number, 1);
        }
        one.new_first = at_;
        for (const TableRule& rule : *one.edited) {
            if (!rule.is_new()) {
                stay(rule.from, rule.size, rule.number, 1);
                continue;
            }
            visitor_.added(rule, at_, number_);
            pass(rule.size);
        }
        one.new_last = at_;
        if (one.head != no_place) {
            return stay(one.last, one.end - one.last, one.last_number, 1);
        }
        visitor_.footer(at_);
        pass(layout_.entry_size + standard_size);
    }
    void stay(std::uint32_t from, std::uint32_t size, std::uint32_t number, std::uint32_t entries) {
        visitor_.stays({from, at_, size, number, number_, entries});
        at_ += size;
        number_ += entries;
    }
    void pass(std::size_t size) {
        at_ += static_cast<std::uint32_t>(size);
        ++number_;
    }

    TableState& state_;
    EntryLayout layout_;
    Visitor& visitor_;
    std::uint32_t at_ = 0;
    std::uint32_t number_ = 0;
};

/// Finds out where everything will be.
struct Plans {
    std::vector<Piece> pieces;
    bool in_order = true;

    void stays(const Piece& piece) {
        if (!pieces.empty()) {
            Piece& before = pieces.back();
            if (before.from + before.size == piece.from && before.to + before.size == piece.to) {
                before.size += piece.size;
                before.entries += piece.entries;
                return;
            }
            in_order = in_order && before.from < piece.from;
        }
        pieces.push_back(piece);
    }
    void header(const TableChain& /*chain*/, std::uint32_t /*at*/) {}
    void added(const TableRule& /*rule*/, std::uint32_t /*at*/, std::uint32_t /*number*/) {}
    void footer(std::uint32_t /*at*/) {}
};

/// What stays comes to its place first: what goes towards the front from the front on, then what
/// goes towards the end from the end on, so that nothing is overwritten that is still to be moved.
void move_within(std::byte* entries, const std::vector<Piece>& pieces) {
    for (const Piece& piece : pieces) {
        if (piece.to < piece.from)
            std::memmove(entries + piece.to, entries + piece.from, piece.size);
    }
    for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
        if (piece->to > piece->from)
            std::memmove(entries + piece->to, entries + piece->from, piece->size);
    }
}

/// Jumps of entries that were moved: to where their chains are now.
bool lead_anew(const TableState& state, const Piece& piece) {
    std::byte* entries = state.entries();
    for (std::uint32_t at = piece.to; at < piece.to + piece.size;) {
        std::byte* entry = entries + at;
        const std::uint32_t next = next_of(entry, state.family);
        std::byte* target = target_of(entry, state.family);
        const std::int32_t verdict = target_name(target).empty() ? verdict_of(target) : -1;
        if (verdict >= 0) {
            const auto led_to = static_cast<std::uint32_t>(verdict);
            const std::uint32_t was_at = at - piece.to + piece.from;
            const TableChain* chain = led_to == was_at + next ? nullptr : state.chain_at(led_to);
            if (chain == nullptr && led_to != was_at + next) return false;
            set_verdict(target,
                        static_cast<std::int32_t>(chain != nullptr ? chain->new_first : at + next));
        }
        at += next;
    }
    return true;
}

/// Writes what is new between what stays.
struct Writer {
    TableState& state;
    std::span<xt_counters> counters;

    void stays(const Piece& /*piece*/) {}
    /// An entry with nothing but a target of that size; gives back the target.
    std::byte* bare(std::uint32_t at, const char* target, std::size_t size) const {
        const EntryLayout layout = layout_of(state.family);
        std::byte* entry = state.entries() + at;
        std::memset(entry, 0, layout.entry_size + size);
        put(entry + layout.target_offset, layout.entry_size);
        put(entry + layout.next_offset, layout.entry_size + size);
        put(entry + layout.entry_size, size);
        std::memcpy(entry + layout.entry_size + offsetof(xt_entry_target, u.user.name), target,
                    std::strlen(target));
        return entry + layout.entry_size;
    }
    static void put(std::byte* at, std::size_t number) {
        const auto short_number = static_cast<std::uint16_t>(number);
        std::memcpy(at, &short_number, sizeof short_number);
    }
    void header(const TableChain& chain, std::uint32_t at) const {
        std::byte* target = bare(at, XT_ERROR_TARGET, error_size);
        std::memcpy(target + offsetof(xt_error_target, errorname), chain.name,
                    strnlen(chain.name, sizeof(xt_error_target::errorname) - 1));
    }
    void footer(std::uint32_t at) const {
        set_verdict(bare(at, "", standard_size), verdict_return);
    }
    void added(const TableRule& rule, std::uint32_t at, std::uint32_t number) const {
        std::byte* entry = state.entries() + at;
        std::memcpy(entry, rule.added, rule.size);
        std::memcpy(&counters[number], entry + layout_of(state.family).counters,
                    sizeof(xt_counters));
        std::byte* target = target_of(entry, state.family);
        if (rule.jump != nullptr) {
            set_verdict(target, static_cast<std::int32_t>(rule.jump->new_first));
        } else if (target_name(target).empty() && verdict_of(target) >= 0) {
            set_verdict(target,
                        static_cast<std::int32_t>(at + rule.size));  // no target: the next rule
        }
    }
};

/// Where what is edited goes to, out of the order in which it was read.
bool copy_apart(TableState& state, const std::vector<Piece>& pieces, std::size_t size) {
    Pages laid_out;
    if (!laid_out.grow(TableState::room + size)) return false;
    for (const Piece& piece : pieces) {
        std::memcpy(laid_out.data() + TableState::room + piece.to, state.entries() + piece.from,
                    piece.size);
    }
    state.octets = std::move(laid_out);
    return true;
}

void fill_request(const TableState& state, std::uint32_t size, std::uint32_t entries,
                  xt_counters* old_counters) {
    ipt_replace head{};
    std::strncpy(head.name, to_string(state.name), sizeof head.name - 1);
    head.valid_hooks = state.info.valid_hooks;
    head.num_entries = entries;
    head.size = size;
    for (const HookChain& hook : state.hooks) {
        head.hook_entry[hook.hook] = hook.chain.new_first;
        head.underflow[hook.hook] = hook.chain.new_last;
    }
    head.num_counters = state.info.num_entries;
    head.counters = old_counters;
    std::memcpy(state.octets.data(), &head, TableState::room);
}

/// `request`: room for its head, then the counters that entries begin with.
bool give_counters(const TableState& state, std::byte* request, std::size_t size,
                   std::uint32_t entries) {
    xt_counters_info head{};
    std::strncpy(head.name, to_string(state.name), sizeof head.name - 1);
    head.num_counters = entries;
    std::memcpy(request, &head, offsetof(xt_counters_info, counters));
    return ::setsockopt(state.fd.get(), state.level(), IPT_SO_SET_ADD_COUNTERS, request,
                        static_cast<socklen_t>(size)) == 0;
}

}  // namespace

bool replace_table(TableState& state) {
    Plans plans;
    Walk plan{state, plans};
    plan.run();
    const std::uint32_t size = plan.size();
    const std::uint32_t entries = plan.entries();
    // New rules are not in `octets`, so that these may go elsewhere from here on.
    if (plans.in_order ? !state.octets.grow(TableState::room + size)
                       : !copy_apart(state, plans.pieces, size)) {
        return false;
    }
    if (plans.in_order) move_within(state.entries(), plans.pieces);
    for (const Piece& piece : plans.pieces) {
        if (lead_anew(state, piece)) continue;
        errno = EPROTO;
        return false;
    }
    constexpr std::size_t counters_at = offsetof(xt_counters_info, counters);
    Pages request;
    const std::size_t request_size = counters_at + entries * sizeof(xt_counters);
    Pages old_counters;
    if (!request.grow(request_size) ||
        !old_counters.grow(state.info.num_entries * sizeof(xt_counters))) {
        return false;
    }
    const std::span counters{reinterpret_cast<xt_counters*>(request.data() + counters_at), entries};
    auto* const old = reinterpret_cast<xt_counters*>(old_counters.data());
    Writer writer{state, counters};
    Walk{state, writer}.run();

    fill_request(state, size, entries, old);
    if (::setsockopt(state.fd.get(), state.level(), IPT_SO_SET_REPLACE, state.octets.data(),
                     static_cast<socklen_t>(TableState::room + size)) != 0) {
        return false;
    }
    for (const Piece& piece : plans.pieces) {
        std::copy_n(old + piece.number, piece.entries, counters.begin() + piece.new_number);
    }
    return give_counters(state, request.data(), request_size, entries);
}

}  // namespace nameplane::rules::iptables
