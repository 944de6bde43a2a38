#pragma once
// Web: real servers on loopback for tests of HTTP and TLS, and certificates for them.
//
//     const test::TemporaryFolder folder;
//     const auto ca = test::make_authority(folder, "ca");
//     const auto cert = test::make_certificate(folder, "server", ca, {.names = "IP:127.0.0.1"});
//     test::Program server = test::web_server({"--certificate", cert.file, "--key", cert.key});
//     server.url("https");
//
// What fails here ends the test by std::runtime_error. A program dies with the test, however that
// ends.

#include "support/temporary_folder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::test {

/// The contents of a file.
std::string content_of(const std::string& path);

struct Certificate {
    std::string file;
    std::string key;
};
struct CertificateWishes {
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";  ///< as in subjectAltName
    std::string subject = "/CN=server";
    bool expired = false;
};
/// By the command openssl; elliptic curves, valid for a day.
Certificate make_authority(const TemporaryFolder& folder, const std::string& name);
Certificate make_certificate(const TemporaryFolder& folder, const std::string& name,
                             const Certificate& authority, const CertificateWishes& wishes = {});

/// A program that speaks in lines. Move-only; killed with this object.
class Program {
public:
    explicit Program(const std::vector<std::string>& words);
    Program(Program&& other) noexcept;
    Program& operator=(Program&& other) noexcept;
    ~Program();

    /// The next line of its standard output, waited for.
    std::string line();
    /// Sends a line and waits for "done".
    void tell(std::string_view line);
    /// Ends it, if it has not ended.
    void kill() noexcept;
    int pid() const noexcept { return pid_; }
    int port() const noexcept { return port_; }
    void set_port(int port) noexcept { port_ = port; }
    /// "scheme://127.0.0.1:port"
    std::string url(std::string_view scheme, std::string_view host = "127.0.0.1") const;

private:
    int pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    int port_ = 0;
    std::string unread_;
};

/// web_server.py, listening.
Program web_server(const std::vector<std::string>& options = {});
/// The port on which a program of ours listens, once it does.
int listening_port_of(int pid);
/// A port on loopback on which nobody listens or will while this process lives.
int closed_port();

}  // namespace nameplane::test
