#include "plugins/chaos/chaos.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>

namespace nameplane::plugins {

namespace {

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

}  // namespace

Chaos::Text1 Chaos::rdata(std::string_view text) {
    const std::string_view fits = text.substr(0, 255);
    Text1 data(1 + fits.size(), static_cast<std::uint8_t>(fits.size()));
    std::ranges::copy(fits, data.begin() + 1);
    return data;
}

Result<PluginPtr> Chaos::make(const Options& given, Setup&) {
    std::unique_ptr<Chaos> chaos{new Chaos};
    const std::string& version = given.text("version");
    chaos->version_ = rdata(given.given("version") ? version : "Nameplane-" NAMEPLANE_VERSION);
    chaos->host_ = rdata(host_name());
    const std::vector<std::string>& words = given.words("authors");
    for (const std::string& author : std::set<std::string>{words.begin(), words.end()}) {
        chaos->authors_.push_back(rdata(author));
    }
    chaos->authors_name_ = *dns::Name::parse("authors.bind.");
    chaos->version_names_ = {*dns::Name::parse("version.bind."),
                             *dns::Name::parse("version.server.")};
    chaos->host_names_ = {*dns::Name::parse("hostname.bind."), *dns::Name::parse("id.server.")};
    return PluginPtr{std::move(chaos)};
}

void Chaos::add(const Text1& text, Query& query, Reply& reply) const noexcept {
    reply.answer({.owner = query.name(),
                  .type = dns::Type::txt,
                  .klass = dns::Class::ch,
                  .ttl = 0,
                  .data = dns::RawData{text}});
}

Step Chaos::ask(Query& query, Reply& reply) const noexcept {
    if (query.klass() != dns::Class::ch || query.type() != dns::Type::txt) return Step::next;
    const auto asked = [&](const dns::Name& name) { return query.name().equals(name); };
    if (asked(authors_name_)) {
        // Each of them comes first now and then.
        for (std::size_t i = 0; i < authors_.size(); ++i) {
            add(authors_[(i + query.id()) % authors_.size()], query, reply);
        }
    } else if (std::ranges::any_of(version_names_, asked)) {
        add(version_, query, reply);
    } else if (std::ranges::any_of(host_names_, asked)) {
        add(host_, query, reply);
    } else {
        return Step::next;
    }
    reply.rcode = dns::Rcode::no_error;
    return Step::done;
}

}  // namespace nameplane::plugins
