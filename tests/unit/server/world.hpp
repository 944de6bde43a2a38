#pragma once
// World: what a handler or a server needs around it, with plugins made for these tests. Zone
// "test." answers:
//
//     big<n>.test.   n A records (as many as fit, all over TCP)
//     drop.test.     nothing at all
//     hold<n>.test.  waits until release.test. is asked on the same worker; then like anything
//                    else, or, for holddrop.test., nothing at all, for holdbig<n>.test. like
//                    big<n>.test.
//     ask.<name>     a CNAME to <name>, and what the server says of that
//     loop.test.     the same of itself
//     fresh.test.    asks for a refresh, see refreshed()
//     anything else  an A or AAAA record with the address of ours that was asked; the client's
//                    address as additional record; TTL 1 over UDP, 2 over TCP

#include "base/published.hpp"
#include "chain/builder.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/metrics.hpp>

#include <memory>
#include <string>
#include <vector>

namespace nameplane::test {

std::shared_ptr<const chain::Chains> build_chains(metrics::Registry& metrics);

/// How many refreshes have come back to who wanted them, over all tests.
std::size_t refreshed();

/// What a plugin of "test." was let foresee on this thread since here: "<step> <name> <type>".
/// With "!" behind it where the plugin's note was not the one of the step before.
class Foresights {
public:
    Foresights();
    ~Foresights();
    Foresights(const Foresights&) = delete;
    std::vector<std::string> calls;
};

struct World {
    explicit World(std::size_t workers = 1);

    /// The sum of all series of a counter that have this label, or of all for an empty label.
    double count(std::string_view name, std::string_view label = {},
                 std::string_view value = {}) const;

    metrics::Registry metrics;
    Published<chain::Chains> chains;
    Published<services::Snapshot> snapshots;
};

}  // namespace nameplane::test
