// hot path
// The format of printf: what Go's fmt makes of it, wrong arguments included.

#include "plugins/template/format.hpp"
#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace nameplane::plugins::templating {

namespace {

using Kind = Value::Kind;

constexpr std::int64_t number_max = 1'000'000;

class Printer {
public:
    Printer(std::string_view format, std::span<const Value> arguments, Output& out) noexcept
        : format_{format}, arguments_{arguments}, out_{out} {}

    Outcome run() noexcept {
        while (!format_.empty()) {
            const std::size_t percent = std::min(format_.find('%'), format_.size());
            out_.add(format_.substr(0, percent));
            format_.remove_prefix(percent);
            if (format_.empty()) break;
            format_.remove_prefix(1);
            const Outcome outcome = print_one();
            if (outcome != Outcome::good) return outcome;
        }
        return print_rest();
    }

private:
    bool next_is(char c) const noexcept { return format_.starts_with(c); }

    void take_flags(Flags& flags) noexcept {
        for (; !format_.empty(); format_.remove_prefix(1)) {
            switch (format_.front()) {
            case '#': flags.sharp = true; break;
            case '0': flags.zero = true; break;
            case '+': flags.plus = true; break;
            case '-': flags.minus = true; break;
            case ' ': flags.space = true; break;
            default: return;
            }
        }
    }

    std::optional<std::size_t> take_number() noexcept {
        std::optional<std::size_t> number;
        while (!format_.empty() && format_.front() >= '0' && format_.front() <= '9') {
            const auto digit = static_cast<std::size_t>(format_.front() - '0');
            number = std::min<std::size_t>(number.value_or(0) * 10 + digit, number_max);
            format_.remove_prefix(1);
        }
        return number;
    }

    /// "[2]": the argument to go on with. Whether one stood there.
    bool take_place() noexcept {
        if (!next_is('[')) return false;
        is_ordered_ = false;
        const std::size_t close = format_.find(']');
        if (close == std::string_view::npos) {
            format_.remove_prefix(1);
            is_place_good_ = false;
            return false;
        }
        const std::string_view rest = format_.substr(close + 1);
        format_ = format_.substr(1, close - 1);
        const auto number = take_number();
        const bool is_number = number && format_.empty();
        format_ = rest;
        if (is_number && *number >= 1 && *number <= arguments_.size()) {
            at_ = *number - 1;
        } else {
            is_place_good_ = false;
        }
        return is_number;
    }

    /// The argument that '*' stands for; nothing if it is no small integer.
    std::optional<std::int64_t> take_star() noexcept {
        format_.remove_prefix(1);
        if (at_ >= arguments_.size()) return std::nullopt;
        const Value& value = arguments_[at_++];
        const bool good = value.kind == Kind::integer && value.integer <= number_max &&
                          value.integer >= -number_max;
        return good ? std::optional{value.integer} : std::nullopt;
    }

    void take_width(Flags& flags) noexcept {
        const bool had_place = take_place();
        if (!next_is('*')) {
            flags.width = take_number();
            if (had_place && flags.width) is_place_good_ = false;
            was_place_ = had_place;
            return;
        }
        const auto width = take_star();
        if (!width) out_.add("%!(BADWIDTH)");
        if (width) flags.width = static_cast<std::size_t>(*width < 0 ? -*width : *width);
        if (width && *width < 0) {
            flags.minus = true;
            flags.zero = false;
        }
        was_place_ = false;
    }

    void take_precision(Flags& flags) noexcept {
        if (!next_is('.') || format_.size() < 2) return;
        format_.remove_prefix(1);
        if (was_place_) is_place_good_ = false;
        was_place_ = take_place();
        if (!next_is('*')) {
            flags.precision = take_number().value_or(0);
            return;
        }
        const auto precision = take_star();
        if (precision && *precision >= 0) flags.precision = static_cast<std::size_t>(*precision);
        if (!flags.precision) out_.add("%!(BADPREC)");
        was_place_ = false;
    }

    Outcome print_one() noexcept {
        Flags flags;
        is_place_good_ = true;
        take_flags(flags);
        take_width(flags);
        take_precision(flags);
        if (!was_place_) take_place();
        if (format_.empty()) {
            out_.add("%!(NOVERB)");
            return Outcome::good;
        }
        const Rune verb = rune_of(format_);
        format_.remove_prefix(verb.octets);
        if (verb.number == '%') {
            out_.add("%");
            return Outcome::good;
        }
        if (!is_place_good_ || at_ >= arguments_.size()) {
            out_.add("%!");
            add_rune(verb.number, out_);
            out_.add(is_place_good_ ? "(MISSING)" : "(BADINDEX)");
            return Outcome::good;
        }
        if (verb.number == 'v') {
            flags.go_syntax = std::exchange(flags.sharp, false);
            flags.plus_v = std::exchange(flags.plus, false);
        }
        const Value& value = arguments_[at_++];
        // An address is another each time.
        const bool has_address = value.kind == Kind::list || value.kind == Kind::map ||
                                 value.kind == Kind::object || value.kind == Kind::objects;
        if (verb.number == 'p' && has_address) return Outcome::wrong;
        return Formatter{flags, out_}.argument(value, verb.number);
    }

    /// Arguments that no verb took.
    Outcome print_rest() noexcept {
        if (!is_ordered_ || at_ >= arguments_.size()) return Outcome::good;
        out_.add("%!(EXTRA ");
        for (std::size_t i = at_; i < arguments_.size(); ++i) {
            const Value& value = arguments_[i];
            if (i != at_) out_.add(", ");
            out_.add(type_name(value));
            if (value.kind == Kind::nothing) continue;
            out_.add("=");
            const Outcome outcome = print_argument(value, out_);
            if (outcome != Outcome::good) return outcome;
        }
        out_.add(")");
        return Outcome::good;
    }

    std::string_view format_;
    std::span<const Value> arguments_;
    Output& out_;
    std::size_t at_ = 0;
    bool is_ordered_ = true;
    bool is_place_good_ = true;
    bool was_place_ = false;  ///< a place stood just before
};

}  // namespace

Outcome print_formatted(std::span<const Value> arguments, Output& out) noexcept {
    if (arguments.empty() || arguments[0].kind != Kind::text) return Outcome::wrong;
    return Printer{arguments[0].text, arguments.subspan(1), out}.run();
}

}  // namespace nameplane::plugins::templating
