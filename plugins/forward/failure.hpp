#pragma once
// Why no upstream answered, in words: those of Go's net package, which CoreDNS passes on and
// people's `consolidate` patterns know.

#include <nameplane/base/ip.hpp>

#include <cstdint>
#include <string>

namespace nameplane::plugins::forwarding {

/// What became of the last attempt of a question.
struct Failure {
    enum class Kind : std::uint8_t {
        nobody_asked,   ///< none was there to be asked
        not_begun,      ///< no socket could be made or connected
        no_connection,  ///< the connection has not come about
        broken,         ///< the socket was of no more use before an answer came
        late,           ///< no answer in time
        no_answer,      ///< what came was none
    };
    Kind kind = Kind::nobody_asked;
    bool udp = false;
    int error = 0;          ///< errno; 0: the peer closed it, or there was none
    SocketAddress local{};  ///< where the question came from; of `broken` and `late`
    SocketAddress remote{};
};

/// "read udp 10.0.0.1:40000->10.0.0.2:53: i/o timeout"
std::string to_string(const Failure& failure);

}  // namespace nameplane::plugins::forwarding
