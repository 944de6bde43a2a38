#pragma once
// query_format: text about a query with placeholders such as {type}, as CoreDNS has them: lines of
// the query log, and what dnstap says besides. Read once, then filled for each query without the
// heap.

#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::query_format {

inline constexpr std::string_view common_format =
    "{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "
    "{rcode} {>rflags} {rsize} {duration}";
inline constexpr std::string_view combined_format =
    "{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "
    "{rcode} {>rflags} {rsize} {duration} \"{>opcode}\"";

/// A query as the client sent it, before others changed it.
struct Asked {
    dns::NameView name;
    dns::Type type = dns::Type::a;
    dns::Class klass = dns::Class::in;
    bool dnssec_ok = false;
    bool recursion_desired = false;
    std::uint16_t udp_size = 512;
    std::chrono::steady_clock::time_point at;
};

/// Characters into a buffer of a fixed size; what does not fit is cut off.
class Line {
public:
    void add(std::string_view text) noexcept;
    void add(std::uint64_t number) noexcept;
    /// Seconds with as many digits as they need, and "s".
    void add_seconds(double seconds) noexcept;
    void add(const IpAddress& address) noexcept;
    void add(dns::NameView name) noexcept;
    std::string_view text() const noexcept { return {text_, size_}; }

private:
    static constexpr std::size_t octets_max = 4096;
    std::size_t size_ = 0;
    char text_[octets_max];
};

/// Octets of the reply without compression and EDNS: what {rsize} says.
std::size_t uncompressed_size(const Query& query, const Reply& reply) noexcept;

/// Any thread.
class Format {
public:
    /// Every text is a format: braces that are no placeholder stay as they are. {common} and
    /// {combined} stand for those formats.
    explicit Format(std::string_view text);

    void write(const Asked& asked, Query& query, const Reply& reply,
               std::chrono::steady_clock::duration took, Line& line) const noexcept;

    /// What stands between braces.
    enum class Field : std::uint8_t {
        text,  ///< nothing: the text itself
        metadata,
        type,
        klass,
        name,
        proto,
        size,
        remote,
        port,
        local,
        id,
        opcode,
        dnssec_ok,
        bufsize,
        rcode,
        rsize,
        duration,
        rflags,
    };

private:
    struct Node {
        Field field;
        std::string text;  ///< of text, the label of metadata
    };
    void add(Field field, std::string_view text);

    std::vector<Node> nodes_;
};

}  // namespace nameplane::query_format
