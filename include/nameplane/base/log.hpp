#pragma once
// The log: an event id, then key and value pairs.
//
//     NP_LOG_INFO("manifests.read", "path", path, "objects", count);
//
// Ids are dotted lower-case words, listed in docs/logs.md with what to do about them; a test
// compares. Never on the query path. Safe from any thread.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace nameplane::log {

enum class Level : std::uint8_t { debug, info, warning, error, off };

struct Field {
    std::string_view key;
    std::string value;
};

/// Lines below `level` are dropped. The default is info.
void set_level(Level level) noexcept;
bool enabled(Level level) noexcept;
/// "debug", "info", "warning", "error", "off"; nothing for any other word.
std::optional<Level> parse_level(std::string_view word) noexcept;
void write(Level level, std::string_view event, std::initializer_list<Field> fields) noexcept;

inline std::string text_of(std::string_view value) {
    return std::string{value};
}
inline std::string text_of(const char* value) {
    return value;
}
inline std::string text_of(bool value) {
    return value ? "true" : "false";
}
template <std::integral T> std::string text_of(T value) {
    return std::to_string(value);
}
inline std::string text_of(double value) {
    return std::to_string(value);
}
inline std::string text_of(const Error& value) {
    return value.text;
}
inline std::string text_of(const IpAddress& value) {
    return value.to_string();
}
inline std::string text_of(const SocketAddress& value) {
    return value.to_string();
}
inline std::string text_of(const Cidr& value) {
    return value.to_string();
}

namespace detail {
inline void emit(Level level, std::string_view event) {
    write(level, event, {});
}
template <class A> void emit(Level level, std::string_view event, std::string_view k1, const A& a) {
    write(level, event, {{k1, text_of(a)}});
}
template <class A, class B>
void emit(Level level, std::string_view event, std::string_view k1, const A& a, std::string_view k2,
          const B& b) {
    write(level, event, {{k1, text_of(a)}, {k2, text_of(b)}});
}
template <class A, class B, class C>
void emit(Level level, std::string_view event, std::string_view k1, const A& a, std::string_view k2,
          const B& b, std::string_view k3, const C& c) {
    write(level, event, {{k1, text_of(a)}, {k2, text_of(b)}, {k3, text_of(c)}});
}
template <class A, class B, class C, class D>
void emit(Level level, std::string_view event, std::string_view k1, const A& a, std::string_view k2,
          const B& b, std::string_view k3, const C& c, std::string_view k4, const D& d) {
    write(level, event, {{k1, text_of(a)}, {k2, text_of(b)}, {k3, text_of(c)}, {k4, text_of(d)}});
}
template <class A, class B, class C, class D, class E>
void emit(Level level, std::string_view event, std::string_view k1, const A& a, std::string_view k2,
          const B& b, std::string_view k3, const C& c, std::string_view k4, const D& d,
          std::string_view k5, const E& e) {
    write(
        level, event,
        {{k1, text_of(a)}, {k2, text_of(b)}, {k3, text_of(c)}, {k4, text_of(d)}, {k5, text_of(e)}});
}
}  // namespace detail

}  // namespace nameplane::log

#define NP_LOG_AT(level, ...)                                                                      \
    do {                                                                                           \
        if (::nameplane::log::enabled(level)) ::nameplane::log::detail::emit(level, __VA_ARGS__);  \
    } while (false)
#define NP_LOG_DEBUG(...) NP_LOG_AT(::nameplane::log::Level::debug, __VA_ARGS__)
#define NP_LOG_INFO(...) NP_LOG_AT(::nameplane::log::Level::info, __VA_ARGS__)
#define NP_LOG_WARNING(...) NP_LOG_AT(::nameplane::log::Level::warning, __VA_ARGS__)
#define NP_LOG_ERROR(...) NP_LOG_AT(::nameplane::log::Level::error, __VA_ARGS__)
