#include "kube/saved_codec.hpp"
#include "kube/saved_state.hpp"
#include "services/store.hpp"
#include "support.hpp"
#include "support/service_cases.hpp"
#include <nameplane/services/view.hpp>

#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <concepts>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

using namespace nameplane;
using namespace nameplane::kube;
using namespace nameplane::services;
using test::HandClock;

namespace {

/// Random values of every type in the model, empty and long ones among them.
class Dice {
public:
    explicit Dice(unsigned seed) : random_{seed} {}

    template <class... Values> void operator()(Values&&... values) { (roll(values), ...); }
    std::size_t below(std::size_t count) { return random_() % count; }

private:
    void roll(bool& value) { value = below(2) == 1; }
    template <std::unsigned_integral T> void roll(T& value) {
        value = static_cast<T>(random_() >> below(64));
    }
    void roll(std::int64_t& value) { value = static_cast<std::int64_t>(random_()); }
    template <saved::enumeration T> void roll(T& value) {
        value = static_cast<T>(below(saved::values_of(T{})));
    }
    void roll(std::string& text) {
        text.resize(below(4) == 0 ? below(300) : below(8));
        for (char& c : text) c = static_cast<char>(random_());
    }
    void roll(saved::Repeated<std::string> repeated) {
        static const std::string names[] = {"", "node-a", "node-b", std::string(200, 'n')};
        repeated.text = names[below(4)];
        if (below(4) == 0) roll(repeated.text);
    }
    void roll(IpAddress& address) {
        std::array<std::uint8_t, 16> octets{};
        for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random_());
        address = *IpAddress::from_bytes(std::span{octets}.first(below(2) == 0 ? 4 : 16));
    }
    void roll(Cidr& cidr) {
        IpAddress address;
        roll(address);
        cidr = *Cidr::make(address, static_cast<unsigned>(below(address.is_v4() ? 33 : 129)));
    }
    template <class T> void roll(std::vector<T>& list) {
        list.resize(below(5));
        for (T& element : list) roll(element);
    }
    void roll(Labels& labels) {
        labels.clear();
        for (std::size_t left = below(4); left != 0; --left) {
            std::string key;
            roll(key);
            roll(labels[key]);
        }
    }
    template <class T>
    requires requires(Dice& dice, T& object) { saved::fields(dice, object); }
    void roll(T& object) { saved::fields(*this, object); }

    std::mt19937_64 random_;
};

template <class Object> void check_round_trip(unsigned seed) {
    Dice dice{seed};
    saved::Encoder encoder;
    std::vector<Object> given(20);
    for (Object& object : given) {
        dice(object);
        encoder(object);
    }
    REQUIRE(encoder.ok());
    const std::string octets = encoder.buffer();
    saved::Decoder decoder{octets};
    Object got;  // used again, with what the last one left in it
    for (const Object& object : given) {
        decoder(got);
        REQUIRE(got == object);
    }
    CHECK(decoder.ok());
    CHECK(decoder.at_end());
}

void list(Store& store, Kind kind, const std::vector<Event>& objects) {
    REQUIRE(store.apply(BeginList{kind}));
    for (const Event& object : objects) REQUIRE(store.apply(object));
    REQUIRE(store.apply(EndList{kind}));
}

Node node_a() {
    Node node;
    node.key.name = "node-a";
    node.labels = {{"topology.kubernetes.io/zone", "a"}};
    node.pod_cidrs = {*Cidr::parse("10.0.0.0/24")};
    node.addresses = {test::ip("192.0.2.1")};
    return node;
}

ServiceCidr service_cidr() {
    return {.key = {"", "kubernetes"},
            .cidrs = {*Cidr::parse("10.96.0.0/16"), *Cidr::parse("fd00:96::/112")}};
}

/// What an API server lists: Services of some kinds, slices with what they may carry.
void list_cluster(Store& store) {
    list(store, Kind::namespace_, {test::name_space("ns")});
    list(store, Kind::node, {node_a()});
    Service web = test::cluster_ip_service("ns", "web", "10.96.0.1");
    web.ports[0].target.name = "http";
    web.traffic_distribution = "PreferClose";
    web.selector = {{"app", "web"}};
    web.families = {Family::ipv4};
    list(store, Kind::service, {web, test::headless_service("ns", "db")});
    Endpoint db = test::endpoint("10.0.0.7", "db-0");
    db.pod_name = "db-0";
    db.zone = "a";
    db.hint_zones = {"a"};
    EndpointSlice of_db = test::slice("ns", "db", "db-1", {db, test::endpoint("10.0.0.8")});
    of_db.change_trigger_ns = 1'700'000'000'000'000'000;
    list(store, Kind::endpoint_slice,
         {test::slice("ns", "web", "web-1", {test::endpoint("10.0.0.1")}), of_db});
    list(store, Kind::service_cidr, {service_cidr()});
}

/// One object of each kind that is saved, so that the file is always the same.
void list_little(Store& store) {
    list(store, Kind::namespace_, {test::name_space("ns")});
    list(store, Kind::node, {node_a()});
    list(store, Kind::service, {test::cluster_ip_service("ns", "web", "10.96.0.1")});
    list(store, Kind::endpoint_slice,
         {test::slice("ns", "web", "web-1", {test::endpoint("10.0.0.1", "web-0")})});
    Pod pod;
    pod.key = {"ns", "web-0"};
    pod.ips = {test::ip("10.0.0.1")};
    list(store, Kind::pod, {pod});
    list(store, Kind::service_cidr, {service_cidr()});
}

const SavedHead head{"https://api.example:6443", WallTime{std::chrono::seconds{1'700'000'000}}};

std::string little_file() {
    HandClock clock;
    Store store{StoreOptions{.keep_pods = true}, clock};
    list_little(store);
    return saved_octets(head, store.contents()).value();
}

/// Why the octets are refused; empty: they are not.
std::string refusal_of(std::string octets, std::string_view fingerprint = head.fingerprint) {
    const auto state = SavedState::check(std::move(octets), fingerprint);
    return state ? std::string{} : state.error().text;
}

std::string read_file_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace

TEST_CASE("objects of every kind come back with every field", "[saved]") {
    for (unsigned seed = 1; seed <= 50; ++seed) {
        check_round_trip<Service>(seed);
        check_round_trip<EndpointSlice>(seed);
        check_round_trip<Pod>(seed);
        check_round_trip<Node>(seed);
        check_round_trip<Namespace>(seed);
        check_round_trip<ServiceImport>(seed);
        check_round_trip<ServiceCidr>(seed);
    }
}

TEST_CASE("a saved state fills an empty store, and the API's list then changes nothing",
          "[saved]") {
    HandClock clock;
    Store before{{}, clock};
    list_cluster(before);
    const auto saved =
        SavedState::check(saved_octets(head, before.contents()).value(), head.fingerprint);
    REQUIRE(saved);
    CHECK(saved->objects() == 7);
    CHECK(saved->contact() == head.contact);

    Store store{{}, clock};
    saved->replay([&](Event event) { REQUIRE(store.apply(std::move(event))); });
    const auto warm = store.snapshot();
    const ServiceView view{*warm};
    REQUIRE(view.synced());
    CHECK(view.has_namespace("ns"));
    REQUIRE(warm->node("node-a") != nullptr);
    CHECK(*warm->node("node-a") == node_a());
    CHECK(std::ranges::equal(warm->service_cidrs(), service_cidr().cidrs));
    const ServiceEntry* web = view.find("ns", "web");
    const ServiceEntry* db = view.find("ns", "db");
    REQUIRE(web != nullptr);
    REQUIRE(db != nullptr);
    CHECK(db->change_trigger_ns == 1'700'000'000'000'000'000);
    CHECK(db->endpoints.at(0).hostname == "db-0");

    clock.turn(std::chrono::hours{1});
    list_cluster(store);
    CHECK_FALSE(store.changed());
    const auto same = store.snapshot();
    CHECK(same == warm);
    CHECK(ServiceView{*same}.find("ns", "web") == web);
    CHECK(ServiceView{*same}.find("ns", "db") == db);
}

TEST_CASE("the first list takes away what is gone and leaves the rest alone", "[saved]") {
    HandClock clock;
    Store before{{}, clock};
    list_cluster(before);
    Store store{{}, clock};
    const auto saved =
        SavedState::check(saved_octets(head, before.contents()).value(), head.fingerprint);
    REQUIRE(saved);
    saved->replay([&](Event event) { REQUIRE(store.apply(std::move(event))); });
    const auto warm = store.snapshot();
    const ServiceEntry* db = ServiceView{*warm}.find("ns", "db");
    list(store, Kind::service, {test::headless_service("ns", "db")});
    const auto listed = store.snapshot();
    CHECK(listed != warm);
    CHECK(ServiceView{*listed}.find("ns", "web") == nullptr);
    CHECK(ServiceView{*listed}.find("ns", "db") == db);
}

TEST_CASE("every truncation and every changed octet is refused", "[saved]") {
    const std::string file = little_file();
    REQUIRE(refusal_of(file).empty());
    for (std::size_t size = 0; size < file.size(); ++size) {
        CAPTURE(size);
        REQUIRE_FALSE(refusal_of(file.substr(0, size)).empty());
    }
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
            CAPTURE(at, flip);
            std::string changed = file;
            changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
            REQUIRE_FALSE(refusal_of(changed).empty());
        }
    }
    CHECK_FALSE(refusal_of(file + '\0').empty());
}

TEST_CASE("what is wrong inside of a sound checksum is refused as well", "[saved]") {
    const std::string file = little_file();
    const std::string body = file.substr(0, file.size() - 32);
    REQUIRE(with_checksum(body) == file);
    const std::size_t records = body.find(head.fingerprint) + head.fingerprint.size();
    for (std::size_t size = 0; size < body.size(); ++size) {
        CAPTURE(size);
        REQUIRE_FALSE(refusal_of(with_checksum(body.substr(0, size))).empty());
    }
    struct Row {
        const char* what;
        std::string body;
        const char* text;
    };
    const std::string start = body.substr(0, records + 9);  // behind the time of contact
    const Row rows[] = {
        {"not ours", "something else" + body, "not a saved state"},
        {"more behind the end", body + "x", "damaged: more or less than it says"},
        {"unknown record", start + "\x40", "damaged: an unknown record"},
        {"unknown kind", start + "\x17", "damaged: an unknown record"},
        {"object outside", start + "\x20", "damaged: an object outside of its list"},
        {"end without begin", start + "\x30", "damaged: the end of a list that did not begin"},
        {"list in a list", start + "\x10\x11", "damaged: a list within a list, or twice"},
        {"list twice", start + "\x10\x30\x10", "damaged: a list within a list, or twice"},
        {"other end", start + "\x10\x31", "damaged: the end of a list that did not begin"},
        {"count", start + "\x10\x30\x11\x31\x14\x34\xff\x01",
         "damaged: fewer or more objects than it says"},
        {"list open", start + "\x10\x30\x11\x31\x14" + std::string("\xff\x00", 2),
         "damaged: more or less than it says"},
        {"list missing", start + "\x10\x30\x14\x34" + std::string("\xff\x00", 2),
         "damaged: a list is missing"},
        {"no name", start + "\x14" + std::string("\x24\x00\x00\x00\x00", 5),
         "damaged: Namespace : has no name"},
        {"no such string", start + "\x14\x24\x05", "damaged: an object cannot be read"},
        {"long list", start + "\x14\x24" + std::string("\x00\x01n", 3) + "\xff\xff\xff\xff\x0f",
         "damaged: an object cannot be read"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(refusal_of(with_checksum(row.body)) == row.text);
    }
    const std::string empty = start + "\x10\x30\x11\x31\x14\x34" + std::string("\xff\x00", 2);
    CHECK(refusal_of(with_checksum(empty)).empty());
}

TEST_CASE("another cluster and another format are told apart from damage", "[saved]") {
    const std::string file = little_file();
    CHECK(refusal_of(file, "https://other.example:6443") ==
          "it is of another cluster or other options: https://api.example:6443, expected "
          "https://other.example:6443");
    std::string body = file.substr(0, file.size() - 32);
    const std::size_t format_at = std::string_view{"nameplane state\n"}.size();
    REQUIRE(body[format_at] == 4);
    body[format_at] = 1;
    CHECK(refusal_of(with_checksum(body)) == "format 1, expected 4");
}

TEST_CASE("the format is the one that has this number", "[saved]") {
    // When this differs, the number in saved_state.cpp goes up and the files are made anew.
    CHECK(read_file_of(SAVED_STATE_SEEDS "/little") == little_file());
}

TEST_CASE("makes the seeds anew", "[.seeds]") {
    const auto write = [](const char* name, const std::string& octets) {
        std::ofstream{std::string{SAVED_STATE_SEEDS "/"} + name, std::ios::binary} << octets;
    };
    HandClock clock;
    Store store{{.keep_imports = true}, clock};
    for (const Kind kind : {Kind::namespace_, Kind::service, Kind::endpoint_slice}) {
        list(store, kind, {});
    }
    write("empty", saved_octets(head, store.contents()).value());
    list_cluster(store);
    ServiceImport import{.key = {"ns", "db"}, .headless = true, .ips = {}, .ports = {}};
    import.ports.push_back({.name = "pg", .port = 5432});
    list(store, Kind::service_import, {import});
    EndpointSlice of_import = test::slice("ns", "", "db-c1", {test::endpoint("10.1.0.1")});
    of_import.import = "db";
    of_import.cluster = "c1";
    REQUIRE(store.apply(of_import));
    write("fields", saved_octets(head, store.contents()).value());
    write("little", little_file());
}

TEST_CASE("a file is written for its owner only and replaces the old one", "[saved]") {
    const test::TemporaryFolder folder;
    const std::string path = folder / "state";
    HandClock clock;
    Store store{{}, clock};
    list_cluster(store);
    folder.write("state.new", "what a run left that was killed");
    const mode_t old_mask = ::umask(0);
    const auto octets = write_saved_state(path, head, store.contents());
    ::umask(old_mask);
    REQUIRE(octets);
    CHECK(std::filesystem::file_size(path) == *octets);
    struct stat facts {};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777U) == 0600U);
    CHECK(SavedState::read(path, head.fingerprint).value().objects() == 7);
    REQUIRE(store.apply(Remove{Kind::service, {"ns", "web"}}));
    REQUIRE(write_saved_state(path, head, store.contents()));
    CHECK(SavedState::read(path, head.fingerprint).value().objects() == 6);
    CHECK(names_in(folder.path()) == std::vector<std::string>{"state"});
}

TEST_CASE("a file that is not ours alone is not read", "[saved]") {
    const test::TemporaryFolder folder;
    const std::string path = folder / "state";
    const auto why = [&] {
        const auto state = SavedState::read(path, head.fingerprint);
        return state ? std::string{} : state.error().text;
    };
    CHECK(SavedState::read(path, head.fingerprint).error().code == Errc::not_found);
    folder.write("state", little_file());
    for (const mode_t mode : {0644U, 0640U, 0602U, 0611U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK(why() == "others than its owner may use it, expected mode 0600");
    }
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    CHECK(why().empty());
    if (::geteuid() == 0) {
        REQUIRE(::chown(path.c_str(), 12345, 0) == 0);
        CHECK(why() == "it belongs to user 12345, expected 0");
    }
    REQUIRE(::rename(path.c_str(), (folder / "real").c_str()) == 0);
    REQUIRE(::symlink("real", path.c_str()) == 0);
    CHECK_FALSE(why().empty());
    folder.remove("state");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(why() == "not a regular file");
}

TEST_CASE("a write that fails leaves the old file and nothing else", "[saved]") {
    const test::TemporaryFolder folder;
    const std::string path = folder / "state";
    HandClock clock;
    Store store{{}, clock};
    list_cluster(store);
    REQUIRE(write_saved_state(path, head, store.contents()));
    const std::string old = read_file_of(path);
    // A disk that is full after 100 octets, as far as this process can tell.
    const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit small{100, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const auto full = write_saved_state(path, head, store.contents());
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    std::signal(SIGXFSZ, ignored);
    REQUIRE_FALSE(full);
    CHECK(full.error().text == "write " + path + ".new: File too large");
    CHECK(read_file_of(path) == old);
    CHECK(names_in(folder.path()) == std::vector<std::string>{"state"});
    const auto nowhere = write_saved_state(folder / "no/state", head, store.contents());
    REQUIRE_FALSE(nowhere);
    CHECK(nowhere.error().code == Errc::not_found);
}

TEST_CASE("an object that could not be read again is not written", "[saved]") {
    HandClock clock;
    Store store{{}, clock};
    list_cluster(store);
    Service huge = test::cluster_ip_service("ns", "huge", "10.96.0.9");
    huge.external_ips.resize(saved::elements_max + 1);
    REQUIRE(store.apply(huge));
    const auto octets = saved_octets(head, store.contents());
    REQUIRE_FALSE(octets);
    CHECK(octets.error().text == "write: an object is too big to be saved");
}
