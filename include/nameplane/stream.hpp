#pragma once
// AnswerStream: an answer of many messages over TCP, made one at a time, each when the kernel has
// taken the one before. So a transfer of any size holds one message and keeps no worker busy.

#include <nameplane/base/arena.hpp>

#include <cstdint>

namespace nameplane {

class Reply;

/// Made by a plugin, owned by the query. Worker thread only.
class AnswerStream {
public:
    enum class Went : std::uint8_t {
        more,    ///< `reply` is the next message, and others follow
        last,    ///< `reply` is the last one
        broken,  ///< there is no whole answer: the connection is closed
    };

    virtual ~AnswerStream() = default;
    /// Fills `reply`, which is empty, NOERROR and authoritative, with at most what fits in a
    /// message. `arena` is that of `reply`; it is emptied when the message is written, unlike the
    /// query's.
    virtual Went next(Reply& reply, Arena& arena) noexcept = 0;
    /// Said before next(): what the first message does not hold is not asked for, so that this one
    /// is to be as large as it takes.
    virtual void want_one_message() noexcept {}
};

}  // namespace nameplane
