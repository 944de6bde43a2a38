#include "plugins/bufsize/bufsize.hpp"

#include <algorithm>

namespace nameplane::plugins {

Result<PluginPtr> Bufsize::make(const Options& given, Setup&) {
    return PluginPtr{new Bufsize{static_cast<std::uint16_t>(given.integer("size"))}};
}

Step Bufsize::ask(Query& query, Reply&) const noexcept {
    query.set_udp_size(std::min(query.udp_size(), size_));
    return Step::next;
}

Step Bufsize::tell(Query&, Reply& reply) const noexcept {
    if (reply.udp_size_max == 0 || reply.udp_size_max > size_) reply.udp_size_max = size_;
    return Step::done;
}

}  // namespace nameplane::plugins
