#include "support/web.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace nameplane::test {
namespace {

namespace fs = std::filesystem;

constexpr int wait_ms_max = 120'000;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error{what};
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// Runs a command to its end.
void run(std::vector<std::string> words) {
    const std::vector<char*> arguments = pointers_to(words);
    const int pid = ::fork();
    if (pid == 0) {
        const int null = ::open("/dev/null", O_RDWR);
        for (const int fd : {0, 1, 2}) ::dup2(null, fd);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    int status = 0;
    if (pid < 0 || ::waitpid(pid, &status, 0) != pid || status != 0) {
        std::string command;
        for (const std::string& word : words) command += word + ' ';
        fail("failed: " + command);
    }
}

void new_key(const std::string& name, std::vector<std::string>& words) {
    for (const char* word : {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"})
        words.emplace_back(word);
    words.insert(words.end(), {"-keyout", name + ".key"});
}

/// Inodes of the sockets that `pid` holds.
std::set<std::string> sockets_of(int pid) {
    std::set<std::string> inodes;
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator{"/proc/" + std::to_string(pid) + "/fd", error}) {
        const std::string target = fs::read_symlink(entry.path(), error).string();
        if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
    }
    return inodes;
}

int listening_now(int pid) {
    const std::set<std::string> inodes = sockets_of(pid);
    std::ifstream table{"/proc/net/tcp"};
    for (std::string line; std::getline(table, line);) {
        std::istringstream words{line};
        std::vector<std::string> columns{std::istream_iterator<std::string>{words}, {}};
        constexpr std::size_t inode = 9;
        if (columns.size() <= inode || columns[3] != "0A" || !inodes.contains(columns[inode]))
            continue;
        return static_cast<int>(
            std::strtol(columns[1].substr(columns[1].find(':') + 1).c_str(), nullptr, 16));
    }
    return 0;
}

}  // namespace

std::string content_of(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) fail("cannot read " + path);
    return {std::istreambuf_iterator<char>{in}, {}};
}

Certificate make_authority(const TemporaryFolder& folder, const std::string& name) {
    const std::string path = folder / name;
    std::vector<std::string> words{"openssl", "req", "-x509"};
    new_key(path, words);
    words.insert(words.end(), {"-out", path + ".crt", "-days", "1", "-subj", "/CN=" + name});
    run(words);
    return {path + ".crt", path + ".key"};
}

Certificate make_certificate(const TemporaryFolder& folder, const std::string& name,
                             const Certificate& authority, const CertificateWishes& wishes) {
    const std::string path = folder / name;
    std::vector<std::string> words{"openssl", "req"};
    new_key(path, words);
    words.insert(words.end(), {"-out", path + ".csr", "-subj", wishes.subject});
    if (!wishes.names.empty())
        words.insert(words.end(), {"-addext", "subjectAltName=" + wishes.names});
    run(words);
    run({"openssl", "x509", "-req", "-in", path + ".csr", "-CA", authority.file, "-CAkey",
         authority.key, "-CAcreateserial", "-copy_extensions", "copy", "-days",
         wishes.expired ? "-1" : "1", "-out", path + ".crt"});
    return {path + ".crt", path + ".key"};
}

Program::Program(const std::vector<std::string>& words) {
    std::vector<std::string> own = words;
    const std::vector<char*> arguments = pointers_to(own);
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) fail("no pipe");
    const int parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) fail("no process");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        ::dup2(in[0], 0);
        ::dup2(out[1], 1);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
}

Program::Program(Program&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, input_{std::exchange(other.input_, -1)},
      output_{std::exchange(other.output_, -1)}, port_{other.port_}, unread_{std::move(
                                                                         other.unread_)} {}

Program& Program::operator=(Program&& other) noexcept {
    if (this == &other) return *this;
    kill();
    pid_ = std::exchange(other.pid_, -1);
    input_ = std::exchange(other.input_, -1);
    output_ = std::exchange(other.output_, -1);
    port_ = other.port_;
    unread_ = std::move(other.unread_);
    return *this;
}

Program::~Program() {
    kill();
}

void Program::kill() noexcept {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    for (const int fd : {input_, output_})
        if (fd >= 0) ::close(fd);
    pid_ = input_ = output_ = -1;
}

std::string Program::line() {
    while (unread_.find('\n') == std::string::npos) {
        pollfd waiting{output_, POLLIN, 0};
        if (::poll(&waiting, 1, wait_ms_max) != 1) fail("the program says nothing");
        char room[4096];
        const ssize_t got = ::read(output_, room, sizeof room);
        if (got <= 0) fail("the program ended");
        unread_.append(room, static_cast<std::size_t>(got));
    }
    const std::size_t end = unread_.find('\n');
    std::string first = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return first;
}

void Program::tell(std::string_view line_text) {
    const std::string text = std::string{line_text} + '\n';
    if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        fail("the program does not listen");
    if (line() != "done") fail("the program did not obey");
}

std::string Program::url(std::string_view scheme, std::string_view host) const {
    return std::string{scheme} + "://" + std::string{host} + ':' + std::to_string(port_);
}

Program web_server(const std::vector<std::string>& options) {
    // Debian's own Python: it has Debian's h2.
    std::vector<std::string> words{"/usr/bin/python3", WEB_SERVER};
    words.insert(words.end(), options.begin(), options.end());
    Program server{words};
    server.set_port(std::atoi(server.line().c_str()));
    return server;
}

int listening_port_of(int pid) {
    using namespace std::chrono_literals;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{wait_ms_max};
    while (std::chrono::steady_clock::now() < end) {
        if (const int port = listening_now(pid)) return port;
        // The kernel tells nobody when a program begins to listen.
        std::this_thread::sleep_for(2ms);
    }
    fail("the program does not listen");
}

int closed_port() {
    // Bound and never listened on: as long as this process lives nobody else can, either.
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    if (!bound) fail("no port");
    return ntohs(address.sin_port);
}

}  // namespace nameplane::test
