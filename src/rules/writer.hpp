#pragma once
// RuleWriter: one way to bring a Plan into the kernel. Rule thread only.

#include "rules/plan.hpp"
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nameplane::rules {

/// What a commit did.
struct Applied {
    std::uint64_t version = 0;  ///< of the plan that the kernel now holds
    std::size_t chains_written = 0;
    std::size_t rules_written = 0;
    bool wrote = false;  ///< false: the kernel had all of it already
    // Rules that chains of ours now hold.
    std::size_t nat_rules = 0;
    std::size_t filter_rules = 0;
    // Rules that this commit inserted or removed.
    std::size_t nat_written = 0;
    std::size_t filter_written = 0;
};

class RuleWriter {
public:
    virtual ~RuleWriter() = default;
    /// Brings the kernel from whatever it holds to `plan`, each table in one replace: whole or not
    /// at all. Errc::again: somebody was in between or holds the lock, call again.
    /// `full`: do not trust what we remember of the kernel, compare everything.
    virtual Result<Applied> apply(const Plan& plan, bool full) = 0;
    /// Whether somebody else changed our rules since the last apply(), as far as can be told
    /// without reading them all: asked several times a second. The next apply() then compares
    /// everything.
    virtual bool disturbed() { return false; }
    /// Takes everything of ours away and nothing else.
    virtual Status clean() = 0;
    virtual std::string_view name() const noexcept = 0;
};

}  // namespace nameplane::rules
