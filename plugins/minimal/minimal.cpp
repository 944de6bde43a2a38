#include "plugins/minimal/minimal.hpp"

#include <nameplane/reply_kind.hpp>

namespace nameplane::plugins {

Result<PluginPtr> Minimal::make(const Options&, Setup&) {
    return PluginPtr{new Minimal};
}

Step Minimal::tell(Query& query, Reply& reply) const noexcept {
    if (kind_of(query, reply) == ReplyKind::no_error) {
        reply.authorities().clear();
        reply.additionals().clear();
    }
    return Step::done;
}

}  // namespace nameplane::plugins
