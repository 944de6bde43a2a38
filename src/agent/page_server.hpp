#pragma once
// PageServer: the library's HTTP server as pages for people and probes need it: the library reads
// requests and words answers, but does not wait for anybody. One thread serves all clients of a
// port, whatever they do: nobody who sends nothing, an octet now and then, or does not take his
// answer keeps others waiting, a probe above all.
//
// What clients can cost is bounded: so many of them, the oldest making room; each has a second to
// begin a request and two from there to the answer's last octet; and what they do not take of large
// answers is bounded over all of them.

#include <httplib.h>

#include <cstddef>
#include <memory>

namespace nameplane::agent {

/// Pages are those of Server::Get(). As with the servers of Go whose place they take, they are the
/// same by whatever method they are asked for, a HEAD apart, and a body is of no account.
class PageServer final : public httplib::Server {
public:
    /// Of one port; fewer where we may not have so many descriptors.
    static constexpr std::size_t clients_max = 256;
    /// What lies here of answers, over all clients.
    static constexpr std::size_t untaken_octets_max = 16 << 20;

    PageServer();
    ~PageServer() override;

    /// Answers at the port that was bound, until end(); pages are called on this thread.
    void serve();
    /// Ends serve(), also one that has not begun yet. Any thread.
    void end() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::agent
