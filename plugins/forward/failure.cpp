#include "plugins/forward/failure.hpp"

#include <nameplane/text.hpp>

#include <cstring>

namespace nameplane::plugins::forwarding {

namespace {

/// As Go writes it: all in lower case.
std::string words_of(int error) {
    return lower(std::strerror(error));
}

}  // namespace

std::string to_string(const Failure& failure) {
    using Kind = Failure::Kind;
    const std::string network = failure.udp ? "udp " : "tcp ";
    const std::string dial = "dial " + network + failure.remote.to_string() + ": ";
    const std::string read =
        "read " + network + failure.local.to_string() + "->" + failure.remote.to_string() + ": ";
    switch (failure.kind) {
    case Kind::nobody_asked: return "no healthy proxies";
    case Kind::not_begun: return dial + "connect: " + words_of(failure.error);
    case Kind::no_connection:
        return dial + (failure.error == 0 ? "i/o timeout" : "connect: " + words_of(failure.error));
    case Kind::broken:
        return failure.error == 0 ? "EOF" : read + "read: " + words_of(failure.error);
    case Kind::late: return read + "i/o timeout";
    case Kind::no_answer: return "an upstream's answer is malformed";
    }
    return {};
}

}  // namespace nameplane::plugins::forwarding
