#include "support.hpp"

#include <catch2/catch.hpp>

namespace nameplane::kube::testing {

template <class T>
T one(const std::vector<services::Event>& events, std::string_view ns, std::string_view name) {
    for (const T& object : all<T>(events))
        if (object.key.ns == ns && object.key.name == name) return object;
    FAIL("no object " << ns << "/" << name);
    return {};
}
template services::Service one(const std::vector<services::Event>&, std::string_view,
                               std::string_view);
template services::EndpointSlice one(const std::vector<services::Event>&, std::string_view,
                                     std::string_view);
template services::Pod one(const std::vector<services::Event>&, std::string_view, std::string_view);
template services::Node one(const std::vector<services::Event>&, std::string_view,
                            std::string_view);
template services::Namespace one(const std::vector<services::Event>&, std::string_view,
                                 std::string_view);

ManifestReading reading_of(std::string_view text, bool dual, std::string_view file) {
    const test::TemporaryFolder folder;
    folder.write(file, text);
    ManifestOptions options{.path = folder.path(), .service_cidrs = {*Cidr::parse("10.96.0.0/16")}};
    if (dual) options.service_cidrs.push_back(*Cidr::parse("fd00:96::/112"));
    auto reading = read_manifests(options);
    REQUIRE(reading);
    for (std::string& problem : reading->problems)
        if (problem.starts_with(folder.path())) problem.erase(0, folder.path().size() + 1);
    return std::move(*reading);
}

}  // namespace nameplane::kube::testing
