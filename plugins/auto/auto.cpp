// hot path
#include "plugins/auto/auto.hpp"

namespace nameplane::plugins {

Step Auto::ask(Query& query, Reply& reply) const noexcept {
    if (longest_zone(settings_.zones, query.name()) == nullptr) return Step::next;
    return authority_.ask(this, query, reply);
}

}  // namespace nameplane::plugins
