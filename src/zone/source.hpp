#pragma once
// Source: a zone file that is read again when it has changed.

#include "zone/store.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <ctime>
#include <string>
#include <vector>

namespace nameplane::zone {

/// One thread at a time.
class Source {
public:
    /// By what it is told that the file is another one.
    enum class Sign : std::uint8_t { serial, time };

    Source(std::string path, dns::Name origin, Sign sign)
        : path_{std::move(path)}, origin_{origin}, sign_{sign} {}

    /// Reads the file if it may be another one, and puts the zone into `store`. What is there stays
    /// when the file is wrong or away; that is logged when it begins and when it changes. The error
    /// is of kind not_found where there is no such file; its text names it.
    Status refresh(Store& store);
    /// The same zone lies elsewhere now.
    void moved_to(const std::string& path) { path_ = path; }
    dns::NameView origin() const noexcept { return origin_; }
    const std::string& path() const noexcept { return path_; }

private:
    Status read(Store& store);

    std::string path_;
    dns::Name origin_;
    Sign sign_;
    std::timespec modified_{};
    std::string complaint_;  ///< logged last
};

}  // namespace nameplane::zone
