#pragma once
// hosts: names and addresses from a hosts file and from the configuration itself. The file is read
// again when it changes, off the workers.

#include "base/published.hpp"
#include "plugins/hosts/table.hpp"
#include <nameplane/base/background.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/worker_local.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>
#include <nameplane/zones.hpp>

#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::plugins {

/// A and AAAA of names in its zones, PTR of all addresses. A name that is not there is SERVFAIL,
/// for there is no SOA to deny it with, or goes on where `fallthrough` says so.
class Hosts final : public Plugin {
public:
    static constexpr Syntax syntax{.free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;

    struct Settings {
        std::string path = "/etc/hosts";
        std::vector<dns::Name> zones;
        std::string inline_text;
        dns::Ttl ttl = 3600;
        bool reverse = true;
        std::chrono::milliseconds reload{5000};
        Fallthrough fallthrough;
        bool fallthrough_unsupported = false;
    };

private:
    struct Local {
        std::optional<Reader<hosts::HostTable>> reader;
    };

    Hosts(Settings settings, Setup& setup);
    /// Reads the file if it is another than the last one read. On one thread at a time.
    void read_file();

    Step answer_pointer(Query& query, Reply& reply, const hosts::HostTable& file) const noexcept;
    Step answer_addresses(Query& query, Reply& reply, const hosts::HostTable& file) const noexcept;
    Step not_there(Query& query, Reply& reply) const noexcept;

    Settings settings_;
    hosts::HostTable inline_;
    Published<hosts::HostTable> file_;
    mutable WorkerLocal<Local> readers_;
    metrics::Gauge& entries_;
    metrics::Gauge& read_at_;
    timespec modified_{};
    off_t size_ = -1;
    std::unique_ptr<Background::Task> reloading_;
};

}  // namespace nameplane::plugins
