#pragma once
// Challenges: what an ACME server asks us for to see that a name is ours: TXT records of
// _acme-challenge.NAME (RFC 8555 8.4), answered wherever names are.

#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/plugin.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::acme {

/// Any thread. The lock is taken by queries for TXT only, and only while something is asked for.
class Challenges {
public:
    /// There until this object goes. It outlives none of the Challenges.
    class Presented {
    public:
        Presented(Presented&& other) noexcept;
        Presented& operator=(Presented&&) = delete;
        ~Presented();

    private:
        friend class Challenges;
        Presented(Challenges& owner, std::size_t number) : owner_{&owner}, number_{number} {}
        Challenges* owner_;
        std::size_t number_;
    };

    /// `value` is the text of a TXT record of _acme-challenge.`domain`, at most 255 octets.
    [[nodiscard]] Result<Presented> present(std::string_view domain, std::string value);
    bool any() const noexcept { return count_.load(std::memory_order_relaxed) != 0; }
    /// Calls `visit(std::string_view)` for each value of `name`, with the lock held.
    template <class F> void for_each(dns::NameView name, F visit) const {
        const std::lock_guard lock{mutex_};
        for (const Entry& entry : entries_) {
            if (name.equals(entry.name)) visit(std::string_view{entry.value});
        }
    }

private:
    struct Entry {
        std::size_t number;
        dns::Name name;
        std::string value;
    };
    void withdraw(std::size_t number);

    mutable std::mutex mutex_;
    std::vector<Entry> entries_;
    std::size_t next_number_ = 0;
    std::atomic<std::size_t> count_{0};
};

/// A plugin that answers from `challenges`, and knows nothing else. For Setup::first.
PluginPtr answering(std::shared_ptr<const Challenges> challenges);

}  // namespace nameplane::acme
