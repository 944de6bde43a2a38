#include "agent/setup_errors.hpp"

namespace nameplane::agent {

metrics::FamilyReading SetupErrors::read() const {
    constexpr std::array names{"iptables", "iptables_lock", "interface_add", "interface_check",
                               "configmap"};
    metrics::FamilyReading family{.name = "coredns_nodecache_setup_errors_total",
                                  .help = "The number of errors during periodic network setup for "
                                          "node-cache",
                                  .kind = metrics::Kind::counter,
                                  .samples = {}};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto count = static_cast<double>(counts_[i].load(std::memory_order_relaxed));
        family.samples.push_back({{{"errortype", names[i]}}, count, {}});
    }
    return family;
}

}  // namespace nameplane::agent
