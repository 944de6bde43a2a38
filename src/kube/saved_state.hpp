#pragma once
// Saved state: the last state of a cluster on disk, so that after a restart without an API server
// names and rules are there at once. A binary file that is written in one step, readable by its
// owner only, and believed as a whole or not at all.

#include "services/contents.hpp"
#include "services/event.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace nameplane::kube {

/// What is known of a state besides its objects.
struct SavedHead {
    /// Of which cluster, and seen through which options. A file with another one is not loaded.
    std::string fingerprint;
    WallTime contact;  ///< when the server last said something about it
};

/// Octets of a fingerprint, at most.
inline constexpr std::size_t fingerprint_octets_max = 4096;
/// A file that is bigger is not read: far more than a million endpoints need.
inline constexpr std::size_t saved_octets_max = std::size_t{1} << 30;

/// Writes beside `path` with mode 0600, to the disk, and renames over it; the folder is on the disk
/// then, too. The number of octets, or an error that begins with "write". Blocks; from any thread,
/// one at a time for each path.
Result<std::size_t> write_saved_state(const std::string& path, const SavedHead& head,
                                      const services::Contents& contents);
/// The file as octets.
Result<std::string> saved_octets(const SavedHead& head, const services::Contents& contents);
/// `body` with the checksum that ends a file. For who makes files by hand.
std::string with_checksum(std::string_view body);

/// A file that was found good.
class SavedState {
public:
    /// Reads the file and checks everything in it: owner and mode, checksum, format, fingerprint,
    /// each object. Errc::not_found if there is no such file; other errors say in a few words what
    /// is wrong with it ("damaged: ..."). Blocks.
    static Result<SavedState> read(const std::string& path, std::string_view fingerprint);
    /// The same of the octets of a file.
    static Result<SavedState> check(std::string octets, std::string_view fingerprint);

    WallTime contact() const noexcept { return contact_; }
    std::uint64_t objects() const noexcept { return objects_; }
    /// Says it all to `sink`: a whole list of each kind that had been listed.
    void replay(const std::function<void(services::Event)>& sink) const;

private:
    SavedState() = default;
    std::string octets_;
    std::size_t records_at_ = 0;
    std::size_t records_end_ = 0;
    std::uint64_t objects_ = 0;
    WallTime contact_{};
};

}  // namespace nameplane::kube
