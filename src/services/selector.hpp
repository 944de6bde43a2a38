#pragma once
// Selector: a label selector of Kubernetes, as CoreDNS' options `labels` and `namespace_labels`
// take it: "environment in (staging, qa),application=nginx,!legacy". All requirements must hold.

#include "services/model.hpp"
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::services {

class Selector {
public:
    /// What is wrong stands in the error: "what, expected what".
    static Result<Selector> parse(std::string_view text);
    bool matches(const Labels& labels) const;
    /// The same selection, however it was written.
    friend bool operator==(const Selector&, const Selector&) = default;
    /// In one way for equal selectors.
    std::string to_string() const;

private:
    enum class Verb : std::uint8_t { in, not_in, exists, exists_not };
    struct Requirement {
        std::string key;
        Verb verb = Verb::exists;
        std::vector<std::string> values;  ///< sorted; of in and not_in
        friend auto operator<=>(const Requirement&, const Requirement&) = default;
    };
    class Parser;

    static bool holds(const Requirement& requirement, const Labels& labels);

    std::vector<Requirement> requirements_;  ///< sorted
};

}  // namespace nameplane::services
