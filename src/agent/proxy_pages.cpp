#include "agent/proxy_pages.hpp"

#include "agent/page_server.hpp"
#include <nameplane/base/log.hpp>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace nameplane::agent {

namespace {

constexpr const char* plain = "text/plain; charset=utf-8";
constexpr const char* prometheus_text = "text/plain; version=0.0.4; charset=utf-8";

void answer_health(const ProxyHealthAnswer& answer, httplib::Response& response) {
    response.status = answer.status;
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_content(answer.body, "application/json");
}

void answer_text(const std::string& text, httplib::Response& response) {
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_content(text, plain);
}

void answer_no_profile(httplib::Response& response) {
    response.status = 404;
    response.set_content("There are no pages of Go's profiler here.\n", plain);
}

/// One port: bound when it can be, then served until stop().
class Port {
public:
    Port(std::string name, const SocketAddress& address)
        : name_{std::move(name)}, address_{address} {}

    const std::string& name() const noexcept { return name_; }
    std::uint16_t bound() const noexcept { return bound_; }

    Status bind() {
        if (bind_host(address_.address.to_string())) return {};
        const int reason = errno;
        // Every address of both families is 0.0.0.0 on a machine without IPv6.
        const bool everywhere = address_.address.is_unspecified() && address_.address.is_v6();
        if (everywhere && reason != EADDRINUSE && bind_host("0.0.0.0")) return {};
        return errno_error(reason, "bind " + address_.to_string());
    }

    void start(std::chrono::milliseconds retry) {
        thread_ = std::thread{[this, retry] {
            while (bound_ == 0 && !wait_stopped(retry)) {
                if (bind()) NP_LOG_INFO("agent.listening", "what", name_, "port", bound_.load());
            }
            if (bound_ != 0) http.serve();
        }};
    }

    void stop() {
        {
            const std::lock_guard lock{mutex_};
            stopping_ = true;
        }
        changed_.notify_all();
        http.end();
        if (thread_.joinable()) thread_.join();
    }

    PageServer http;

private:
    bool bind_host(const std::string& host) {
        errno = 0;
        int port = address_.port;
        if (port == 0) {
            port = http.bind_to_any_port(host);
        } else if (!http.bind_to_port(host, port)) {
            port = -1;
        }
        if (port <= 0) return false;
        bound_ = static_cast<std::uint16_t>(port);
        return true;
    }
    bool wait_stopped(std::chrono::milliseconds time) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, time, [this] { return stopping_; });
    }

    std::string name_;
    SocketAddress address_;
    std::atomic<std::uint16_t> bound_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace

struct ProxyPages::State {
    ProxyPageSources sources;
    std::chrono::milliseconds retry{};
    std::vector<std::unique_ptr<Port>> ports;

    void add_health(const SocketAddress& address) {
        httplib::Server& http = add("proxy_health", address);
        http.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
            answer_health(sources.healthz(), response);
        });
        http.Get("/livez", [this](const httplib::Request&, httplib::Response& response) {
            answer_health(sources.livez(), response);
        });
    }
    void add_metrics(const SocketAddress& address) {
        httplib::Server& http = add("proxy_metrics", address);
        http.Get("/healthz", [](const httplib::Request& request, httplib::Response& response) {
            const bool verbose = request.has_param("verbose");
            answer_text(verbose ? "[+]ping ok\nhealthz check passed\n" : "ok", response);
        });
        http.Get("/healthz/ping", [](const httplib::Request&, httplib::Response& response) {
            answer_text("ok", response);
        });
        http.Get("/proxyMode", [this](const httplib::Request&, httplib::Response& response) {
            answer_text(sources.mode(), response);
        });
        http.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
            response.set_content(sources.metrics(), prometheus_text);
        });
        http.Get("/debug/.*", [](const httplib::Request&, httplib::Response& response) {
            answer_no_profile(response);
        });
    }

private:
    httplib::Server& add(std::string name, const SocketAddress& address) {
        return ports.emplace_back(std::make_unique<Port>(std::move(name), address))->http;
    }
};

ProxyPages::ProxyPages(std::unique_ptr<State> state) : state_{std::move(state)} {}

ProxyPages::~ProxyPages() {
    for (const auto& port : state_->ports) port->stop();
}

Result<std::unique_ptr<ProxyPages>> ProxyPages::bind(const conf::AdminConfig& config,
                                                     ProxyPageSources sources,
                                                     std::chrono::milliseconds retry) {
    auto state = std::make_unique<State>();
    state->sources = std::move(sources);
    state->retry = retry;
    if (config.proxy_health) state->add_health(*config.proxy_health);
    if (config.proxy_metrics) state->add_metrics(*config.proxy_metrics);
    for (const auto& port : state->ports) {
        Status bound = port->bind();
        if (bound) continue;
        if (config.proxy_hard_fail) return std::move(bound).error().within(port->name());
        NP_LOG_WARNING("admin.taken", "what", port->name(), "error", bound.error(), "retry_ms",
                       retry.count());
    }
    return std::unique_ptr<ProxyPages>{new ProxyPages{std::move(state)}};
}

void ProxyPages::start() {
    for (const auto& port : state_->ports) port->start(state_->retry);
}

std::vector<std::pair<std::string, std::uint16_t>> ProxyPages::ports() const {
    std::vector<std::pair<std::string, std::uint16_t>> all;
    for (const auto& port : state_->ports) {
        if (port->bound() != 0) all.emplace_back(port->name(), port->bound());
    }
    return all;
}

}  // namespace nameplane::agent
