#include "zone/zone_file.hpp"

#include "base/fd.hpp"
#include "dns/record_text.hpp"
#include "dns/record_words.hpp"
#include "zone/entries.hpp"
#include "zone/generate.hpp"
#include <nameplane/conf/statement.hpp>
#include <nameplane/text.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

namespace nameplane::zone {

namespace {

constexpr unsigned include_depth_max = 7;
/// What records that $GENERATE makes have, where they say nothing of it; as CoreDNS.
constexpr dns::Ttl generated_ttl = 3600;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

class Reading {
public:
    Reading(dns::NameView origin, const ZoneFileOptions& options)
        : options_{options}, builder_{origin} {}

    /// False: stopped, by a mistake or by the serial.
    bool read(std::string_view text, const std::string& path, dns::NameView origin,
              std::optional<dns::Ttl> ttl, bool ttl_by_directive, unsigned depth) {
        File file{.path = path, .origin = dns::Name{origin}, .depth = depth};
        file.ttl = ttl;
        file.ttl_by_directive = ttl_by_directive;
        Entries entries{text};
        Entry entry;
        while (entries.next(entry)) {
            file.line = entry.line;
            if (!read_entry(file, entry)) return false;
        }
        if (entries.error().empty()) return true;
        file.line = entries.line();
        return wrong(file, entries.error());
    }

    Result<ZoneFile> finish(const std::string& path) {
        if (unchanged_) return ZoneFile{};
        if (!mistake_.empty()) return Error{Errc::invalid, mistake_};
        auto zone = builder_.finish();
        if (!zone) return std::move(zone).within(path).error();
        return ZoneFile{*zone, builder_.outside()};
    }

private:
    struct File {
        std::string path;
        dns::Name origin;
        unsigned depth = 0;
        std::optional<dns::Ttl> ttl;
        bool ttl_by_directive = false;
        std::optional<dns::Name> owner;  ///< of the record before
        unsigned line = 0;
        bool generated = false;
    };
    /// What stands before the rdata.
    struct Head {
        std::optional<dns::Ttl> ttl;
        bool has_class = false;
        std::string_view type;
    };
    using Words = std::span<const std::string_view>;

    bool wrong(const File& file, std::string_view text) {
        mistake_ = Where{file.path, file.line}.to_string() + ": " + std::string{text};
        return false;
    }

    static std::optional<dns::Name> absolute(std::string_view word, const dns::Name& origin) {
        if (word == "@") return origin;
        if (word.starts_with('"')) return std::nullopt;
        const auto name = dns::Name::parse(word);
        if (!name || is_absolute(word)) return name;
        const std::size_t size = name->view().size() - 1U + origin.view().size();
        if (size > dns::name_octets_max) return std::nullopt;
        std::vector<std::uint8_t> wire{name->view().data(),
                                       name->view().data() + name->view().size() - 1};
        wire.insert(wire.end(), origin.view().data(), origin.view().data() + origin.view().size());
        return dns::Name{dns::NameView::trusted(wire.data(), wire.size())};
    }

    static bool is_absolute(std::string_view word) noexcept {
        if (word.empty() || word.back() != '.') return false;
        std::size_t escapes = 0;
        while (escapes + 1 < word.size() && word[word.size() - 2 - escapes] == '\\') ++escapes;
        return escapes % 2 == 0;
    }

    bool read_entry(File& file, const Entry& entry) {
        const Words words = entry.words;
        if (!entry.owner_left_out && words[0].starts_with('$')) {
            const std::string name = lower(words[0]);
            if (name == "$ttl") return read_ttl(file, words);
            if (name == "$origin") return read_origin(file, words);
            if (name == "$include") return read_include(file, words);
            if (name == "$generate") return read_generate(file, words);
        }
        std::size_t at = 0;
        if (!entry.owner_left_out) {
            const auto owner = absolute(words[0], file.origin);
            if (!owner) return wrong(file, quoted(words[0]) + ", expected an owner's name");
            file.owner = *owner;
            at = 1;
        }
        if (!file.owner) return wrong(file, "no owner, expected a name before the first record");
        return read_record(file, words.subspan(at));
    }

    static std::string quoted(std::string_view word) { return '\'' + std::string{word} + '\''; }

    bool read_ttl(File& file, Words words) {
        const auto ttl = words.size() == 2 ? dns::parse_ttl(words[1]) : std::nullopt;
        if (!ttl) return wrong(file, "$TTL: expected one TTL such as '3600' or '1h'");
        file.ttl = *ttl;
        file.ttl_by_directive = true;
        return true;
    }

    bool read_origin(File& file, Words words) {
        const auto name = words.size() == 2 ? absolute(words[1], file.origin) : std::nullopt;
        if (!name) return wrong(file, "$ORIGIN: expected one name");
        file.origin = *name;
        return true;
    }

    bool read_include(File& file, Words words) {
        const auto origin =
            words.size() == 3 ? absolute(words[2], file.origin) : std::optional{file.origin};
        if (words.size() < 2 || words.size() > 3 || !origin) {
            return wrong(file, "$INCLUDE: expected a file and, if wanted, an origin");
        }
        if (file.depth == include_depth_max) {
            return wrong(file, "$INCLUDE: the eighth within another, expected seven at most");
        }
        std::string_view named = words[1];
        if (named.size() >= 2 && named.front() == '"') named = named.substr(1, named.size() - 2);
        std::filesystem::path path{named};
        if (path.is_relative()) path = std::filesystem::path{file.path}.parent_path() / path;
        const auto text = options_.load(path.string());
        if (!text) return wrong(file, "$INCLUDE: " + text.error().text + ", expected a zone file");
        return read(*text, path.string(), *origin, file.ttl, file.ttl_by_directive, file.depth + 1);
    }

    bool read_generate(File& file, Words words) {
        if (file.generated) return wrong(file, "$GENERATE within another, expected a record");
        if (words.size() < 4) {
            return wrong(file, "$GENERATE: expected a range, an owner, a type and its data");
        }
        const auto range = read_range(words[1]);
        if (!range) return wrong(file, "$GENERATE: " + range.error().text);
        std::string line;
        for (const std::string_view word : words.subspan(2)) line += std::string{word} + ' ';
        File each = file;
        each.generated = true;
        each.ttl = generated_ttl;
        each.ttl_by_directive = false;
        for (std::int64_t value = range->first; value <= range->last; value += range->step) {
            const auto text = generated(line, value);
            if (!text) return wrong(file, "$GENERATE: " + text.error().text);
            Entries entries{*text};
            Entry entry;
            if (!entries.next(entry)) return wrong(file, "$GENERATE: expected a record");
            entry.owner_left_out = false;
            if (!read_entry(each, entry)) return false;
        }
        return true;
    }

    // TTL and class in any order, then the type.
    static std::optional<Head> head_of(Words& words) {
        Head head;
        while (!words.empty()) {
            const std::string_view word = words.front();
            words = words.subspan(1);
            if (!head.ttl && is_digit(word.front())) {
                head.ttl = dns::parse_ttl(word);
                if (!head.ttl) return std::nullopt;
            } else if (const auto klass = dns::parse_class(word); klass && !head.has_class) {
                if (*klass != dns::Class::in) return std::nullopt;
                head.has_class = true;
            } else {
                head.type = word;
                return head;
            }
        }
        return std::nullopt;
    }

    bool read_record(File& file, Words words) {
        const auto head = head_of(words);
        if (!head) {
            return wrong(file, "no type, expected a TTL, 'IN' or neither, then a type such as "
                               "'AAAA', then its data");
        }
        if (head->ttl && !file.ttl_by_directive) file.ttl = head->ttl;
        const auto ttl = head->ttl ? head->ttl : file.ttl;
        // As CoreDNS, which asks for one only where the class is left out, too.
        if (!ttl && !head->has_class) return wrong(file, "no TTL, expected one, or $TTL before it");
        std::string text{head->type};
        const char* end = nullptr;
        for (const std::string_view word : words) {
            // What stands together stays so: alpn="h2".
            if (word.data() != end) text += ' ';
            text += word;
            end = word.data() + word.size();
        }
        return add(file, text, ttl.value_or(0));
    }

    bool add(File& file, const std::string& text, dns::Ttl ttl) {
        arena_.clear();
        auto record = dns::read_record_data(text, arena_, {.ttl = ttl, .origin = file.origin});
        if (!record) return wrong(file, record.error().text);
        record->owner = *file.owner;
        record->ttl = ttl;
        if (const auto* const soa = std::get_if<dns::SoaData>(&record->data)) {
            unchanged_ = !builder_.has_soa() && options_.unless_serial == soa->serial;
            if (unchanged_) return false;
        }
        const Status added = builder_.add(*record);
        return added ? true : wrong(file, added.error().text);
    }

    const ZoneFileOptions& options_;
    Zone::Builder builder_;
    Arena arena_{1 << 18};
    bool unchanged_ = false;
    std::string mistake_;
};

}  // namespace

Result<std::string> read_whole_file(const std::string& path) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd) return errno_error(errno, path);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return errno_error(errno, path);
    if (!S_ISREG(status.st_mode)) return Error{Errc::invalid, path + ": not a regular file"};
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error(errno, path);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

Result<ZoneFile> read_zone(std::string_view text, const std::string& path, dns::NameView origin,
                           const ZoneFileOptions& options) {
    Reading reading{origin, options};
    (void)reading.read(text, path, origin, std::nullopt, false, 0);
    return reading.finish(path);
}

Result<ZoneFile> read_zone_file(const std::string& path, dns::NameView origin,
                                const ZoneFileOptions& options) {
    const auto text = options.load(path);
    if (!text) return text.error();
    return read_zone(*text, path, origin, options);
}

}  // namespace nameplane::zone
