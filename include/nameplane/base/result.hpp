#pragma once
// Result<T>: a value, or an Error that says what went wrong. It is how configuration, Kubernetes,
// rule and network set-up code reports failure; nothing of ours throws across a module's border.

#include <nameplane/base/check.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace nameplane {

/// What kind of failure it was: enough for a caller to decide whether to retry.
enum class Errc : std::uint8_t {
    invalid,      ///< the input is wrong; trying again does not help
    not_found,    ///< what was named does not exist
    conflict,     ///< it exists already, or belongs to someone else
    exhausted,    ///< a range, table or limit is full
    permission,   ///< the kernel or the server refused: not allowed
    again,        ///< somebody was in between (EAGAIN, lock held): try again
    unsupported,  ///< the kernel, the build or the peer lacks it
    io,           ///< a system call or a peer failed
    mistakes,     ///< in a configuration: each line of the text says "file:line: what"
    internal,     ///< a bug of ours that could be survived
};

/// The word for `code` as it stands in logs and metrics: "invalid", "not_found", ...
std::string_view to_string(Errc code) noexcept;

/// One failure: its kind and one sentence for a person. Each layer adds its context once.
struct Error {
    Errc code = Errc::internal;
    std::string text;

    /// The same error with `context` put in front: "context: text".
    [[nodiscard]] Error within(std::string_view context) &&;

    friend bool operator==(const Error&, const Error&) = default;
};

/// The error for the errno value `number` after doing `what`, e.g. "bind 0.0.0.0:53: Permission
/// denied"; EPERM and EACCES map to `permission`, EAGAIN to `again`, ENOENT to `not_found`,
/// EEXIST to `conflict`, ENOSYS/EOPNOTSUPP/ENOPROTOOPT to `unsupported`, all others to `io`.
Error errno_error(int number, std::string_view what);

/// A T or an Error. Test with operator bool before value() or error(); both check.
template <class T> class [[nodiscard]] Result {
public:
    using Value = T;

    Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
    Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}

    explicit operator bool() const noexcept { return state_.index() == 0; }
    bool has_value() const noexcept { return state_.index() == 0; }

    T& value() & {
        NP_CHECK(has_value(), "value() of a Result that holds an Error");
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        NP_CHECK(has_value(), "value() of a Result that holds an Error");
        return *std::get_if<0>(&state_);
    }
    T&& value() && { return std::move(value()); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(value()); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    Error& error() & {
        NP_CHECK(!has_value(), "error() of a Result that holds a value");
        return *std::get_if<1>(&state_);
    }
    const Error& error() const& {
        NP_CHECK(!has_value(), "error() of a Result that holds a value");
        return *std::get_if<1>(&state_);
    }
    Error&& error() && { return std::move(error()); }

    /// The result of `f(value)`, or the error unchanged. `f` returns a plain value.
    template <class F> auto map(F&& f) && -> Result<std::invoke_result_t<F, T>> {
        if (!has_value()) return std::move(error());
        return std::forward<F>(f)(std::move(value()));
    }
    /// The result of `f(value)`, or the error unchanged. `f` returns a Result.
    template <class F> auto and_then(F&& f) && -> std::invoke_result_t<F, T> {
        if (!has_value()) return std::move(error());
        return std::forward<F>(f)(std::move(value()));
    }
    /// Itself, the error (if any) with `context` in front.
    Result within(std::string_view context) && {
        if (has_value()) return std::move(*this);
        return std::move(error()).within(context);
    }
    T value_or(T other) && { return has_value() ? std::move(value()) : std::move(other); }

private:
    std::variant<T, Error> state_;
};

/// Success, or an Error.
template <> class [[nodiscard]] Result<void> {
public:
    using Value = void;

    Result() = default;
    Result(Error error) : error_{std::move(error)} {}

    explicit operator bool() const noexcept { return !error_; }
    bool has_value() const noexcept { return !error_; }

    const Error& error() const& {
        NP_CHECK(error_.has_value(), "error() of a Result that holds a value");
        return *error_;
    }
    Error&& error() && {
        NP_CHECK(error_.has_value(), "error() of a Result that holds a value");
        return std::move(*error_);
    }
    template <class F> auto and_then(F&& f) && -> std::invoke_result_t<F> {
        if (error_) return std::move(*error_);
        return std::forward<F>(f)();
    }
    Result within(std::string_view context) && {
        if (!error_) return {};
        return std::move(*error_).within(context);
    }

private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace nameplane
