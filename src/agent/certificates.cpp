#include "agent/certificates.hpp"

#include "acme/files.hpp"
#include "agent/acme_configs.hpp"
#include <nameplane/base/log.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace nameplane::agent {

namespace {

using std::chrono::milliseconds;

/// A few calls of stat() a listener: cheap enough to be soon.
constexpr milliseconds look_every{2000};

Certificates::Identity identity_of(const std::string& path) {
    struct stat found {};
    if (path.empty() || ::stat(path.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino, found.st_size,
            std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec};
}

std::vector<net::TlsServer::Named> named_of(const conf::TlsConfig& config) {
    std::vector<net::TlsServer::Named> all;
    if (!config.acme) return all;
    const acme::Files files{config.acme->storage, config.acme->directory, config.acme->email};
    for (const std::string& domain : config.acme->domains) {
        all.push_back({domain, files.certificate_of(domain), files.key_of(domain)});
    }
    return all;
}

std::vector<Certificates::Identity> files_of(const conf::TlsConfig& config) {
    std::vector<Certificates::Identity> all{identity_of(config.certificate),
                                            identity_of(config.key), identity_of(config.authority)};
    for (const net::TlsServer::Named& each : named_of(config)) {
        all.push_back(identity_of(each.certificate));
        all.push_back(identity_of(each.key));
    }
    return all;
}

net::TlsServer::Clients clients_of(conf::ClientAuth wanted) noexcept {
    using enum net::TlsServer::Clients;
    switch (wanted) {
    case conf::ClientAuth::nocert: break;
    case conf::ClientAuth::request: return asked;
    case conf::ClientAuth::require: return must_show;
    case conf::ClientAuth::verify_if_given: return proved_if_shown;
    case conf::ClientAuth::require_and_verify: return must_prove;
    }
    return unasked;
}

Result<std::shared_ptr<const net::TlsServer>> read(const conf::TlsConfig& config,
                                                   net::TlsServer::Inside inside) {
    return net::TlsServer::make({.certificate = config.certificate,
                                 .key = config.key,
                                 .named = named_of(config),
                                 .authorities = config.authority,
                                 .clients = clients_of(config.client_auth),
                                 .keylog = config.keylog,
                                 .inside = inside});
}

net::TlsServer::Inside inside_of(server::Protocol protocol) noexcept {
    return protocol == server::Protocol::https ? net::TlsServer::Inside::http
                                               : net::TlsServer::Inside::dns;
}

std::shared_ptr<const net::TlsServer> read_before(const Certificates::All& all,
                                                  const Certificates::Held& wanted) {
    for (const std::optional<Certificates::Held>& each : all) {
        if (each && each->wanted.config == wanted.wanted.config && each->inside == wanted.inside &&
            each->files == wanted.files) {
            return each->server;
        }
    }
    return nullptr;
}

// For the log.
const std::string& name_of(const conf::TlsConfig& config) noexcept {
    return config.acme ? config.acme->storage : config.certificate;
}

metrics::Counter& reads(metrics::Registry& metrics, const char* result) {
    return metrics.counter("nameplane_tls_certificates_read_total",
                           "Times that certificates were read again, since their files changed.",
                           {{"result", result}});
}

}  // namespace

Certificates::Certificates(net::Loop& loop, metrics::Registry& metrics,
                           std::function<void()> changed)
    : changed_{std::move(changed)}, timer_{loop.timer([this] { look(); })},
      read_again_{reads(metrics, "done")}, unreadable_{reads(metrics, "failed")} {}

Result<Certificates::All> Certificates::prepare(const Listeners& listeners) const {
    All all(listeners.addresses.size());
    Mistakes mistakes;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!listeners.tls[i]) continue;
        const conf::TlsConfig& config = listeners.tls[i]->config;
        Held held{.wanted = *listeners.tls[i],
                  .inside = inside_of(listeners.addresses[i].protocol),
                  .files = files_of(config),
                  .seen = {},
                  .server = nullptr};
        held.seen = held.files;
        held.server = read_before(all, held);
        if (held.server == nullptr) held.server = read_before(all_, held);
        if (held.server != nullptr) {
            all[i] = std::move(held);
            continue;
        }
        if (auto made = read(config, held.inside)) {
            held.server = std::move(made).value();
        } else {
            mistakes.add(listeners.tls[i]->where, "tls: " + made.error().text);
        }
        all[i] = std::move(held);
    }
    if (mistakes.any()) return mistakes.to_error();
    return all;
}

void Certificates::adopt(All all, const Listeners& listeners) {
    all_ = std::move(all);
    terms_ = listeners.terms;
    const auto is_there = [](const std::optional<Held>& each) { return each.has_value(); };
    const bool any = std::ranges::any_of(all_, is_there);
    for (const std::optional<Held>& each : all_) {
        if (each && !each->wanted.config.keylog.empty()) {
            NP_LOG_WARNING("tls.keylog", "file", each->wanted.config.keylog);
        }
    }
    if (any) {
        timer_->start(look_every, look_every);
    } else {
        timer_->stop();
    }
}

server::AllTerms Certificates::terms() const {
    server::AllTerms terms{.usual = {}, .listeners = terms_};
    for (std::size_t i = 0; i < all_.size(); ++i) {
        if (all_[i]) terms.listeners[i].tls = all_[i]->server;
    }
    return terms;
}

void Certificates::look() {
    std::vector<std::string> read_anew;
    for (std::optional<Held>& each : all_) {
        if (!each) continue;
        std::vector<Identity> now = files_of(each->wanted.config);
        if (now == each->seen) continue;
        // A pair that does not fit may be half written: it is tried again when it changes again.
        each->seen = now;
        Result<std::shared_ptr<const net::TlsServer>> made =
            read(each->wanted.config, each->inside);
        if (!made) {
            unreadable_.add_shared();
            NP_LOG_ERROR("tls.certificate_unreadable", "error", made.error());
            continue;
        }
        each->server = std::move(made).value();
        each->files = now;
        read_anew.push_back(name_of(each->wanted.config));
        read_again_.add_shared();
    }
    if (read_anew.empty()) return;
    changed_();
    for (const std::string& file : read_anew) NP_LOG_INFO("tls.certificate_read", "file", file);
}

Status try_certificates(const std::vector<conf::ServerConfig>& servers) {
    Mistakes mistakes;
    for (const conf::ServerConfig& server : servers) {
        if (!server.tls) continue;
        conf::TlsConfig config = tls_of(server);
        config.keylog.clear();  // not to be made by a check
        auto made = read(config, net::TlsServer::Inside::dns);
        if (!made) mistakes.add(server.place.where, "tls: " + made.error().text);
    }
    if (const auto acme = acme_of(servers); !acme) mistakes.add(acme.error());
    return mistakes.any() ? Status{mistakes.to_error()} : Status{};
}

}  // namespace nameplane::agent
