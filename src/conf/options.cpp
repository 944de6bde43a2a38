#include "conf/values.hpp"
#include <nameplane/conf/options.hpp>

namespace nameplane {

namespace {

template <class T> const T& as(const Options::Value& value) {
    const T* const typed = std::get_if<T>(&value);
    NP_CHECK(typed != nullptr, "an option is asked for by the type of its table");
    return *typed;
}

}  // namespace

Options::Options(std::span<const Option> table) {
    for (const Option& option : table) {
        entries_.emplace(std::string{option.name}, Entry{conf::default_of(option.type), false});
    }
}

const Options::Entry& Options::entry(std::string_view name) const {
    const auto found = entries_.find(name);
    NP_CHECK(found != entries_.end(), "an option is asked for by a name of its table");
    return found->second;
}

std::uint32_t Options::seconds(std::string_view name) const {
    return as<std::uint32_t>(entry(name).value);
}
std::chrono::milliseconds Options::milliseconds(std::string_view name) const {
    return std::chrono::milliseconds{as<std::uint64_t>(entry(name).value)};
}
std::int64_t Options::integer(std::string_view name) const {
    return as<std::int64_t>(entry(name).value);
}
bool Options::flag(std::string_view name) const {
    return as<bool>(entry(name).value);
}
const std::string& Options::word(std::string_view name) const {
    return as<std::string>(entry(name).value);
}
const std::string& Options::text(std::string_view name) const {
    return as<std::string>(entry(name).value);
}
const std::vector<std::string>& Options::words(std::string_view name) const {
    return as<std::vector<std::string>>(entry(name).value);
}
const std::vector<dns::Name>& Options::zones(std::string_view name) const {
    return as<std::vector<dns::Name>>(entry(name).value);
}
const std::vector<Cidr>& Options::cidrs(std::string_view name) const {
    return as<std::vector<Cidr>>(entry(name).value);
}
const std::vector<IpAddress>& Options::addresses(std::string_view name) const {
    return as<std::vector<IpAddress>>(entry(name).value);
}
Ports Options::ports(std::string_view name) const {
    return as<Ports>(entry(name).value);
}

const std::vector<Statement>& Options::statements(std::string_view name) const {
    return as<std::vector<Statement>>(entry(name).value);
}

const Where& Options::where(std::string_view name) const {
    const Entry& option = entry(name);
    return option.given && !option.where.file.empty() ? option.where : where_;
}

Error Options::wrong(std::string_view name, std::string_view what) const {
    Mistakes mistakes;
    mistakes.add(where(name), std::string{name} + ": " + std::string{what});
    return mistakes.to_error();
}

bool Options::given(std::string_view name) const {
    return entry(name).given;
}

void Options::set(std::string_view name, Value value, Where where) {
    const auto found = entries_.find(name);
    NP_CHECK(found != entries_.end(), "an option is set by a name of its table");
    NP_CHECK(found->second.value.index() == value.index(), "an option keeps its type");
    found->second = Entry{std::move(value), true, std::move(where)};
}

}  // namespace nameplane
