#include "zone/source.hpp"

#include "zone/zone_file.hpp"
#include <nameplane/base/log.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <tuple>

namespace nameplane::zone {

Status Source::refresh(Store& store) {
    Status status = read(store);
    const std::string text = status ? std::string{} : status.error().text;
    if (text != complaint_ && !text.empty()) {
        NP_LOG_WARNING("zone.unreadable", "zone", origin_.to_string(), "problem", text);
    }
    complaint_ = text;
    return status;
}

Status Source::read(Store& store) {
    struct stat file {};
    if (::stat(path_.c_str(), &file) != 0) return errno_error(errno, path_);
    const auto seconds = [](const std::timespec& time) {
        return std::tuple{time.tv_sec, time.tv_nsec};
    };
    const std::optional<std::uint32_t> serial = store.serial(origin_);
    ZoneFileOptions options;
    if (sign_ == Sign::serial) {
        options.unless_serial = serial;
    } else if (serial && seconds(file.st_mtim) <= seconds(modified_)) {
        return {};
    }
    Result<ZoneFile> read = read_zone_file(path_, origin_, options);
    if (!read) return read.error();
    modified_ = file.st_mtim;
    store.sweep();
    if (read->zone == nullptr) return {};
    store.put(read->zone);
    if (read->outside != 0) {
        NP_LOG_WARNING("zone.outside", "zone", origin_.to_string(), "path", path_, "records",
                       read->outside);
    }
    NP_LOG_INFO("zone.loaded", "zone", origin_.to_string(), "path", path_, "serial",
                read->zone->serial(), "records", read->zone->record_count());
    return {};
}

}  // namespace nameplane::zone
