#include "support.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace nameplane::kube::testing {
namespace {

namespace fs = std::filesystem;

void write_all(const std::string& path, std::string_view text) {
    std::ofstream out{path, std::ios::trunc | std::ios::binary};
    out << text;
    out.close();
    REQUIRE(out.good());
}

}  // namespace

TempFolder::TempFolder() {
    std::string name = (fs::temp_directory_path() / "nameplane-kube-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void TempFolder::write(std::string_view name, std::string_view text) const {
    const std::string path = *this / name;
    fs::create_directories(fs::path{path}.parent_path());
    write_all(path, text);
}

void TempFolder::replace(std::string_view name, std::string_view text) const {
    const std::string next = *this / ".next";
    write_all(next, text);
    fs::rename(next, *this / name);
}

void TempFolder::remove(std::string_view name) const {
    fs::remove_all(*this / name);
}

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
    const TempFolder folder;
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
