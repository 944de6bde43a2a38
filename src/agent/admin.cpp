#include "agent/admin.hpp"

#include "agent/page_server.hpp"
#include <nameplane/base/log.hpp>

#include <cerrno>
#include <string_view>
#include <thread>

namespace nameplane::agent {

namespace {

constexpr const char* plain = "text/plain; charset=utf-8";

constexpr const char* profile_index =
    "This is Nameplane, which is no Go program: there are no profiles for 'go tool pprof' here.\n"
    "\n"
    "/debug/pprof/stages   where the time of queries goes, stage by stage and plugin by plugin\n"
    "\n"
    "For functions use perf: perf record -g -p PID; perf report.\n";

struct Listener {
    SocketAddress address;  // as configured
    std::uint16_t port = 0;
    PageServer http;
    std::thread thread;
};

void answer_ready(const Readiness& readiness, httplib::Response& response) {
    std::string body;
    for (const std::string& name : readiness.not_ready) body += (body.empty() ? "" : ",") + name;
    response.status = readiness.not_ready.empty() ? 200 : 503;
    if (readiness.not_ready.empty()) body = "OK";
    for (const std::string& remark : readiness.remarks) body += '\n' + remark;
    response.set_content(body, plain);
}

}  // namespace

struct Admin::State {
    AdminPages pages;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::vector<std::pair<std::string, Listener*>> served;

    Result<Listener*> listener(const SocketAddress& address) {
        for (const auto& known : listeners) {
            // Port 0 is a free port for each page.
            if (known->address == address && address.port != 0) return known.get();
        }
        auto made = std::make_unique<Listener>();
        made->address = address;
        if (Status bound = bind(*made); !bound) return std::move(bound).error();
        listeners.push_back(std::move(made));
        return listeners.back().get();
    }

    // Every address of both families is "::", or 0.0.0.0 on a machine without IPv6.
    static Status bind(Listener& listener) {
        if (bind_host(listener, listener.address.address.to_string())) return {};
        const int reason = errno;
        const bool everywhere =
            listener.address.address.is_unspecified() && listener.address.address.is_v6();
        if (everywhere && reason != EADDRINUSE && bind_host(listener, "0.0.0.0")) return {};
        return errno_error(reason, "bind " + listener.address.to_string());
    }
    static bool bind_host(Listener& listener, const std::string& host) {
        errno = 0;
        int port = listener.address.port;
        if (port == 0) {
            port = listener.http.bind_to_any_port(host);
        } else if (!listener.http.bind_to_port(host, port)) {
            port = -1;
        }
        if (port <= 0) return false;
        listener.port = static_cast<std::uint16_t>(port);
        return true;
    }

    // An index, and what it names; for what it does not the way to it.
    Status serve_profile(const std::vector<SocketAddress>& addresses) {
        const auto index = [](int status) {
            return [status](const httplib::Request&, httplib::Response& response) {
                response.status = status;
                response.set_content(profile_index, plain);
            };
        };
        for (const SocketAddress& address : addresses) {
            Result<Listener*> found = listener(address);
            if (!found) return std::move(found).error().within("/debug/pprof/");
            httplib::Server& http = (*found)->http;
            http.Get("/debug/pprof/?", index(200));
            http.Get("/debug/pprof/stages",
                     [this](const httplib::Request&, httplib::Response& response) {
                         response.set_content(pages.stages(), plain);
                     });
            http.Get("/debug/pprof/.+", index(404));
            served.emplace_back("pprof", *found);
        }
        return {};
    }

    Status serve(const std::vector<SocketAddress>& addresses, const std::string& name,
                 const httplib::Server::Handler& handler) {
        for (const SocketAddress& address : addresses) {
            Result<Listener*> found = listener(address);
            if (!found) return std::move(found).error().within("/" + name);
            (*found)->http.Get("/" + name, handler);
            served.emplace_back(name, *found);
        }
        return {};
    }
};

Admin::Admin(std::unique_ptr<State> state) : state_{std::move(state)} {}

Admin::~Admin() {
    for (const auto& listener : state_->listeners) listener->http.end();
    for (const auto& listener : state_->listeners) {
        if (listener->thread.joinable()) listener->thread.join();
    }
}

Result<std::unique_ptr<Admin>> Admin::bind(const conf::AdminConfig& config, AdminPages pages) {
    auto state = std::make_unique<State>();
    state->pages = std::move(pages);
    State& all = *state;
    Status bound = all.serve(config.health, "health",
                             [](const httplib::Request&, httplib::Response& response) {
                                 response.set_content("OK", plain);
                             });
    if (bound) {
        bound = all.serve(config.ready, "ready",
                          [&all](const httplib::Request&, httplib::Response& response) {
                              answer_ready(all.pages.ready(), response);
                          });
    }
    const auto say_metrics = [&all](const httplib::Request&, httplib::Response& response) {
        response.set_content(all.pages.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    };
    if (bound) bound = all.serve(config.metrics, "metrics", say_metrics);
    if (bound && all.pages.more_metrics) {
        const Status more = all.serve({*all.pages.more_metrics}, "metrics", say_metrics);
        if (!more) NP_LOG_WARNING("admin.less", "error", more.error());
    }
    if (bound) bound = all.serve_profile(config.pprof);
    if (!bound) return std::move(bound).error();
    return std::unique_ptr<Admin>{new Admin{std::move(state)}};
}

void Admin::start() {
    for (const auto& listener : state_->listeners) {
        listener->thread = std::thread{[&http = listener->http] { http.serve(); }};
    }
}

std::vector<std::pair<std::string, std::uint16_t>> Admin::ports() const {
    std::vector<std::pair<std::string, std::uint16_t>> ports;
    for (const auto& [name, listener] : state_->served) ports.emplace_back(name, listener->port);
    return ports;
}

}  // namespace nameplane::agent
