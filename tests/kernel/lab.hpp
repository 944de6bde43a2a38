#pragma once
// Lab: a small cluster out of network namespaces, for tests that send real packets. A node with a
// bridge, pods on it that answer TCP and UDP 8080 with their name and whom they see, and a client
// outside to which everything unknown is routed. Both families.

#include "kernel/rules_case.hpp"
#include "support/netns.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace nameplane::test {

/// What a pod said, or why nobody did.
struct Answer {
    std::string pod;     ///< empty: no answer
    IpAddress seen;      ///< the peer's address as the pod saw it
    SocketAddress from;  ///< where the reply came from, for UDP
    int error = 0;       ///< errno of the client's call that failed
};

/// A UDP socket that keeps its port, and thereby its flow.
class UdpFlow {
public:
    UdpFlow(const Netns& from, const SocketAddress& to);
    ~UdpFlow();
    UdpFlow(const UdpFlow&) = delete;
    /// Sends one datagram and waits for the answer, `wait_ms` at most.
    Answer ask(int wait_ms = 30'000);

private:
    int fd_ = -1;
};

class Lab {
public:
    explicit Lab(std::size_t pods);
    ~Lab();

    const Netns& node() const { return node_; }
    const Netns& client() const { return client_; }
    const Netns& pod(std::size_t index) const { return pods_[index]; }
    /// "10.244.0.10" + index, or its IPv6 twin.
    static std::string pod_address(Family family, std::size_t index);
    /// The node as the client sees it, and as the pods see it.
    static std::string node_address(Family family);
    static std::string bridge_address(Family family);
    static std::string client_address(Family family);
    /// Service number `n`'s cluster IP, and an address outside that is routed to the node.
    static std::string cluster_ip(Family family, unsigned n);
    static std::string outside_ip(Family family, unsigned n);

    /// One TCP connection; `wait_ms` for each of its steps.
    static Answer connect(const Netns& from, const SocketAddress& to, int wait_ms = 30'000);

private:
    void build_pod(std::size_t index);
    void listen(std::size_t index, int type);
    void serve();

    Netns node_;
    Netns client_;
    std::vector<Netns> pods_;
    struct Listener {
        int fd;
        int type;
        std::string name;
    };
    std::vector<Listener> listeners_;
    int stop_[2] = {-1, -1};
    std::thread server_;
};

}  // namespace nameplane::test
