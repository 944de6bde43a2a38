#pragma once
// chaos: version.bind and its like in class CH, which is how people ask a DNS server who it is.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nameplane::plugins {

/// Answers TXT queries of class CH for its five names; all else goes on.
class Chaos final : public Plugin {
public:
    static constexpr std::array options{
        Option{"version", Text{}, "what version.bind says; unset: our own"},
        Option{"authors", Words{}, "what authors.bind says"}};
    static constexpr Syntax syntax{.positional = {"version?", "authors..."},
                                   .again = Syntax::Again::first_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    bool takes_all_classes() const noexcept override { return true; }

private:
    /// Rdata of a TXT record with one string.
    using Text1 = std::vector<std::uint8_t>;

    Chaos() = default;
    static Text1 rdata(std::string_view text);
    void add(const Text1& text, Query& query, Reply& reply) const noexcept;

    Text1 version_;
    Text1 host_;
    std::vector<Text1> authors_;
    dns::Name authors_name_;
    std::array<dns::Name, 2> version_names_;
    std::array<dns::Name, 2> host_names_;
};

}  // namespace nameplane::plugins
