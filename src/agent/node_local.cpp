#include "agent/node_local.hpp"

#include "agent/node_local_config.hpp"
#include "agent/node_local_network.hpp"
#include "agent/run.hpp"
#include "base/file.hpp"
#include "kube/folder.hpp"
#include <nameplane/base/log.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <new>

namespace nameplane::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds config_every{10};
constexpr const char* kube_dns_folder = "/etc/kube-dns";

// One for both processes, until the end of both.
SetupErrors* shared_errors() {
    void* const place = ::mmap(nullptr, sizeof(SetupErrors), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NP_CHECK(place != MAP_FAILED, "a page of memory");
    return new (place) SetupErrors;
}

// The Corefile from its template; written when it is another than the last one.
class CorefileWriter {
public:
    CorefileWriter(const NodeLocal& role, std::string path, std::uint16_t dns_port,
                   SetupErrors& errors)
        : path_{std::move(path)}, base_{role.base_corefile}, folder_{role.kube_dns_folder},
          errors_{errors} {
        values_.addresses = role.addresses;
        values_.dns_port = dns_port;
        values_.prometheus_listen = role.prometheus_listen;
        const std::string variable = service_variable(role.upstream_service);
        const char* const address = std::getenv(variable.c_str());
        if (address != nullptr && IpAddress::parse(address)) {
            values_.cluster_dns = address;
        } else {
            NP_LOG_WARNING("nodelocal.no_upstream", "service", role.upstream_service, "variable",
                           variable);
        }
        std::error_code failed;
        if (folder_.empty() && std::filesystem::exists(kube_dns_folder, failed)) {
            folder_ = kube_dns_folder;
        }
    }

    /// Whether there is a new one. What cannot be read or written leaves the old one, and is said
    /// and counted once as long as it is the same.
    bool update() {
        const Result<bool> written = try_update();
        const std::string trouble = written ? "" : written.error().text;
        if (!trouble.empty() && trouble != trouble_) {
            errors_.count(SetupError::configmap);
            NP_LOG_ERROR("nodelocal.corefile_failed", "error", trouble);
        }
        trouble_ = trouble;
        return written && *written;
    }

private:
    Result<bool> try_update() {
        Result<std::string> base = kube::read_file(base_);
        if (!base) return std::move(base).error().within(base_);
        if (!folder_.empty()) {
            Result<KubeDnsConfig> kube_dns = read_kube_dns(folder_);
            if (!kube_dns) return std::move(kube_dns).error().within(folder_);
            values_.kube_dns = std::move(kube_dns).value();
        }
        Result<std::string> filled = fill_template(*base, values_);
        if (!filled) return std::move(filled).error();
        if (*filled == written_) return false;
        if (Status done = write_file_atomically(path_, *filled); !done) {
            return std::move(done).error();
        }
        written_ = std::move(filled).value();
        NP_LOG_INFO("nodelocal.corefile", "file", path_, "stub_domains",
                    values_.kube_dns.stub_domains.size());
        return true;
    }

    std::string path_;
    std::string base_;
    std::string folder_;
    SetupErrors& errors_;
    TemplateValues values_;
    std::string written_;
    std::string trouble_;
};

// Signals that the guardian takes from a descriptor; blocked from here on.
constexpr std::array taken_signals{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

sigset_t block_signals() {
    sigset_t set{};
    sigemptyset(&set);
    for (const int number : taken_signals) sigaddset(&set, number);
    sigset_t before{};
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    return before;
}

UniqueFd signal_descriptor() {
    sigset_t set{};
    sigemptyset(&set);
    for (const int number : taken_signals) sigaddset(&set, number);
    return UniqueFd{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
}

// Of the two, the kernel shall take the agent when memory is short; without the right to say so it
// takes the larger one, which is the agent, too.
void protect_from_oom() {
    const UniqueFd fd{::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)};
    if (fd) [[maybe_unused]]
        const ssize_t ignored = ::write(fd.get(), "-1000", 5);
}

class Guardian {
public:
    Guardian(const NodeLocal& role, NodeLocalNetwork& network, CorefileWriter& corefile)
        : role_{role}, network_{network}, corefile_{corefile}, signals_{signal_descriptor()} {}

    /// Looks after the agent until it ends; its exit code. `started` becomes readable when the
    /// agent listens.
    int watch(pid_t agent, UniqueFd started) {
        agent_ = agent;
        started_ = std::move(started);
        next_config_ = Clock::now() + config_every;
        while (!code_) {
            std::array<pollfd, 2> wanted{pollfd{signals_.get(), POLLIN, 0},
                                         pollfd{started_.get(), POLLIN, 0}};
            if (::poll(wanted.data(), wanted.size(), wait_ms()) < 0 && errno != EINTR) break;
            if (wanted[0].revents != 0) take_signals();
            if (wanted[1].revents != 0) take_started();
            tick();
        }
        return code_.value_or(exit_failed);
    }

private:
    int wait_ms() const {
        Clock::time_point next = next_config_;
        if (next_sync_) next = std::min(next, *next_sync_);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
        return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }

    // The agent listens: only now may packets be led to it.
    void take_started() {
        char byte = 0;
        const bool listens = ::read(started_.get(), &byte, 1) == 1;
        started_.reset();
        if (listens && !stopping_) sync();
    }

    void sync() {
        network_.ensure();
        next_sync_ = Clock::now() + role_.sync_interval;
    }

    void tick() {
        const Clock::time_point now = Clock::now();
        if (next_sync_ && now >= *next_sync_ && !stopping_) sync();
        if (now < next_config_) return;
        next_config_ = now + config_every;
        if (corefile_.update() && role_.reload_with_signal) ::kill(agent_, SIGUSR1);
    }

    void take_signals() {
        signalfd_siginfo info{};
        while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
            const auto number = static_cast<int>(info.ssi_signo);
            if (number == SIGCHLD) {
                reap();
                continue;
            }
            if (number == SIGTERM || number == SIGINT) stop();
            if (!code_) ::kill(agent_, number);
        }
    }

    // New queries go to the cluster DNS at once, and the agent answers those that it has.
    void stop() {
        if (std::exchange(stopping_, true)) return;
        next_sync_.reset();
        if (!role_.skip_teardown) network_.remove_rules();
    }

    // As the first process of a container we get everybody's orphans.
    void reap() {
        int status = 0;
        for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended != agent_) continue;
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            if (!stopping_ || !WIFEXITED(status)) {
                NP_LOG_ERROR("nodelocal.agent_ended", "exit", WIFEXITED(status) ? *code_ : -1,
                             "signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
            }
        }
    }

    const NodeLocal& role_;
    NodeLocalNetwork& network_;
    CorefileWriter& corefile_;
    UniqueFd signals_;
    UniqueFd started_;
    pid_t agent_ = 0;
    bool stopping_ = false;
    std::optional<int> code_;
    std::optional<Clock::time_point> next_sync_;
    Clock::time_point next_config_;
};

}  // namespace

int run_node_local(RunCommand command) {
    const NodeLocal role = *command.node_local;
    Overrides& overrides = command.overrides;
    if (overrides.config_path.empty()) overrides.config_path = role.corefile;
    if (overrides.log_level) log::set_level(*overrides.log_level);
    const std::uint16_t dns_port = overrides.port.value_or(53);
    SetupErrors& errors = *shared_errors();
    overrides.more_metrics = role.metrics_listen;
    overrides.setup_errors = &errors;
    // What stays when we end is for another one, who may be there already.
    overrides.share_ports = role.skip_teardown;

    const sigset_t signals_before = block_signals();
    CorefileWriter corefile{role, overrides.config_path, dns_port, errors};
    corefile.update();
    NodeLocalNetwork network{role, dns_port, errors};
    network.begin();

    std::array<int, 2> ends{-1, -1};
    NP_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0, "two descriptors");
    UniqueFd started{ends[0]};
    UniqueFd starts{ends[1]};
    const pid_t guardian = ::getpid();
    const pid_t agent = ::fork();
    if (agent < 0) {
        NP_LOG_ERROR("agent.failed", "error", errno_error(errno, "fork"));
        network.tear_down();
        return exit_failed;
    }
    if (agent > 0) {
        starts.reset();
        protect_from_oom();
        const int code = Guardian{role, network, corefile}.watch(agent, std::move(started));
        if (!role.skip_teardown) network.tear_down();
        return code;
    }

    network.let_go();
    started.reset();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::pthread_sigmask(SIG_SETMASK, &signals_before, nullptr);
    command.started = [&starts] {
        [[maybe_unused]] const ssize_t ignored = ::write(starts.get(), "", 1);
    };
    const int code = ::getppid() == guardian ? run_agent(command) : exit_failed;
    if (::getppid() != guardian) {
        NP_LOG_ERROR("nodelocal.guardian_ended");
        if (!role.skip_teardown) network.tear_down();
    }
    return code;
}

}  // namespace nameplane::agent
