#pragma once
// Seal: what must be written behind everything else of a message: a signature over it.

#include <cstddef>
#include <cstdint>
#include <span>

namespace nameplane {

/// Lies in the arena of its query and is never destroyed. Worker thread only.
class Seal {
public:
    /// How much close() appends at most; that much room is left for it.
    virtual std::size_t octets_max() const noexcept = 0;
    /// `room` begins with a whole message of `size` octets. Returns its size with the seal; 0: it
    /// cannot be sealed and must not be sent. Called for each message of an answer, in their order.
    virtual std::size_t close(std::span<std::uint8_t> room, std::size_t size) noexcept = 0;

protected:
    ~Seal() = default;
};

}  // namespace nameplane
