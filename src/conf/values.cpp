#include "conf/values.hpp"

#include "dns/reverse.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <type_traits>

namespace nameplane::conf {

namespace {

template <class T> std::optional<T> parse_number(std::string_view text) noexcept {
    T number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

constexpr std::uint64_t ns_a_ms = 1'000'000;

struct TimeUnit {
    std::string_view name;
    std::uint64_t nanoseconds;
};
constexpr std::array<TimeUnit, 8> time_units{{{"h", 3'600'000 * ns_a_ms},
                                              {"m", 60'000 * ns_a_ms},
                                              {"s", 1000 * ns_a_ms},
                                              {"ms", ns_a_ms},
                                              {"us", 1000},
                                              {"\u00b5s", 1000},
                                              {"\u03bcs", 1000},
                                              {"ns", 1}}};
constexpr std::uint64_t duration_ns_max = 100ULL * 366 * 24 * 3'600'000 * ns_a_ms;

// "1.5" of `unit` nanoseconds, what is less than one of them left out.
std::optional<std::uint64_t> times(std::string_view number, std::uint64_t unit) noexcept {
    const std::size_t point = number.find('.');
    std::string_view fraction =
        point == std::string_view::npos ? std::string_view{} : number.substr(point + 1);
    const std::string_view whole = number.substr(0, point);
    if (whole.empty() && fraction.empty()) return std::nullopt;
    const std::optional<std::uint64_t> count =
        whole.empty() ? std::optional<std::uint64_t>{0} : parse_number<std::uint64_t>(whole);
    if (!count || *count > duration_ns_max / unit) return std::nullopt;
    std::uint64_t total = *count * unit;
    for (; !fraction.empty(); fraction.remove_prefix(1)) {
        if (fraction.front() == '.') return std::nullopt;
        unit /= 10;
        total += unit * static_cast<std::uint64_t>(fraction.front() - '0');
    }
    return total;
}

std::vector<std::string> split_at_spaces(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

std::string quoted(std::string_view text) {
    return "'" + std::string{text} + "'";
}

std::string joined(std::span<const std::string> words) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += ' ';
        text += word;
    }
    return text;
}

// Reads the words of one option; one overload of operator() for each kind.
class ValueReader {
public:
    explicit ValueReader(std::span<const std::string> words) noexcept : words_{words} {}

    std::optional<Options::Value> operator()(const Seconds& type) const {
        const auto text = single();
        if (!text) return std::nullopt;
        if (const auto bare = parse_number<std::uint32_t>(*text)) return within(*bare, type);
        const auto duration = parse_duration(*text);
        if (!duration || duration->count() % 1000 != 0) return std::nullopt;
        const std::int64_t seconds = duration->count() / 1000;
        if (seconds > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
        return within(static_cast<std::uint32_t>(seconds), type);
    }
    std::optional<Options::Value> operator()(const Milliseconds& type) const {
        const auto text = single();
        if (!text) return std::nullopt;
        const auto duration = parse_duration(*text);
        if (!duration) return std::nullopt;
        return within(static_cast<std::uint64_t>(duration->count()), type);
    }
    std::optional<Options::Value> operator()(const Integer& type) const {
        const auto text = single();
        const auto number = text ? parse_number<std::int64_t>(*text) : std::nullopt;
        if (!number) return std::nullopt;
        return within(*number, type);
    }
    std::optional<Options::Value> operator()(const Flag&) const {
        if (words_.empty()) return true;
        if (words_.size() > 1) return std::nullopt;
        if (words_[0] == "true") return true;
        if (words_[0] == "false") return false;
        return std::nullopt;
    }
    std::optional<Options::Value> operator()(const OneOf& type) const {
        const auto text = single();
        if (!text) return std::nullopt;
        // Unused places of the table are empty words; an option whose default is none of its words
        // can be set back to it.
        const bool is_word =
            !text->empty() && std::ranges::find(type.words, *text) != type.words.end();
        if (!is_word && *text != type.unset) return std::nullopt;
        return std::string{*text};
    }
    std::optional<Options::Value> operator()(const Text&) const {
        if (const auto text = single()) return std::string{*text};
        return std::nullopt;
    }
    std::optional<Options::Value> operator()(const Words& type) const {
        if (words_.size() < type.from || words_.size() > type.to) return std::nullopt;
        return std::vector<std::string>(words_.begin(), words_.end());
    }
    std::optional<Options::Value> operator()(const Statements&) const {
        return std::vector<Statement>{{{words_.begin(), words_.end()}, {}, {}}};
    }
    std::optional<Options::Value> operator()(const Zones&) const {
        std::vector<dns::Name> zones;
        for (const std::string& word : words_) {
            if (add_zones(word, zones)) continue;
            culprit_ = word;
            return std::nullopt;
        }
        return zones;
    }
    std::optional<Options::Value> operator()(const Cidrs&) const {
        return list<Cidr>([](std::string_view word) { return Cidr::parse(word); });
    }
    std::optional<Options::Value> operator()(const Addresses&) const {
        return list<IpAddress>([](std::string_view word) { return IpAddress::parse(word); });
    }
    std::optional<Options::Value> operator()(const PortRange&) const {
        const auto text = single();
        const auto ports = text ? parse_ports(*text) : std::nullopt;
        if (!ports) return std::nullopt;
        return *ports;
    }

    /// The first word that is wrong in a list, else all of them.
    const std::string& culprit() const noexcept { return culprit_; }

private:
    std::optional<std::string_view> single() const noexcept {
        if (words_.size() != 1) return std::nullopt;
        return std::string_view{words_[0]};
    }
    template <class T, class Type>
    static std::optional<Options::Value> within(T number, const Type& type) {
        if (number < type.from || number > type.to) return std::nullopt;
        return number;
    }
    template <class T, class Parse> std::optional<Options::Value> list(Parse parse) const {
        std::vector<T> values;
        for (const std::string& word : words_) {
            const auto value = parse(word);
            if (!value) {
                culprit_ = word;
                return std::nullopt;
            }
            values.push_back(*value);
        }
        return values;
    }

    std::span<const std::string> words_;
    mutable std::string culprit_;
};

std::string word_list(const OneOf& type) {
    std::string text = "one of";
    for (std::string_view word : type.words) {
        if (!word.empty()) text += ' ' + quoted(word);
    }
    return text;
}

struct Expected {
    std::string operator()(const Seconds& type) const {
        return "seconds from " + std::to_string(type.from) + " to " + std::to_string(type.to);
    }
    std::string operator()(const Milliseconds& type) const {
        using std::chrono::milliseconds;
        return "a duration from " + duration_text(milliseconds{type.from}) + " to " +
               duration_text(milliseconds{type.to});
    }
    std::string operator()(const Integer& type) const {
        return "a number from " + std::to_string(type.from) + " to " + std::to_string(type.to);
    }
    std::string operator()(const Flag&) const { return "true or false"; }
    std::string operator()(const OneOf& type) const { return word_list(type); }
    std::string operator()(const Text&) const { return "one text"; }
    std::string operator()(const Words& type) const {
        constexpr std::size_t many = Words{}.to;
        if (type.from == 0 && type.to == many) return "words";
        const std::string from = std::to_string(type.from);
        if (type.to == many) return from + (type.from == 1 ? " word or more" : " words or more");
        if (type.from == type.to) return from + (type.from == 1 ? " word" : " words");
        return from + " to " + std::to_string(type.to) + " words";
    }
    std::string operator()(const Statements&) const { return "lines"; }
    std::string operator()(const Zones&) const {
        return "domain names such as 'cluster.local', or networks such as '10.96.0.0/12'";
    }
    std::string operator()(const Cidrs&) const { return "networks such as '10.96.0.0/12'"; }
    std::string operator()(const Addresses&) const { return "addresses such as '10.0.0.1'"; }
    std::string operator()(const PortRange&) const {
        return "a range of ports such as '30000-32767'";
    }
};

Options::Value read_default(const OptionType& type, std::string_view unset) {
    const std::vector<std::string> words = split_at_spaces(unset);
    Result<Options::Value> value = read_value(type, words);
    NP_CHECK(value.has_value(), "the default of an option is one of its values");
    return std::move(value).value();
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
    if (text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return std::chrono::milliseconds{0};
    if (text.empty()) return std::nullopt;
    std::uint64_t total = 0;
    while (!text.empty()) {
        const std::size_t number_end = std::min(text.find_first_not_of("0123456789."), text.size());
        const std::string_view number = text.substr(0, number_end);
        text.remove_prefix(number_end);
        const std::size_t unit_end = std::min(text.find_first_of("0123456789."), text.size());
        const auto* const unit =
            std::ranges::find(time_units, text.substr(0, unit_end), &TimeUnit::name);
        if (unit == time_units.end()) return std::nullopt;
        const std::optional<std::uint64_t> amount = times(number, unit->nanoseconds);
        if (!amount) return std::nullopt;
        total += *amount;
        if (total > duration_ns_max) return std::nullopt;
        text.remove_prefix(unit_end);
    }
    return std::chrono::milliseconds{(total + ns_a_ms - 1) / ns_a_ms};
}

std::string duration_text(std::chrono::milliseconds duration) {
    auto left = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    std::string text;
    for (const TimeUnit& unit : time_units) {
        const std::uint64_t milliseconds = unit.nanoseconds / ns_a_ms;
        if (milliseconds == 0 || left < milliseconds) continue;
        text += std::to_string(left / milliseconds) + std::string{unit.name};
        left %= milliseconds;
    }
    return text.empty() ? "0s" : text;
}

std::optional<Ports> parse_ports(std::string_view text) noexcept {
    const std::size_t dash = text.find('-');
    const auto first = parse_number<std::uint16_t>(text.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number<std::uint16_t>(text.substr(dash + 1));
    if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
    return Ports{*first, *last};
}

bool add_bare_zones(std::string_view text, std::vector<dns::Name>& zones) {
    // "0/25.2.0.192.in-addr.arpa" is a name (RFC 2317).
    const std::size_t slash = text.rfind('/');
    if (slash != std::string_view::npos &&
        text.find_first_not_of("0123456789", slash + 1) == std::string_view::npos) {
        const auto network = Cidr::parse(text);
        if (network) std::ranges::copy(dns::reverse_zones(*network), std::back_inserter(zones));
        return network.has_value();
    }
    const auto name = dns::Name::parse(text);
    if (name) zones.push_back(name->lower());
    return name.has_value();
}

bool add_zones(std::string_view text, std::vector<dns::Name>& zones) {
    for (const std::string_view scheme :
         {"dns://", "tls://", "https://", "https3://", "quic://", "grpc://", "unix://"}) {
        if (!text.starts_with(scheme)) continue;
        text.remove_prefix(scheme.size());
        break;
    }
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos) {
        if (colon + 1 == text.size()) return false;
        const bool is_port =
            text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
        if (is_port) text = text.substr(0, colon);
    }
    return add_bare_zones(text, zones);
}

std::string expected_of(const OptionType& type) {
    return std::visit(Expected{}, type);
}

Result<Options::Value> read_value(const OptionType& type, std::span<const std::string> words) {
    const ValueReader reader{words};
    if (auto value = std::visit(reader, type)) return std::move(*value);
    const std::string given = reader.culprit().empty() ? joined(words) : reader.culprit();
    return Error{Errc::invalid, quoted(given) + ", expected " + expected_of(type)};
}

Options::Value default_of(const OptionType& type) {
    return std::visit(
        [&](const auto& kind) -> Options::Value {
            using Kind = std::decay_t<decltype(kind)>;
            if constexpr (std::is_same_v<Kind, Words>) {
                return std::vector<std::string>{};
            } else if constexpr (std::is_same_v<Kind, Statements>) {
                return std::vector<Statement>{};
            } else if constexpr (std::is_same_v<Kind, Zones>) {
                return std::vector<dns::Name>{};
            } else if constexpr (std::is_same_v<Kind, Text> || std::is_same_v<Kind, OneOf>) {
                return std::string{kind.unset};
            } else if constexpr (std::is_same_v<Kind, Cidrs> || std::is_same_v<Kind, Addresses> ||
                                 std::is_same_v<Kind, PortRange>) {
                return read_default(type, kind.unset);
            } else {
                return kind.unset;
            }
        },
        type);
}

}  // namespace nameplane::conf
