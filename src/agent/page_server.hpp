#pragma once
// PageServer: the library's HTTP server as pages for people and probes need it. The time of each
// client is bounded as a whole, whether it sends nothing, an octet now and then, or does not take
// its answer: neither a probe nor the end of the process waits for it for long. As with the servers
// of Go whose place they take, pages are the same by whatever method they are asked for, a HEAD
// apart, and a body is of no account.

#include <httplib.h>

namespace nameplane::agent {

class PageServer final : public httplib::Server {
public:
    PageServer();

private:
    /// One connection, on a thread of the library's.
    bool process_and_close_socket(socket_t socket) override;
};

}  // namespace nameplane::agent
