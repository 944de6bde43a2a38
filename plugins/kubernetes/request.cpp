// hot path
#include "plugins/kubernetes/request.hpp"

#include <array>

namespace nameplane::plugins::kubernetes {

namespace {

/// More labels than this in front of the zone have no meaning.
constexpr std::size_t labels_max = 5;

/// The labels in front of the zone, last one first.
struct Labels {
    std::array<std::string_view, labels_max> text;
    std::array<std::uint8_t, labels_max> at{};
    std::size_t count = 0;
    bool too_many = false;

    std::string_view operator[](std::size_t i) const noexcept { return text[count - 1 - i]; }
};

Labels split(dns::NameView name, std::size_t octets) noexcept {
    Labels labels;
    for (std::size_t at = 0; at < octets;) {
        if (labels.count == labels_max) {
            labels.too_many = true;
            return labels;
        }
        const std::size_t length = name.data()[at];
        labels.text[labels.count] = {reinterpret_cast<const char*>(name.data() + at + 1), length};
        labels.at[labels.count] = static_cast<std::uint8_t>(at);
        ++labels.count;
        at += 1 + length;
    }
    return labels;
}

std::string_view strip_underscore(std::string_view label) noexcept {
    return label.starts_with('_') ? label.substr(1) : label;
}

/// One or two labels in front of the zone that belong to neither Services nor pods.
Shape special_shape(const Labels& labels) noexcept {
    if (labels.count == 1 && labels[0] == "dns-version") return Shape::version;
    if (labels.count == 1 && labels[0] == "dns") return Shape::fixed;
    if (labels.count == 2 && labels[0] == "dns" && labels[1] == "ns") return Shape::name_server;
    return Shape::invalid;
}

}  // namespace

Request parse_request(dns::NameView name, dns::NameView zone) noexcept {
    Request request;
    const Labels labels = split(name, name.size() - zone.size());
    if (labels.too_many) return request;
    if (labels.count == 0) {
        request.shape = Shape::apex;
        return request;
    }
    const bool pod = labels[0] == "pod";
    if (!pod && labels[0] != "svc") {
        request.shape = special_shape(labels);
        return request;
    }
    if (labels.count == 1) {
        request.shape = Shape::fixed;
        return request;
    }
    request.ns = labels[1];
    if (labels.count == 2) {
        request.shape = Shape::name_space;
        request.below_pod = pod;
        return request;
    }
    request.service = labels[2];
    request.service_at = labels.at[labels.count - 3];
    if (pod) {
        request.shape = Shape::pod;
    } else if (labels.count == 3) {
        request.shape = Shape::service;
    } else if (labels.count == 4) {
        request.shape = Shape::endpoint;
        request.endpoint = labels[3];
    } else {
        request.shape = Shape::port;
        request.protocol = strip_underscore(labels[3]);
        request.port = strip_underscore(labels[4]);
    }
    return request;
}

}  // namespace nameplane::plugins::kubernetes
