// hot path
#include "plugins/kubernetes/request.hpp"

#include <array>

namespace nameplane::plugins::kubernetes {

namespace {

/// More labels than this in front of the zone are a zonal name or have no meaning.
constexpr std::size_t labels_max = 5;

/// The labels in front of the zone, last one first: those at the end of the name, if there are
/// many.
class Labels {
public:
    Labels(dns::NameView name, std::size_t octets) noexcept {
        for (std::size_t at = 0; at < octets; at += 1U + name.data()[at], ++count_) {
            text_[count_ % kept] = {reinterpret_cast<const char*>(name.data() + at + 1),
                                    name.data()[at]};
            at_[count_ % kept] = static_cast<std::uint8_t>(at);
        }
    }
    std::size_t count() const noexcept { return count_; }
    /// Label `i`, at most `labels_max`, from the end.
    std::string_view operator[](std::size_t i) const noexcept {
        return text_[(count_ - 1 - i) % kept];
    }
    /// Where it begins in the name.
    std::uint8_t at(std::size_t i) const noexcept { return at_[(count_ - 1 - i) % kept]; }

private:
    static constexpr std::size_t kept = 8;
    static_assert(labels_max < kept);
    std::array<std::string_view, kept> text_;
    std::array<std::uint8_t, kept> at_{};
    std::size_t count_ = 0;
};

std::string_view strip_underscore(std::string_view label) noexcept {
    return label.starts_with('_') ? label.substr(1) : label;
}

/// One or two labels in front of the zone that belong to neither Services nor pods.
Shape special_shape(const Labels& labels) noexcept {
    if (labels.count() == 1 && labels[0] == "dns-version") return Shape::version;
    if (labels.count() == 1 && labels[0] == "dns") return Shape::fixed;
    if (labels.count() == 2 && labels[0] == "dns" && labels[1] == "ns") return Shape::name_server;
    return Shape::invalid;
}

/// What stands in front of a Service's name, two labels.
void read_pair(const Labels& labels, Grammar grammar, Request& request) noexcept {
    const bool underscored = labels[3].starts_with('_') || labels[4].starts_with('_');
    if (grammar.multicluster && !underscored) {
        request.shape = Shape::endpoint;
        request.cluster = labels[3];
        request.endpoint = labels[4];
        return;
    }
    request.shape = Shape::port;
    request.protocol = strip_underscore(labels[3]);
    request.port = strip_underscore(labels[4]);
}

/// The same for three labels and more.
void read_zonal(const Labels& labels, dns::NameView name, Grammar grammar,
                Request& request) noexcept {
    request.prefer = labels[4] == "prefer";
    const bool directive = request.prefer || labels[4] == "pin";
    if (!grammar.zonal || grammar.multicluster || labels[3] != "_zone" || !directive) return;
    request.shape = Shape::zonal;
    request.topology = {reinterpret_cast<const char*>(name.data()), labels.at(4)};
}

}  // namespace

Request parse_request(dns::NameView name, dns::NameView zone, Grammar grammar) noexcept {
    Request request;
    const Labels labels{name, name.size() - zone.size()};
    if (labels.count() == 0) {
        request.shape = Shape::apex;
        return request;
    }
    const bool pod = labels[0] == "pod";
    if (!pod && labels[0] != "svc") {
        request.shape = special_shape(labels);
        return request;
    }
    if (pod && labels.count() > labels_max) return request;
    if (labels.count() == 1) {
        request.shape = Shape::fixed;
        return request;
    }
    request.ns = labels[1];
    if (labels.count() == 2) {
        request.shape = Shape::name_space;
        request.below_pod = pod;
        return request;
    }
    request.service = labels[2];
    request.service_at = labels.at(2);
    if (pod) {
        request.shape = Shape::pod;
    } else if (labels.count() == 3) {
        request.shape = Shape::service;
    } else if (labels.count() == 4) {
        request.shape = Shape::endpoint;
        request.endpoint = labels[3];
    } else if (labels.count() == 5) {
        read_pair(labels, grammar, request);
    } else {
        read_zonal(labels, name, grammar, request);
        if (request.shape == Shape::invalid) return {};
    }
    return request;
}

}  // namespace nameplane::plugins::kubernetes
