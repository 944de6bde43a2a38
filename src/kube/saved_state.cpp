#include "kube/saved_state.hpp"

#include "base/fd.hpp"
#include "kube/saved_codec.hpp"
#include "services/limits.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <memory>
#include <optional>

// The file: magic, format, fingerprint, time of contact in Unix nanoseconds; then records, each an
// octet that says which and what belongs to it; the record `finish` with the number of objects; a
// SHA-256 of all that. Numbers are varints (7 bits an octet, low ones first).

namespace nameplane::kube {

namespace {

using namespace services;
using saved::Decoder;
using saved::Encoder;

constexpr std::string_view magic{"nameplane state\n"};
/// Goes up with every change of what stands in a file or of what it means.
constexpr std::uint64_t format = 4;
constexpr std::size_t checksum_octets = 32;
constexpr std::size_t chunk_octets = 1 << 16;

/// Records: these plus the number of the kind, and the last one.
enum Record : std::uint8_t { begin = 0x10, object = 0x20, end = 0x30, finish = 0xff };

template <class Object> constexpr Kind kind_of = Kind::service;
template <> constexpr Kind kind_of<EndpointSlice> = Kind::endpoint_slice;
template <> constexpr Kind kind_of<Pod> = Kind::pod;
template <> constexpr Kind kind_of<Node> = Kind::node;
template <> constexpr Kind kind_of<Namespace> = Kind::namespace_;
template <> constexpr Kind kind_of<ServiceImport> = Kind::service_import;
template <> constexpr Kind kind_of<ServiceCidr> = Kind::service_cidr;

std::uint8_t record(Record what, Kind kind) noexcept {
    return static_cast<std::uint8_t>(what + static_cast<std::uint8_t>(kind));
}

/// SHA-256 in pieces.
class Checksum {
public:
    Checksum() : context_{EVP_MD_CTX_new()} {
        NP_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
                 "libcrypto has SHA-256");
    }
    void add(std::string_view octets) {
        NP_CHECK(EVP_DigestUpdate(context_.get(), octets.data(), octets.size()) == 1,
                 "SHA-256 takes any octets");
    }
    std::string value() {
        std::array<unsigned char, checksum_octets> digest{};
        NP_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1,
                 "SHA-256 has 32 octets");
        return {digest.begin(), digest.end()};
    }

private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

using Output = std::function<Status(std::string_view octets)>;

/// Passes pieces on to `output` and sums them up.
class Writer {
public:
    explicit Writer(const Output& output) : output_{output} {}

    void operator()(BeginList list) { encoder_.octet(record(begin, list.kind)); }
    void operator()(EndList list) { encoder_.octet(record(end, list.kind)); }
    template <class Object> void operator()(const Object& object_) {
        encoder_.octet(record(object, kind_of<Object>));
        encoder_(object_);
        ++objects_;
        if (encoder_.buffer().size() >= chunk_octets) flush();
    }
    void head(const SavedHead& head) {
        const auto contact =
            std::chrono::duration_cast<std::chrono::nanoseconds>(head.contact.time_since_epoch());
        encoder_.buffer() += magic;
        encoder_.varint(format);
        encoder_(head.fingerprint, static_cast<std::int64_t>(contact.count()));
    }
    /// The number of octets.
    Result<std::size_t> done() {
        encoder_.octet(finish);
        encoder_.varint(objects_);
        flush();
        if (!encoder_.ok()) return Error{Errc::invalid, "write: an object is too big to be saved"};
        pass_on(sum_.value());
        if (!status_) return status_.error();
        return octets_;
    }

private:
    void flush() {
        sum_.add(encoder_.buffer());
        pass_on(encoder_.buffer());
        encoder_.buffer().clear();
    }
    void pass_on(std::string_view octets) {
        octets_ += octets.size();
        if (status_) status_ = output_(octets);
    }

    const Output& output_;
    Encoder encoder_;
    Checksum sum_;
    Status status_;
    std::uint64_t objects_ = 0;
    std::size_t octets_ = 0;
};

Result<std::size_t> write_to(const Output& output, const SavedHead& head,
                             const Contents& contents) {
    Writer writer{output};
    writer.head(head);
    contents.for_each([&](const auto& event) { writer(event); });
    return writer.done();
}

Status write_all(int fd, std::string_view octets, const std::string& path) {
    while (!octets.empty()) {
        const ssize_t wrote = ::write(fd, octets.data(), octets.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno_error(errno, "write " + path);
        octets.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// Puts the name of a file that was renamed on the disk.
Status sync_folder(const std::string& path) {
    const std::string folder = folder_of(path);
    const UniqueFd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) != 0) return errno_error(errno, "write " + folder);
    return {};
}

/// Writes and syncs the file `path`, which is new.
Result<std::size_t> write_new(const std::string& path, const SavedHead& head,
                              const Contents& contents) {
    // What a run left that did not get to rename it. The new file is ours for certain then.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "write " + path);
    const UniqueFd fd{
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd || ::fchmod(fd.get(), 0600) != 0) return errno_error(errno, "write " + path);
    const Output output = [&](std::string_view octets) {
        return write_all(fd.get(), octets, path);
    };
    auto octets = write_to(output, head, contents);
    if (octets && ::fsync(fd.get()) != 0) return errno_error(errno, "write " + path);
    return octets;
}

Error damaged(std::string_view how) {
    return Error{Errc::invalid, "damaged: " + std::string{how}};
}

/// Reads the records of a file: checks them, or says them to somebody.
class Reader {
public:
    using Sink = std::function<void(Event)>;
    /// `sink` may be nullptr.
    Reader(std::string_view records, const Sink* sink) : decoder_{records}, sink_{sink} {}

    /// The number of objects.
    Result<std::uint64_t> run() {
        for (;;) {
            const std::uint8_t what = decoder_.octet();
            if (!decoder_.ok()) return damaged("it stops within the records");
            if (what == finish) return finished();
            const auto kind = static_cast<std::size_t>(what & 0x0fU);
            if (kind >= kind_count) return damaged("an unknown record");
            Status status = one(what & 0xf0U, static_cast<Kind>(kind));
            if (!status) return std::move(status).error();
        }
    }

private:
    Status one(unsigned what, Kind kind) {
        const auto at = static_cast<std::size_t>(kind);
        switch (what) {
        case begin:
            if (open_ || listed_[at]) return damaged("a list within a list, or twice");
            open_ = kind;
            pass_on(BeginList{kind});
            return {};
        case end:
            if (open_ != kind) return damaged("the end of a list that did not begin");
            listed_.set(at);
            open_.reset();
            pass_on(EndList{kind});
            return {};
        case object:
            if (open_ != kind) return damaged("an object outside of its list");
            return any_object(kind);
        default: return damaged("an unknown record");
        }
    }
    Status any_object(Kind kind) {
        ++objects_;
        switch (kind) {
        case Kind::service: return read(service_);
        case Kind::endpoint_slice: return read(slice_);
        case Kind::pod: return read(pod_);
        case Kind::node: return read(node_);
        case Kind::namespace_: return read(ns_);
        case Kind::service_import: return read(import_);
        case Kind::service_cidr: return read(service_cidr_);
        }
        return damaged("an unknown record");
    }
    /// `into` is used again, so that checking hardly allocates.
    template <class Object> Status read(Object& into) {
        decoder_(into);
        if (!decoder_.ok()) return damaged("an object cannot be read");
        if (sink_ != nullptr) {
            pass_on(std::move(into));
            into = Object{};
            return {};
        }
        return check_limits(into).within("damaged");
    }
    void pass_on(Event event) {
        if (sink_ != nullptr) (*sink_)(std::move(event));
    }
    Result<std::uint64_t> finished() {
        const std::uint64_t wanted = decoder_.varint();
        if (!decoder_.ok() || !decoder_.at_end() || open_)
            return damaged("more or less than it says");
        if (wanted != objects_) return damaged("fewer or more objects than it says");
        for (const Kind kind : {Kind::service, Kind::endpoint_slice, Kind::namespace_}) {
            if (!listed_[static_cast<std::size_t>(kind)]) return damaged("a list is missing");
        }
        return objects_;
    }

    Decoder decoder_;
    const Sink* sink_;
    std::optional<Kind> open_;
    std::bitset<kind_count> listed_;
    std::uint64_t objects_ = 0;
    Service service_;
    EndpointSlice slice_;
    Pod pod_;
    Node node_;
    Namespace ns_;
    ServiceImport import_;
    ServiceCidr service_cidr_;
};

Result<std::string> read_all(int fd, std::size_t size) {
    std::string octets(size, '\0');
    std::size_t at = 0;
    while (at < size) {
        const ssize_t got = ::read(fd, octets.data() + at, size - at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error(errno, "read");
        if (got == 0) break;  // somebody cut it; the checksum will tell
        at += static_cast<std::size_t>(got);
    }
    octets.resize(at);
    return octets;
}

}  // namespace

Result<std::size_t> write_saved_state(const std::string& path, const SavedHead& head,
                                      const Contents& contents) {
    const std::string next = path + ".new";
    auto octets = write_new(next, head, contents);
    if (octets && ::rename(next.c_str(), path.c_str()) != 0) {
        octets = errno_error(errno, "write " + path);
    }
    if (!octets) {
        ::unlink(next.c_str());
        return octets;
    }
    if (Status status = sync_folder(path); !status) return std::move(status).error();
    return octets;
}

Result<std::string> saved_octets(const SavedHead& head, const Contents& contents) {
    std::string all;
    const Output output = [&](std::string_view octets) {
        all += octets;
        return Status{};
    };
    if (auto written = write_to(output, head, contents); !written) {
        return std::move(written).error();
    }
    return all;
}

std::string with_checksum(std::string_view body) {
    Checksum sum;
    sum.add(body);
    return std::string{body} + sum.value();
}

Result<SavedState> SavedState::read(const std::string& path, std::string_view fingerprint) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return errno_error(errno, "open");
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) return errno_error(errno, "stat");
    if (!S_ISREG(facts.st_mode)) return Error{Errc::invalid, "not a regular file"};
    if (facts.st_uid != ::geteuid()) {
        return Error{Errc::permission, "it belongs to user " + std::to_string(facts.st_uid) +
                                           ", expected " + std::to_string(::geteuid())};
    }
    if ((facts.st_mode & 077U) != 0) {
        return Error{Errc::permission, "others than its owner may use it, expected mode 0600"};
    }
    if (static_cast<std::uint64_t>(facts.st_size) > saved_octets_max) {
        return Error{Errc::exhausted, "bigger than 1 GiB"};
    }
    auto octets = read_all(fd.get(), static_cast<std::size_t>(facts.st_size));
    if (!octets) return std::move(octets).error();
    return check(std::move(octets).value(), fingerprint);
}

Result<SavedState> SavedState::check(std::string octets, std::string_view fingerprint) {
    const std::string_view all{octets};
    if (!all.starts_with(magic)) return Error{Errc::invalid, "not a saved state"};
    if (all.size() < magic.size() + checksum_octets) return damaged("it is cut off");
    const std::string_view body = all.substr(0, all.size() - checksum_octets);
    Checksum sum;
    sum.add(body);
    Decoder decoder{body.substr(magic.size())};
    const std::uint64_t number = decoder.varint();
    const bool sound = sum.value() == all.substr(body.size());
    if (sound && number != format) {
        return Error{Errc::unsupported,
                     "format " + std::to_string(number) + ", expected " + std::to_string(format)};
    }
    if (!sound) return damaged("the checksum is wrong");
    std::string of;
    std::int64_t contact = 0;
    decoder(of, contact);
    if (!decoder.ok() || of.size() > fingerprint_octets_max) return damaged("the head");
    if (of != fingerprint) {
        return Error{Errc::conflict, "it is of another cluster or other options: " + of +
                                         ", expected " + std::string{fingerprint}};
    }
    SavedState state;
    state.records_at_ = body.size() - decoder.left();
    state.records_end_ = body.size();
    const auto objects = Reader{body.substr(state.records_at_), nullptr}.run();
    if (!objects) return objects.error();
    state.objects_ = *objects;
    state.contact_ =
        WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{contact})};
    state.octets_ = std::move(octets);
    return state;
}

void SavedState::replay(const std::function<void(Event)>& sink) const {
    const std::string_view records =
        std::string_view{octets_}.substr(records_at_, records_end_ - records_at_);
    const auto objects = Reader{records, &sink}.run();
    NP_CHECK(objects.has_value(), "what was checked is read again");
}

}  // namespace nameplane::kube
