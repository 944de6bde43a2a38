#pragma once
// Netns: network namespaces for tests that need a kernel of their own: rules, packets, servers.
// Their names hold the pid, so that tests run side by side, and what a killed run left is swept by
// the next.
//
//     const auto node = test::Netns::make("node");
//     const auto pod = test::Netns::make("pod");
//     test::connect_veth(node, "veth0", pod, "eth0");
//     node.sh("ip addr add 10.0.0.1/24 dev veth0; ip link set veth0 up");
//     const int fd = pod.in([] { return ::socket(AF_INET, SOCK_STREAM, 0); });
//
// A socket belongs to the namespace it was made in, whoever uses it later: make it with in(), then
// use it from any thread. Needs root; `ip` from iproute2.

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

namespace nameplane::test {

/// Why namespaces cannot be made here ("not root", ...), or empty when they can.
std::string why_no_netns();

/// Owns one namespace, /run/netns/<name>, and removes it; move-only. Failures end the test by
/// std::runtime_error.
class Netns {
public:
    /// "np-<label>-<pid>-<number>"; loopback is up.
    static Netns make(std::string_view label);
    Netns(Netns&& other) noexcept : name_{std::exchange(other.name_, {})} {}
    Netns& operator=(Netns&&) = delete;
    ~Netns();

    /// For `ip netns exec`.
    const std::string& name() const noexcept { return name_; }

    /// Runs `work` on a thread inside the namespace and gives back its result.
    template <class Work> auto in(Work&& work) const -> std::invoke_result_t<Work> {
        if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
            run([&] { work(); });
        } else {
            std::invoke_result_t<Work> result{};
            run([&] { result = work(); });
            return result;
        }
    }
    /// Like in() for results that cannot be made empty.
    void run(const std::function<void()>& work) const;
    /// Runs a shell script inside; its output. Throws when it fails.
    std::string sh(const std::string& script) const;
    /// Moves the calling thread inside, for good (children after fork, threads of their own).
    void enter() const;

private:
    explicit Netns(std::string name) : name_{std::move(name)} {}
    std::string name_;
};

/// A cable between two namespaces: the ends get their names and are up.
void connect_veth(const Netns& one, const std::string& one_end, const Netns& other,
                  const std::string& other_end);

/// Runs a shell script here; its output. Throws when it fails.
std::string shell(const std::string& script);

}  // namespace nameplane::test
