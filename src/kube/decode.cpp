#include "kube/decode.hpp"

#include <nameplane/base/log.hpp>

#include <algorithm>
#include <array>

namespace nameplane::kube {
namespace {

using services::Kind;
using services::ObjectKey;

constexpr std::string_view list_suffix = "List";
/// A List inside a List is as deep as anybody has a reason to go.
constexpr unsigned lists_in_lists_max = 2;

struct KnownKind {
    std::string_view word;
    std::string_view group;  ///< apiVersion up to the slash, "" for core
    Kind kind;
    bool namespaced;
};
constexpr std::array known_kinds{
    KnownKind{"Service", "", Kind::service, true},
    KnownKind{"EndpointSlice", "discovery.k8s.io", Kind::endpoint_slice, true},
    KnownKind{"Pod", "", Kind::pod, true},
    KnownKind{"Node", "", Kind::node, false},
    KnownKind{"Namespace", "", Kind::namespace_, false},
    KnownKind{"ServiceImport", "multicluster.x-k8s.io", Kind::service_import, true},
    KnownKind{"ServiceCIDR", "networking.k8s.io", Kind::service_cidr, false},
};

/// A Knative Service is not ours: the API group decides. Without apiVersion the kind alone does.
const KnownKind* known(std::string_view kind, std::string_view api_version) {
    const std::size_t slash = api_version.find('/');
    const std::string_view group =
        slash == std::string_view::npos ? std::string_view{} : api_version.substr(0, slash);
    const auto* found = std::ranges::find_if(known_kinds, [&](const KnownKind& each) {
        return each.word == kind && (api_version.empty() || each.group == group);
    });
    return found == known_kinds.end() ? nullptr : found;
}

/// Decodes the documents of one file into one Decoded.
class FileDecoder {
public:
    FileDecoder(std::string_view file, Decoded& out) : read_{file, out.problems}, out_{out} {}

    void document(const Tree& tree) {
        if (const Fault* fault = tree.fault()) {
            read_.report(fault->line, fault->text);
            return recognise(tree.root());
        }
        const Field root{.value = tree.root()};
        if (!root.present()) return;
        if (root.value.shape() != Shape::map) {
            read_.wrong(root, "a map with kind and metadata");
            out_.unknown_broken = true;
            return;
        }
        value(root, {}, 0);
    }

private:
    /// `kind` is what a typed list ("ServiceList") says of its items that do not say it themselves.
    void value(const Field& root, std::string_view kind, unsigned depth) {
        const std::size_t before = read_.reported();
        std::string own = read_.text(read_.get(root, "kind"));
        const std::string version = read_.text(read_.get(root, "apiVersion"));
        if (own.empty() && read_.reported() == before) own = kind;
        if (own.empty()) {
            if (read_.reported() == before)
                read_.wrong(read_.get(root, "kind"), "the kind of object");
            out_.unknown_broken = true;
            return;
        }
        if (own.ends_with(list_suffix) && (own == list_suffix || root.value.find("items")))
            return items(root, own, depth);
        if (const KnownKind* known_kind = known(own, version)) return object(root, *known_kind);
        NP_LOG_DEBUG("manifests.ignored", "file", read_.file(), "line", root.line(), "kind", own);
    }

    void items(const Field& root, std::string_view list_kind, unsigned depth) {
        if (depth >= lists_in_lists_max) {
            read_.report(root.line(), "List inside a List inside a List, expected the objects");
            out_.unknown_broken = true;
            return;
        }
        const std::size_t before = read_.reported();
        const std::string_view kind = list_kind.substr(0, list_kind.size() - list_suffix.size());
        const Field list = read_.list(root, "items");
        read_.each(list, objects_max, [&](const Field& item) {
            if (item.value.shape() == Shape::map) return value(item, kind, depth + 1);
            read_.wrong(item, "a map with kind and metadata");
            out_.unknown_broken = true;
        });
        if (!list.present() && read_.reported() > before) out_.unknown_broken = true;
    }

    void object(const Field& root, const KnownKind& known_kind) {
        const std::size_t before = read_.reported();
        const auto key = key_of(root, known_kind.namespaced);
        if (!key) {
            out_.unknown_broken = true;
            return;
        }
        auto source = decode(root, known_kind.kind, *key);
        if (read_.reported() > before) {
            out_.broken.push_back({known_kind.kind, *key});
        } else if (source) {
            out_.objects.push_back(std::move(*source));
            out_.lines.push_back(root.line());
        }
    }

    std::optional<Source> decode(const Field& root, Kind kind, const ObjectKey& key) {
        switch (kind) {
        case Kind::service: return decode_service(read_, root, key);
        case Kind::endpoint_slice: {
            auto slice = decode_slice(read_, root, key);
            if (!slice) return std::nullopt;
            return std::move(*slice);
        }
        case Kind::pod: return decode_pod(read_, root, key);
        case Kind::node: return decode_node(read_, root, key);
        case Kind::namespace_: return decode_namespace(read_, root, key);
        case Kind::service_import: return decode_import(read_, root, key);
        case Kind::service_cidr: return decode_service_cidr(read_, root, key);
        }
        return std::nullopt;
    }

    std::optional<ObjectKey> key_of(const Field& root, bool namespaced) {
        auto found = read_.key(root);
        if (!found) return std::nullopt;
        ObjectKey& key = *found;
        if (!namespaced)
            key.ns.clear();
        else if (key.ns.empty())
            key.ns = "default";
        return found;
    }

    /// What a document with a fault would have been, as far as it was read. A List might have gone
    /// on with anything.
    void recognise(Value root) {
        const KnownKind* known_kind =
            known(root.find("kind").text(), root.find("apiVersion").text());
        const Value metadata = root.find("metadata");
        const std::string_view name = metadata.find("name").text();
        std::string_view ns = metadata.find("namespace").text();
        // The fault may lie inside metadata, before a namespace that would have made it another
        // object: only a metadata map that something follows is known to be whole.
        if (known_kind == nullptr || !is_subdomain(name) || !metadata.next()) {
            out_.unknown_broken = true;
            return;
        }
        if (!known_kind->namespaced)
            ns = {};
        else if (ns.empty())
            ns = "default";
        out_.broken.push_back({known_kind->kind, {std::string{ns}, std::string{name}}});
    }

    FieldReader read_;
    Decoded& out_;
};

}  // namespace

std::string to_string(const ObjectId& id) {
    std::string text{services::to_string(id.kind)};
    text += ' ';
    if (!id.key.ns.empty()) text.append(id.key.ns).append("/");
    return text.append(id.key.name);
}

ObjectId id_of(const Source& source) {
    struct Visit {
        ObjectId operator()(const ServiceSource& s) const { return {Kind::service, s.service.key}; }
        ObjectId operator()(const services::EndpointSlice& s) const {
            return {Kind::endpoint_slice, s.key};
        }
        ObjectId operator()(const PodSource& s) const { return {Kind::pod, s.pod.key}; }
        ObjectId operator()(const services::Node& s) const { return {Kind::node, s.key}; }
        ObjectId operator()(const services::Namespace& s) const {
            return {Kind::namespace_, s.key};
        }
        ObjectId operator()(const services::ServiceImport& s) const {
            return {Kind::service_import, s.key};
        }
        ObjectId operator()(const services::ServiceCidr& s) const {
            return {Kind::service_cidr, s.key};
        }
    };
    return std::visit(Visit{}, source);
}

Decoded decode_text(std::string_view text, std::string_view file, bool json) {
    Decoded decoded;
    FileDecoder decoder{file, decoded};
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        // What ">" of Windows PowerShell writes.
        Tree tree;
        tree.fail(1, "text in UTF-16, expected UTF-8");
        decoder.document(tree);
        return decoded;
    }
    if (json) {
        decoder.document(read_json(text));
        return decoded;
    }
    for (const DocumentText& document : split_documents(text))
        decoder.document(read_yaml(document));
    return decoded;
}

}  // namespace nameplane::kube
