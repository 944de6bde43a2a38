// ServiceImports (multicluster.x-k8s.io/v1alpha1).
#include "kube/decode.hpp"
#include "kube/json_value.hpp"

namespace nameplane::kube {
namespace {

constexpr Word<bool> types[] = {{"ClusterSetIP", false}, {"Headless", true}};

template <class V>
services::ServicePort import_port(BasicFieldReader<V>& read, const BasicField<V>& item) {
    services::ServicePort port;
    const BasicField<V> name = read.get(item, "name");
    port.name = read.text(name);
    if (!port.name.empty() && !is_label(port.name)) read.wrong(name, "a DNS label");
    port.protocol = read.protocol(read.get(item, "protocol"));
    const BasicField<V> number = read.get(item, "port");
    if (!number.present()) read.wrong(number, "a port number");
    port.port = read.port(number, 0);
    return port;
}

}  // namespace

template <class V>
services::ServiceImport decode_import(BasicFieldReader<V>& read, const BasicField<V>& root,
                                      services::ObjectKey key) {
    services::ServiceImport import;
    import.key = std::move(key);
    const BasicField<V> spec = read.map(root, "spec");
    import.headless = read.one_of(read.get(spec, "type"), types);
    read.each(read.list(spec, "ips"), read.limits().addresses_max, [&](const BasicField<V>& item) {
        if (const auto address = read.address(item)) import.ips.push_back(*address);
    });
    read.each_map(
        read.list(spec, "ports"), read.limits().ports_max,
        [&](const BasicField<V>& item) { import.ports.push_back(import_port(read, item)); });
    return import;
}

// The two kinds of documents.
template services::ServiceImport decode_import(BasicFieldReader<Value>&, const BasicField<Value>&,
                                               services::ObjectKey);
template services::ServiceImport decode_import(BasicFieldReader<JsonValue>&,
                                               const BasicField<JsonValue>&, services::ObjectKey);

}  // namespace nameplane::kube
