#pragma once
// Weights: how likely each address of a name comes first; read from a file.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace nameplane::plugins::loadbalancing {

/// Immutable; any thread.
class Weights {
public:
    Weights() = default;
    /// Lines with a name, each followed by lines "ADDRESS WEIGHT"; '#' begins a comment line. The
    /// error has the line's number.
    static Result<Weights> read(std::string_view text);

    /// From 1 to 255; 1 for an address of which the file says nothing.
    std::uint8_t of(dns::NameView name, const IpAddress& address) const noexcept;

private:
    struct Entry {
        dns::Name name;
        IpAddress address;
        std::uint8_t weight = 1;
    };
    std::vector<Entry> entries_;  ///< in the order of the file
};

}  // namespace nameplane::plugins::loadbalancing
