#include <nameplane/base/pattern.hpp>

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace nameplane {

namespace {

re2::StringPiece piece(std::string_view text) noexcept {
    return {text.data(), text.size()};
}

}  // namespace

Result<Pattern> Pattern::make(std::string_view text) {
    if (text.size() > octets_max) {
        return Error{Errc::invalid, "a pattern of " + std::to_string(text.size()) +
                                        " characters, expected at most " +
                                        std::to_string(octets_max)};
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto regex = std::make_shared<const re2::RE2>(piece(text), options);
    if (!regex->ok()) {
        return Error{Errc::invalid,
                     "'" + std::string{text} + "', expected a pattern (" + regex->error() + ")"};
    }
    if (static_cast<std::size_t>(regex->NumberOfCapturingGroups()) >= groups_max) {
        return Error{Errc::invalid, "'" + std::string{text} + "', expected at most " +
                                        std::to_string(groups_max - 1) + " groups"};
    }
    std::vector<std::string> names(static_cast<std::size_t>(regex->NumberOfCapturingGroups()) + 1);
    for (const auto& [number, name] : regex->CapturingGroupNames()) {
        names[static_cast<std::size_t>(number)] = name;
    }
    Pattern pattern;
    pattern.regex_ = std::move(regex);
    pattern.names_ = std::make_shared<const std::vector<std::string>>(std::move(names));
    return pattern;
}

bool Pattern::matches(std::string_view text) const noexcept {
    return regex_->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

bool Pattern::match(std::string_view text, std::span<std::string_view> groups) const noexcept {
    std::array<re2::StringPiece, groups_max> pieces;
    const std::size_t count = std::min({groups.size(), group_count() + 1, groups_max});
    if (!regex_->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, pieces.data(),
                       static_cast<int>(count))) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) groups[i] = {pieces[i].data(), pieces[i].size()};
    for (std::size_t i = count; i < groups.size(); ++i) groups[i] = {};
    return true;
}

std::size_t Pattern::group_count() const noexcept {
    return names_->size() - 1;
}

const std::string& Pattern::text() const noexcept {
    return regex_->pattern();
}

}  // namespace nameplane
