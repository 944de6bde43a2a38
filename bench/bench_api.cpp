// What it costs to read a cluster from an API server: CPU and memory of the first list and of a
// list made again, from the octets of a streaming list to the store's snapshot. The text is made
// as the server prints it, managedFields included, while nobody looks at the clock. Prints one line
// a figure; takes no arguments. Build: ninja -C build bench/bench_api

#include "kube/reflector.hpp"
#include "services/store.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace nameplane;
using services::Kind;

constexpr std::size_t services_count = 2500;
constexpr std::size_t endpoints_per_slice = 100;
constexpr std::size_t chunk_octets = 16 * 1024;  // of libcurl

double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double heap_mb() {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

/// Resident memory now ("VmRSS:") or at its highest since reset_peak() ("VmHWM:"), in MB.
double resident_mb(const std::string& which) {
    std::ifstream status{"/proc/self/status"};
    std::string word;
    while (status >> word) {
        double kib = 0;
        if (word == which && status >> kib) return kib * 1024 / 1e6;
    }
    return 0;
}
void reset_peak() {
    std::ofstream{"/proc/self/clear_refs"} << "5";
}

std::string address_of(unsigned net, std::size_t number) {
    return std::to_string(net) + '.' + std::to_string(number >> 16 & 255U) + '.' +
           std::to_string(number >> 8 & 255U) + '.' + std::to_string(number & 255U);
}

std::string added(std::string_view object) {
    return R"({"type":"ADDED","object":)" + std::string{object} + "}\n";
}

std::string service_event(std::size_t i) {
    const std::string number = std::to_string(i);
    const std::string ip = address_of(11, i);
    return added(
        R"({"kind":"Service","apiVersion":"v1","metadata":{"name":"service-)" + number +
        R"(","namespace":"team-)" + std::to_string(i % 100) +
        R"(","uid":"0d8c4a52-52f7-4f0c-9a0e-2d3c30a1b0c4","resourceVersion":"1)" + number +
        R"(","creationTimestamp":"2026-01-31T12:00:00Z","labels":{"app":"service-)" + number +
        R"("},"managedFields":[{"manager":"kubectl-client-side-apply","operation":"Update",)"
        R"("apiVersion":"v1","time":"2026-01-31T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":)"
        R"({"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:internalTrafficPolicy":{},)"
        R"("f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},)"
        R"("f:port":{},"f:protocol":{},"f:targetPort":{}}},"f:selector":{},"f:type":{}}}}]},)"
        R"("spec":{"ports":[{"name":"http","protocol":"TCP","port":80,"targetPort":8080}],)"
        R"("selector":{"app":"service-)" +
        number + R"("},"clusterIP":")" + ip + R"(","clusterIPs":[")" + ip +
        R"("],"type":"ClusterIP","sessionAffinity":"None","ipFamilies":["IPv4"],)"
        R"("ipFamilyPolicy":"SingleStack","internalTrafficPolicy":"Cluster"},)"
        R"("status":{"loadBalancer":{}}})");
}

std::string endpoint(std::size_t service, std::size_t i) {
    const std::size_t number = service * endpoints_per_slice + i;
    const std::string ns = "team-" + std::to_string(service % 100);
    return R"({"addresses":[")" + address_of(10, number) +
           R"("],"conditions":{"ready":true,"serving":true,"terminating":false},)"
           R"("targetRef":{"kind":"Pod","namespace":")" +
           ns + R"(","name":"service-)" + std::to_string(service) + "-7d4b9c8f6d-" +
           std::to_string(number) +
           R"(","uid":"3ee6776a-61b2-40ff-9222-fb00c782aec8"},"nodeName":"node-)" +
           std::to_string(number % 500) + R"(.example.internal","zone":"region-1)" +
           static_cast<char>('a' + number % 3) + "\"}";
}

std::string slice_event(std::size_t i) {
    const std::string number = std::to_string(i);
    std::string endpoints;
    for (std::size_t n = 0; n < endpoints_per_slice; ++n)
        endpoints += (n == 0 ? "" : ",") + endpoint(i, n);
    return added(
        R"({"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"service-)" +
        number + R"(-x7k2p","generateName":"service-)" + number + R"(-","namespace":"team-)" +
        std::to_string(i % 100) +
        R"(","uid":"7b3f604c-2465-4f17-a531-b8ebe9bb0a0f","resourceVersion":"2)" + number +
        R"(","generation":4,"creationTimestamp":"2026-01-31T12:00:00Z","labels":)"
        R"({"app":"service-)" +
        number +
        R"(","endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io",)"
        R"("kubernetes.io/service-name":"service-)" +
        number +
        R"("},"annotations":{"endpoints.kubernetes.io/last-change-trigger-time":)"
        R"("2026-01-31T12:00:00Z"},"ownerReferences":[{"apiVersion":"v1","kind":"Service",)"
        R"("name":"service-)" +
        number +
        R"(","uid":"0d8c4a52-52f7-4f0c-9a0e-2d3c30a1b0c4","controller":true,)"
        R"("blockOwnerDeletion":true}],"managedFields":[{"manager":"kube-controller-manager",)"
        R"("operation":"Update","apiVersion":"discovery.k8s.io/v1","fieldsType":"FieldsV1",)"
        R"("fieldsV1":{"f:addressType":{},"f:endpoints":{},"f:ports":{}}}]},)"
        R"("addressType":"IPv4","endpoints":[)" +
        endpoints + R"(],"ports":[{"name":"http","protocol":"TCP","port":8080}]})");
}

constexpr std::string_view end_of_list =
    R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":)"
    R"({"k8s.io/initial-events-end":"true"}}}})";
constexpr std::string_view expired =
    R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})";

/// Keeps the newest call.
struct BenchApi final : kube::Api {
    std::unique_ptr<kube::ApiCall> get(kube::ApiRequest, kube::ApiCallbacks given) override {
        callbacks = std::move(given);
        return std::make_unique<kube::ApiCall>();
    }
    kube::ApiCallbacks callbacks;
};

/// Fires when it is told to.
struct BenchTimer final : net::Timer {
    explicit BenchTimer(std::function<void()> what) : fire{std::move(what)} {}
    void start(std::chrono::milliseconds, std::chrono::milliseconds) override {}
    void stop() override {}
    std::function<void()> fire;
};

/// One kind, from octets to the store.
class Reading final : public kube::ReflectorListener {
public:
    Reading(Kind kind, services::Store& store, kube::ApiDecoder& decoder, const Clock& clock)
        : store_{store}, reflector_{{.kind = kind, .path = "/x", .resource = "x"},
                                    api_,
                                    decoder,
                                    [this](std::function<void()> fire) {
                                        auto timer = std::make_unique<BenchTimer>(std::move(fire));
                                        if (retry_ == nullptr) retry_ = timer.get();
                                        return timer;
                                    },
                                    clock,
                                    [] { return 0.5; },
                                    *this} {}

    /// Reads `count` objects as a list, and adds to `cpu` and `octets`.
    template <class Make> void list(std::size_t count, Make make) {
        if (started_)
            retry_->fire();
        else
            reflector_.start();
        started_ = true;
        for (std::size_t i = 0; i < count; ++i) feed(make(i));
        feed(end_of_list);
    }
    void expire() { feed(expired); }

    void bound(services::Event event) override { apply(std::move(event)); }
    void put(kube::ApiObject object) override { apply(std::move(*object.put)); }
    void refused(const kube::ApiObject& object) override { fail(object.reason); }
    void settled() override { store_.snapshot(); }
    void heard() override {}
    void counted(kube::ApiEventType) override {}
    void listed(const kube::ListReport&) override {}
    void relisting(kube::RelistReason, const std::string&) override {}
    void watch_restarted() override {}
    void watching() override {}
    void trouble(const std::string& error) override { fail(error); }

    double cpu = 0;
    std::size_t octets = 0;

private:
    [[noreturn]] static void fail(const std::string& why) {
        std::fprintf(stderr, "%s\n", why.c_str());
        std::exit(1);
    }
    void apply(services::Event event) {
        if (const Status status = store_.apply(std::move(event)); !status)
            fail(status.error().text);
    }
    void feed(std::string_view text) {
        octets += text.size();
        const double start = cpu_seconds();
        for (; !text.empty(); text.remove_prefix(std::min(text.size(), chunk_octets)))
            api_.callbacks.body(text.substr(0, chunk_octets));
        cpu += cpu_seconds() - start;
    }

    services::Store& store_;
    BenchApi api_;
    BenchTimer* retry_ = nullptr;
    kube::Reflector reflector_;
    bool started_ = false;
};

void print(const char* what, const Reading& services, const Reading& slices) {
    const double cpu = services.cpu + slices.cpu;
    const double mb = static_cast<double>(services.octets + slices.octets) / 1e6;
    std::printf("%s: %.2f s CPU for %.0f MB (%.0f MB/s); heap %.0f MB, resident %.0f MB, its peak "
                "%.0f MB\n",
                what, cpu, mb, mb / cpu, heap_mb(), resident_mb("VmRSS:"), resident_mb("VmHWM:"));
}

}  // namespace

int main() {
    const SystemClock clock;
    services::Store store{{}, clock};
    kube::ApiDecoder decoder;
    Reading services{Kind::service, store, decoder, clock};
    Reading slices{Kind::endpoint_slice, store, decoder, clock};
    const auto list = [&](const char* what) {
        services.cpu = slices.cpu = 0;
        services.octets = slices.octets = 0;
        services.list(services_count, service_event);
        slices.list(services_count, slice_event);
        print(what, services, slices);
    };
    std::printf("%zu Services, %zu endpoints in slices of %zu\n", services_count,
                services_count * endpoints_per_slice, endpoints_per_slice);
    reset_peak();
    list("first list");
    const auto before = store.snapshot();
    services.expire();
    slices.expire();
    reset_peak();
    list("list again");
    if (store.snapshot() != before) {
        std::fprintf(stderr, "a list of the same changed something\n");
        return 1;
    }
    return 0;
}
