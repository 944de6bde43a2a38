// read_table(): a table from the kernel, taken apart into chains.

#include "rules/iptables/table.hpp"
#include "rules/iptables/table_state.hpp"

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

constexpr std::array<const char*, NF_INET_NUMHOOKS> hook_names{"PREROUTING", "INPUT", "FORWARD",
                                                               "OUTPUT", "POSTROUTING"};

bool fetch(TableState& state) {
    const int domain = state.family == Family::ipv4 ? AF_INET : AF_INET6;
    state.fd.reset(::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    if (!state.fd) return false;
    std::strncpy(state.info.name, to_string(state.name), sizeof state.info.name - 1);
    socklen_t size = sizeof state.info;
    if (::getsockopt(state.fd.get(), state.level(), IPT_SO_GET_INFO, &state.info, &size) != 0) {
        return false;
    }
    // Where the request's head ends, the entries begin.
    constexpr std::size_t head = offsetof(ipt_get_entries, entrytable);
    static_assert(head <= TableState::room);
    Pages octets;
    if (!octets.grow(TableState::room + state.info.size)) return false;
    state.octets = std::move(octets);
    auto* request = reinterpret_cast<ipt_get_entries*>(state.entries() - head);
    std::strncpy(request->name, to_string(state.name), sizeof request->name - 1);
    request->size = state.info.size;
    size = static_cast<socklen_t>(head + state.info.size);
    return ::getsockopt(state.fd.get(), state.level(), IPT_SO_GET_ENTRIES, request, &size) == 0;
}

/// Walks over all entries once.
class Parser {
public:
    explicit Parser(TableState& state) : state_{state} {}

    bool run() {
        for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; ++hook) {
            if ((state_.info.valid_hooks & (1U << hook)) != 0) state_.hooks.push_back({hook, {}});
        }
        while (at_ < state_.info.size) {
            if (!is_whole() || !take()) return false;
            last_ = at_;
            at_ += next_of(state_.entries() + at_, state_.family);
            ++number_;
        }
        return open_ == nullptr && number_ == state_.info.num_entries && number_ != 0;
    }

private:
    bool is_whole() const {
        const EntryLayout layout = layout_of(state_.family);
        const std::size_t left = state_.info.size - at_;
        if (left < layout.entry_size) return false;
        const std::byte* entry = state_.entries() + at_;
        const std::size_t next = next_of(entry, state_.family);
        const auto target = static_cast<std::size_t>(target_of(entry, state_.family) - entry);
        return next <= left && target >= layout.entry_size &&
               target + sizeof(xt_standard_target) <= next;
    }

    bool take() {
        const std::byte* target = target_of(state_.entries() + at_, state_.family);
        if (target_name(target) == XT_ERROR_TARGET) return begin(target);
        for (HookChain& hook : state_.hooks) {
            if (state_.info.hook_entry[hook.hook] == at_) {
                close();
                hook.chain.name = hook_names.at(hook.hook);
                open(hook.chain, at_, number_);
            }
        }
        if (open_ == nullptr) return false;  // an entry of no chain
        return true;
    }

    /// A chain with a name of its own, or the end of the table.
    bool begin(const std::byte* target) {
        close();
        const std::byte* entry = state_.entries() + at_;
        const std::uint32_t behind = at_ + next_of(entry, state_.family);
        if (behind == state_.info.size) {
            state_.end = at_;
            return true;
        }
        ChainKey key{};
        std::memcpy(key.data(), target + offsetof(xt_error_target, errorname),
                    sizeof(xt_error_target::errorname) - 1);
        const auto place = state_.chains.emplace_hint(state_.chains.end(), key, TableChain{});
        if (place->second.head != no_place) return false;  // two of one name
        place->second.name = place->first.data();
        open(place->second, behind, number_);
        place->second.head = at_;
        state_.by_first.push_back({behind, &place->second});
        return true;
    }

    void open(TableChain& chain, std::uint32_t first, std::uint32_t number) {
        chain.head = first;
        chain.first = first;
        chain.head_number = number;
        open_ = &chain;
    }
    /// The entry before this one was the last of its chain.
    void close() {
        if (open_ == nullptr) return;
        open_->last = last_;
        open_->last_number = number_ - 1;
        open_->end = at_;
        open_ = nullptr;
    }

    TableState& state_;
    TableChain* open_ = nullptr;
    std::uint32_t at_ = 0;
    std::uint32_t last_ = 0;
    std::uint32_t number_ = 0;
};

}  // namespace

Pages::~Pages() {
    if (octets_ != nullptr) ::munmap(octets_, size_);
}

bool Pages::grow(std::size_t size) {
    if (size <= size_) return true;
    void* grown = octets_ == nullptr ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                     : ::mremap(octets_, size_, size, MREMAP_MAYMOVE);
    if (grown == MAP_FAILED) return false;
    octets_ = static_cast<std::byte*>(grown);
    size_ = size;
    return true;
}

void* PageResource::do_allocate(std::size_t size, std::size_t /*alignment*/) {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc{};
    return at;
}

void PageResource::do_deallocate(void* at, std::size_t size, std::size_t /*alignment*/) {
    ::munmap(at, size);
}

ChainKey chain_key(std::string_view name) noexcept {
    ChainKey key{};
    std::memcpy(key.data(), name.data(), std::min(name.size(), key.size() - 1));
    return key;
}

std::uint16_t next_of(const std::byte* entry, Family family) noexcept {
    std::uint16_t next = 0;
    std::memcpy(&next, entry + layout_of(family).next_offset, sizeof next);
    return next;
}

std::byte* target_of(std::byte* entry, Family family) noexcept {
    std::uint16_t offset = 0;
    std::memcpy(&offset, entry + layout_of(family).target_offset, sizeof offset);
    return entry + offset;
}

std::string_view target_name(const std::byte* target) noexcept {
    const char* name =
        reinterpret_cast<const char*>(target) + offsetof(xt_entry_target, u.user.name);
    return {name, strnlen(name, XT_EXTENSION_MAXNAMELEN)};
}

std::int32_t verdict_of(const std::byte* target) noexcept {
    std::int32_t verdict = 0;
    std::memcpy(&verdict, target + offsetof(xt_standard_target, verdict), sizeof verdict);
    return verdict;
}

void set_verdict(std::byte* target, std::int32_t verdict) noexcept {
    std::memcpy(target + offsetof(xt_standard_target, verdict), &verdict, sizeof verdict);
}

TableChain* TableState::chain_at(std::uint32_t first) const noexcept {
    const auto found = std::ranges::lower_bound(by_first, first, {}, &JumpPlace::first);
    return found != by_first.end() && found->first == first ? found->chain : nullptr;
}

TableChain* TableState::jump_of(const std::byte* entry) const noexcept {
    const std::byte* target = target_of(entry, family);
    if (!target_name(target).empty()) return nullptr;
    const std::int32_t verdict = verdict_of(target);
    if (verdict < 0) return nullptr;
    const auto to = static_cast<std::uint32_t>(verdict);
    // A rule without a target leads to the next one.
    return to == offset_of(entry) + next_of(entry, family) ? nullptr : chain_at(to);
}

bool read_table(TableState& state) {
    constexpr int attempts_max = 5;
    for (int attempt = 1; !fetch(state); ++attempt) {
        // Somebody replaced it between the two questions.
        if (errno != EAGAIN || attempt == attempts_max) return false;
    }
    if (Parser{state}.run()) return true;
    errno = EPROTO;
    return false;
}

}  // namespace nameplane::rules::iptables
