#include "services/contents.hpp"

namespace nameplane::services {

void Contents::Slice::unpack(EndpointSlice& slice) const {
    slice.key = key;
    slice.service = service;
    slice.import = import;
    slice.cluster.clear();
    if (of_import != nullptr) {
        of_import->unpack(slice);
        if (!slice.endpoints.empty()) slice.cluster = slice.endpoints.front().node_name;
    }
    if (stored != nullptr) {
        stored->unpack(slice);
        return;
    }
    for (Endpoint& endpoint : slice.endpoints) endpoint.node_name.clear();
}

}  // namespace nameplane::services
