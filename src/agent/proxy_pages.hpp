#pragma once
// proxy_pages: the pages that kube-proxy has, at its two ports, so that probes and dashboards made
// for it go on: /healthz and /livez; /metrics, /proxyMode and a /healthz of that port's own.

#include "agent/proxy_health.hpp"
#include "conf/config.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::agent {

/// Where the pages come from; called on threads of the pages.
struct ProxyPageSources {
    std::function<ProxyHealthAnswer()> healthz;
    std::function<ProxyHealthAnswer()> livez;
    std::function<std::string()> mode;  ///< "iptables", "nftables"
    std::function<std::string()> metrics;
};

class ProxyPages {
public:
    /// Binds what `config` asks for. A port that cannot be bound is logged and tried again every
    /// `retry`, or is an error with proxy_hard_fail.
    static Result<std::unique_ptr<ProxyPages>>
    bind(const conf::AdminConfig& config, ProxyPageSources sources,
         std::chrono::milliseconds retry = std::chrono::seconds{5});
    /// Stops answering and joins the threads.
    ~ProxyPages();

    void start();
    /// Page and port of those that are bound: {"proxy_health", 10256}.
    std::vector<std::pair<std::string, std::uint16_t>> ports() const;

private:
    struct State;
    explicit ProxyPages(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::agent
