// ManifestSource on a real folder with the real inotify: each test changes files as people and
// programs do and awaits the batch that follows.
#include "base/fd.hpp"
#include "kube/folder.hpp"
#include "kube/manifests.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <map>

using namespace nameplane;
using namespace nameplane::kube;
using namespace nameplane::kube::testing;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using services::EndpointSlice;
using services::Event;
using services::Kind;
using services::Namespace;
using services::ObjectKey;
using services::Pod;
using services::Service;

namespace {

/// A source with everything it has said, as a consumer would hold it.
class Watched {
public:
    explicit Watched(const std::string& path, const std::string& state_file = {})
        : source_{ManifestOptions{.path = path,
                                  .service_cidrs = {*Cidr::parse("10.96.0.0/16")},
                                  .state_file = state_file},
                  loop_, metrics_, [this](Event event) { hear(std::move(event)); },
                  [this] {
                      ++batches;
                      if (awaited_ && awaited_()) loop_.stop();
                  }} {}

    Status start() { return source_.start(); }

    /// Runs the loop until `seen()` holds after a batch. Fails after a time that only a lost event
    /// can take.
    void await(std::function<bool()> seen) {
        awaited_ = std::move(seen);
        bool late = false;
        const auto guard = loop_.timer([&] {
            late = true;
            loop_.stop();
        });
        guard->start(2min);
        loop_.run();
        REQUIRE_FALSE(late);
    }
    /// Until the ExternalName Service default/`name` stands for `target`.
    void await_service(std::string_view name, std::string_view target) {
        await([this, name, target] { return this->target(name) == target; });
    }
    std::string target(std::string_view name) const {
        const auto found = services.find({"default", std::string{name}});
        return found == services.end() ? "" : found->second.external_name;
    }
    double errors() const {
        for (const auto& family : metrics_.read())
            if (family.name == "nameplane_manifest_errors") return family.samples[0].value;
        return -1;
    }

    std::map<ObjectKey, Service> services;
    std::map<ObjectKey, EndpointSlice> slices;
    std::map<ObjectKey, Pod> pods;
    std::map<ObjectKey, Namespace> namespaces;
    std::vector<Event> heard;
    int batches = 0;

private:
    void hear(Event event) {
        heard.push_back(event);
        if (auto* service = std::get_if<Service>(&event)) services[service->key] = *service;
        if (auto* slice = std::get_if<EndpointSlice>(&event)) slices[slice->key] = *slice;
        if (auto* pod = std::get_if<Pod>(&event)) pods[pod->key] = *pod;
        if (auto* ns = std::get_if<Namespace>(&event)) namespaces[ns->key] = *ns;
        const auto* gone = std::get_if<services::Remove>(&event);
        if (gone == nullptr) return;
        if (gone->kind == Kind::service) CHECK(services.erase(gone->key) == 1);
        if (gone->kind == Kind::endpoint_slice) CHECK(slices.erase(gone->key) == 1);
        if (gone->kind == Kind::pod) CHECK(pods.erase(gone->key) == 1);
        if (gone->kind == Kind::namespace_) CHECK(namespaces.erase(gone->key) == 1);
    }

    net::Loop loop_;
    metrics::Registry metrics_{1};
    std::function<bool()> awaited_;
    ManifestSource source_;
};

/// Acts as nobody, who owns `folder`, until the end of the scope; root would be let in everywhere.
class Unprivileged {
public:
    explicit Unprivileged(const std::string& folder) {
        if (::geteuid() != 0) return;
        constexpr uid_t nobody = 65534;
        REQUIRE(::chown(folder.c_str(), nobody, nobody) == 0);
        for (const auto& entry : fs::recursive_directory_iterator{folder})
            REQUIRE(::chown(entry.path().c_str(), nobody, nobody) == 0);
        root_ = ::seteuid(nobody) == 0;
        REQUIRE(root_);
    }
    ~Unprivileged() {
        if (root_ && ::seteuid(0) != 0) std::abort();
    }
    Unprivileged(const Unprivileged&) = delete;
    Unprivileged& operator=(const Unprivileged&) = delete;

private:
    bool root_ = false;
};

/// An ExternalName Service: the smallest object whose change one can see.
std::string alias(std::string_view name, std::string_view target) {
    return "---\nkind: Service\nmetadata: {name: " + std::string{name} +
           "}\nspec: {type: ExternalName, externalName: " + std::string{target} + "}\n";
}

}  // namespace

TEST_CASE("the start gives whole lists of every kind, in order, and one settled()") {
    const test::TemporaryFolder folder;
    folder.write("a.yaml", alias("a", "one.example"));
    folder.write("sub/b.yml", alias("b", "two.example"));
    folder.write("c.json", R"({"kind":"Service","metadata":{"name":"c"},)"
                           R"("spec":{"type":"ExternalName","externalName":"three.example"}})");
    folder.write(".hidden.yaml", alias("hidden", "x.example"));
    folder.write("sub/d.yaml~", alias("backup", "x.example"));
    folder.write("#e.yaml#", alias("autosave", "x.example"));
    folder.write(".git/f.yaml", alias("git", "x.example"));
    folder.write("README.md", alias("readme", "x.example"));
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    CHECK(watched.batches == 1);
    CHECK(watched.services.size() == 3);
    CHECK(watched.target("b") == "two.example");
    CHECK(watched.target("c") == "three.example");
    CHECK(watched.namespaces.size() == 4);
    std::vector<Kind> begun;
    std::vector<Kind> ended;
    for (const Event& event : watched.heard) {
        if (const auto* begin = std::get_if<services::BeginList>(&event)) {
            CHECK(begun.size() == ended.size());
            begun.push_back(begin->kind);
        } else if (const auto* end = std::get_if<services::EndList>(&event)) {
            ended.push_back(end->kind);
        } else {
            CHECK(begun.size() == ended.size() + 1);
        }
    }
    CHECK(begun == std::vector<Kind>{Kind::namespace_, Kind::node, Kind::pod, Kind::service,
                                     Kind::endpoint_slice, Kind::service_import,
                                     Kind::service_cidr});
    CHECK(ended == begun);
}

TEST_CASE("a path that is not there is an error that names it") {
    const test::TemporaryFolder folder;
    Watched watched{folder / "missing"};
    const Status status = watched.start();
    REQUIRE_FALSE(status);
    CHECK_THAT(status.error().text, Catch::Contains(folder / "missing"));
    CHECK(watched.heard.empty());
}

TEST_CASE("changes to files are seen however they are made") {
    const test::TemporaryFolder folder;
    folder.write("a.yaml", alias("a", "one.example"));
    Watched watched{folder.path()};
    REQUIRE(watched.start());

    SECTION("written in place") {
        folder.write("a.yaml", alias("a", "two.example"));
        watched.await_service("a", "two.example");
    }
    SECTION("renamed over") {
        folder.replace("a.yaml", alias("a", "two.example"));
        watched.await_service("a", "two.example");
    }
    SECTION("renamed away and written anew, as editors with backups do") {
        fs::rename(folder / "a.yaml", folder / "a.yaml~");
        folder.write("a.yaml", alias("a", "two.example"));
        watched.await_service("a", "two.example");
        CHECK(watched.services.size() == 1);
    }
    SECTION("a new file") {
        folder.write("b.yaml", alias("b", "two.example"));
        watched.await_service("b", "two.example");
        CHECK(watched.target("a") == "one.example");
    }
    SECTION("a file removed") {
        folder.remove("a.yaml");
        watched.await([&] { return watched.services.empty(); });
    }
    SECTION("a file renamed keeps its objects and says nothing of them") {
        watched.heard.clear();
        fs::rename(folder / "a.yaml", folder / "z.yaml");
        folder.write("b.yaml", alias("b", "two.example"));
        watched.await_service("b", "two.example");
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.errors() == 0);
        for (const Event& event : watched.heard)
            CHECK_FALSE(std::holds_alternative<services::Remove>(event));
    }
    SECTION("a folder with files in it, moved in as a whole") {
        const test::TemporaryFolder other;
        other.write("deep/er/b.yaml", alias("b", "two.example"));
        fs::rename(other / "deep", folder / "deep");
        watched.await_service("b", "two.example");
        folder.write("deep/er/b.yaml", alias("b", "three.example"));
        watched.await_service("b", "three.example");
        fs::rename(folder / "deep", other / "deep");
        watched.await([&] { return watched.services.size() == 1; });
    }
    SECTION("a hard link appears") {
        const test::TemporaryFolder other;
        other.write("b.yaml", alias("b", "two.example"));
        fs::create_hard_link(other / "b.yaml", folder / "b.yaml");
        watched.await_service("b", "two.example");
    }
    SECTION("a link to a file elsewhere, and that file changes") {
        const test::TemporaryFolder other;
        other.write("b.yaml", alias("b", "two.example"));
        fs::create_symlink(other / "b.yaml", folder / "b.yaml");
        watched.await_service("b", "two.example");
        other.replace("b.yaml", alias("b", "three.example"));
        watched.await_service("b", "three.example");
    }
}

TEST_CASE("what cannot be read keeps its last good state until it can") {
    const test::TemporaryFolder folder;
    folder.write("sub/a.yaml", alias("a", "one.example"));
    folder.write("c.yaml", alias("c", "one.example"));
    const Unprivileged nobody{folder.path()};
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    // Shows that a batch with what happened before is over.
    const auto mark = [&](const char* target) {
        folder.write("mark.yaml", alias("mark", target));
        watched.await_service("mark", target);
    };

    SECTION("a file without permission") {
        fs::permissions(folder / "sub/a.yaml", fs::perms::owner_write);
        folder.write("sub/a.yaml", alias("a", "two.example"));
        mark("unreadable.example");
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.errors() == 1);
        fs::permissions(folder / "sub/a.yaml", fs::perms::owner_read);
        watched.await_service("a", "two.example");
    }
    SECTION("a folder without permission") {
        fs::permissions(folder / "sub", fs::perms::none);
        fs::create_directory(folder / "other");
        mark("unreadable.example");
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.errors() >= 1);
        fs::permissions(folder / "sub", fs::perms::owner_all);
        folder.write("sub/a.yaml", alias("a", "two.example"));
        fs::create_directory(folder / "third");
        watched.await_service("a", "two.example");
    }
    SECTION("a link in a circle") {
        fs::create_symlink("a.yaml", folder / "sub/next");
        fs::rename(folder / "sub/next", folder / "sub/a.yaml");
        mark("unreadable.example");
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.errors() == 1);
        folder.replace("sub/a.yaml", alias("a", "two.example"));
        watched.await_service("a", "two.example");
    }
    CHECK(watched.errors() == 0);
}

TEST_CASE("the links of a mounted ConfigMap are swapped at once") {
    const test::TemporaryFolder folder;
    folder.write("..1/a.yaml", alias("a", "one.example"));
    fs::create_directory_symlink("..1", folder / "..data");
    fs::create_symlink("..data/a.yaml", folder / "a.yaml");
    const bool single = GENERATE(false, true);
    Watched watched{single ? folder / "a.yaml" : folder.path()};
    REQUIRE(watched.start());
    REQUIRE(watched.target("a") == "one.example");
    for (const char* next : {"two.example", "three.example"}) {
        const std::string version = std::string{".."} + next;
        folder.write(version + "/a.yaml", alias("a", next));
        fs::create_directory_symlink(version, folder / "..data_tmp");
        fs::rename(folder / "..data_tmp", folder / "..data");
        watched.await_service("a", next);
    }
    CHECK(watched.services.size() == 1);
}

TEST_CASE("a folder that is removed and made again") {
    const test::TemporaryFolder around;
    around.write("far/in/a.yaml", alias("a", "one.example"));
    Watched watched{around / "far/in/"};
    REQUIRE(watched.start());
    SECTION("itself") {
        around.remove("far/in");
    }
    SECTION("with the folder around it") {
        around.remove("far");
    }
    watched.await([&] { return watched.services.empty(); });
    around.write("far/in/b.yaml", alias("b", "two.example"));
    watched.await_service("b", "two.example");
    around.write("far/in/b.yaml", alias("b", "three.example"));
    watched.await_service("b", "three.example");
}

TEST_CASE("a single file as the path: its folder is watched for it, other files are not read") {
    const test::TemporaryFolder folder;
    folder.write("a.conf", alias("a", "one.example"));
    Watched watched{folder / "a.conf"};
    REQUIRE(watched.start());
    REQUIRE(watched.target("a") == "one.example");
    folder.write("b.yaml", alias("b", "x.example"));
    folder.replace("a.conf", alias("a", "two.example"));
    watched.await_service("a", "two.example");
    folder.write("a.conf", alias("a", "three.example"));
    watched.await_service("a", "three.example");
    folder.remove("a.conf");
    watched.await([&] { return watched.services.empty(); });
    folder.write("a.conf", alias("a", "four.example"));
    watched.await_service("a", "four.example");
    CHECK(watched.services.size() == 1);
}

TEST_CASE("many changes that wait together make one batch") {
    const test::TemporaryFolder folder;
    folder.write("a.yaml", alias("a", "one.example"));
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    for (int i = 0; i < 50; ++i)
        folder.write("f" + std::to_string(i) + ".yaml",
                     alias("s" + std::to_string(i), "x.example"));
    const int before = watched.batches;
    watched.await([&] { return watched.services.size() == 51; });
    CHECK(watched.batches == before + 1);
}

TEST_CASE("when the kernel's queue overflows, everything is read again") {
    const test::TemporaryFolder folder;
    folder.write("a.yaml", alias("a", "one.example"));
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    // Two files in turn, since equal events in a row are merged.
    constexpr int queue_max = 16384;
    for (int i = 0; i < queue_max; ++i) {
        const char* name = i % 2 == 0 ? "x" : "y";
        const UniqueFd fd{::open((folder / name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)};
    }
    folder.write("a.yaml", alias("a", "two.example"));
    folder.write("late.yaml", alias("late", "x.example"));
    watched.await([&] {
        return watched.target("a") == "two.example" && watched.target("late") == "x.example";
    });
}

TEST_CASE("a broken document is one problem; its last good state stays and the others go on") {
    const test::TemporaryFolder folder;
    folder.write("a.yaml", alias("a", "one.example") + alias("b", "one.example"));
    folder.write("c.yaml", alias("c", "one.example"));
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    CHECK(watched.errors() == 0);

    SECTION("an object that can be recognised stays, and only that one") {
        folder.write("a.yaml", "---\nkind: Service\nmetadata: {name: a}\nspec: {type: Wrong}\n");
        folder.write("c.yaml", alias("c", "two.example"));
        watched.await(
            [&] { return watched.target("c") == "two.example" && watched.target("b").empty(); });
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.errors() == 1);
    }
    SECTION("one that cannot be recognised keeps all of its file; the rest of the file counts") {
        folder.write("a.yaml", "---\nkind: [\n" + alias("new", "two.example"));
        watched.await_service("new", "two.example");
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.target("b") == "one.example");
        CHECK(watched.errors() == 1);

        folder.write("a.yaml", alias("a", "three.example") + alias("new", "two.example"));
        watched.await_service("a", "three.example");
        CHECK(watched.target("b").empty());
        CHECK(watched.errors() == 0);
    }
    SECTION("a syntax error behind metadata leaves no doubt who it is") {
        folder.write("a.yaml", "---\nkind: Service\nmetadata: {name: a}\nspec: {type: [}\n");
        folder.write("c.yaml", alias("c", "two.example"));
        watched.await(
            [&] { return watched.target("c") == "two.example" && watched.target("b").empty(); });
        CHECK(watched.target("a") == "one.example");
        CHECK(watched.errors() == 1);
    }
    SECTION("mended by going back to what it was") {
        folder.write("a.yaml", "{");
        folder.write("c.yaml", alias("c", "two.example"));
        watched.await_service("c", "two.example");
        CHECK(watched.errors() == 1);
        folder.write("a.yaml", alias("a", "one.example") + alias("b", "one.example"));
        folder.write("c.yaml", alias("c", "three.example"));
        watched.await_service("c", "three.example");
        CHECK(watched.errors() == 0);
        CHECK(watched.services.size() == 3);
    }
    SECTION("a broken file that is removed takes its state and its problem along") {
        folder.write("a.yaml", "{");
        folder.write("c.yaml", alias("c", "two.example"));
        watched.await_service("c", "two.example");
        folder.remove("a.yaml");
        watched.await([&] { return watched.services.size() == 1; });
        CHECK(watched.errors() == 0);
    }
}

TEST_CASE("an object in two files belongs to the first by path, whichever came first") {
    const test::TemporaryFolder folder;
    folder.write("m.yaml", alias("a", "m.example"));
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    folder.write("z.yaml", alias("a", "z.example") + alias("mark", "one.example"));
    watched.await_service("mark", "one.example");
    CHECK(watched.target("a") == "m.example");
    CHECK(watched.errors() == 1);
    folder.write("b.yaml", alias("a", "b.example"));
    watched.await_service("a", "b.example");
    CHECK(watched.errors() == 2);
    folder.remove("b.yaml");
    watched.await_service("a", "m.example");
    folder.remove("m.yaml");
    watched.await_service("a", "z.example");
    CHECK(watched.errors() == 0);
}

TEST_CASE("a pod that comes, changes and goes changes one slice") {
    const test::TemporaryFolder folder;
    const auto pod = [](int number, bool ready) {
        return "---\nkind: Pod\nmetadata: {name: p" + std::to_string(number) +
               ", labels: {app: w}}\nstatus: {podIP: 10.1.0." + std::to_string(number) +
               ", conditions: [{type: Ready, status: '" + (ready ? "True" : "False") + "'}]}\n";
    };
    folder.write("svc.yaml", "kind: Service\nmetadata: {name: w}\n"
                             "spec: {selector: {app: w}, ports: [{port: 80}]}\n");
    folder.write("1.yaml", pod(1, true));
    Watched watched{folder.path()};
    REQUIRE(watched.start());
    const ObjectKey key{"default", "w-ipv4-1"};
    REQUIRE(watched.slices.at(key).endpoints.size() == 1);
    watched.heard.clear();

    folder.write("2.yaml", pod(2, false));
    watched.await([&] { return watched.slices.at(key).endpoints.size() == 2; });
    CHECK_FALSE(watched.slices.at(key).endpoints[1].ready);
    CHECK(all<EndpointSlice>(watched.heard).size() == 1);
    CHECK(all<Service>(watched.heard).empty());
    folder.write("2.yaml", pod(2, true));
    watched.await([&] { return watched.slices.at(key).endpoints[1].ready; });
    folder.remove("2.yaml");
    folder.remove("1.yaml");
    watched.await([&] { return watched.slices.empty(); });
    CHECK(watched.pods.empty());
}

TEST_CASE("the state file keeps addresses over a restart; a damaged one is ignored") {
    const test::TemporaryFolder folder;
    const std::string state = folder / "state";
    const std::string service = "---\nkind: Service\nmetadata: {name: NAME}\n"
                                "spec: {ports: [{port: 80}]}\n";
    const auto named = [&](const std::string& name) {
        std::string text = service;
        return text.replace(text.find("NAME"), 4, name);
    };
    folder.write("a.yaml", named("kept"));
    IpAddress given;
    {
        Watched watched{folder.path(), state};
        REQUIRE(watched.start());
        given = watched.services.at({"default", "kept"}).cluster_ips.at(0);
    }
    // By its name it would have got another one: another Service claims that by hand.
    folder.write("b.yaml", "kind: Service\nmetadata: {name: thief}\nspec: {clusterIP: " +
                               given.to_string() + ", ports: [{port: 80}]}\n");
    SECTION("kept") {
        Watched watched{folder.path(), state};
        REQUIRE(watched.start());
        CHECK(watched.services.at({"default", "kept"}).cluster_ips.at(0) == given);
        CHECK_FALSE(watched.services.contains({"default", "thief"}));
        CHECK(watched.errors() == 1);
    }
    SECTION("damaged") {
        auto text = read_file(state);
        REQUIRE(text);
        folder.write("state", text->substr(0, text->size() - 3));
        Watched watched{folder.path(), state};
        REQUIRE(watched.start());
        CHECK(watched.services.at({"default", "kept"}).cluster_ips.at(0) != given);
        CHECK(watched.services.contains({"default", "thief"}));
        CHECK(watched.errors() == 0);
    }
}
