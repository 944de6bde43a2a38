#include "acme/challenges.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::acme {

namespace {

constexpr std::size_t value_octets_max = 255;

class Answering final : public Plugin {
public:
    explicit Answering(std::shared_ptr<const Challenges> challenges)
        : challenges_{std::move(challenges)} {}

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override {
        const bool is_asked = query.type() == dns::Type::txt && query.klass() == dns::Class::in;
        if (!is_asked || !challenges_->any()) return Step::next;
        bool found = false;
        challenges_->for_each(query.name(), [&](std::string_view value) {
            found = true;
            add(value, query, reply);
        });
        if (!found) return Step::next;
        if (reply.failed()) return Step::done;
        reply.rcode = dns::Rcode::no_error;
        reply.authoritative = true;
        return Step::done;
    }

private:
    static void add(std::string_view value, Query& query, Reply& reply) noexcept {
        const std::span<std::uint8_t> data = query.arena().array<std::uint8_t>(1 + value.size());
        if (data.empty()) return reply.fail("out of memory for a query");
        data[0] = static_cast<std::uint8_t>(value.size());
        std::ranges::copy(value, data.begin() + 1);
        reply.answer({.owner = query.name(),
                      .type = dns::Type::txt,
                      .klass = dns::Class::in,
                      .ttl = 0,
                      .data = dns::RawData{data}});
    }

    std::shared_ptr<const Challenges> challenges_;
};

}  // namespace

Challenges::Presented::Presented(Presented&& other) noexcept
    : owner_{std::exchange(other.owner_, nullptr)}, number_{other.number_} {}

Challenges::Presented::~Presented() {
    if (owner_ != nullptr) owner_->withdraw(number_);
}

Result<Challenges::Presented> Challenges::present(std::string_view domain, std::string value) {
    const std::string text = "_acme-challenge." + std::string{domain} + '.';
    const std::optional<dns::Name> name = dns::Name::parse(text);
    if (!name || value.size() > value_octets_max) {
        return Error{Errc::invalid, "a challenge for '" + std::string{domain} + "'"};
    }
    const std::lock_guard lock{mutex_};
    entries_.push_back({next_number_, name->lower(), std::move(value)});
    count_ = entries_.size();
    return Presented{*this, next_number_++};
}

void Challenges::withdraw(std::size_t number) {
    const std::lock_guard lock{mutex_};
    std::erase_if(entries_, [&](const Entry& entry) { return entry.number == number; });
    count_ = entries_.size();
}

PluginPtr answering(std::shared_ptr<const Challenges> challenges) {
    return PluginPtr{new Answering{std::move(challenges)}};
}

}  // namespace nameplane::acme
