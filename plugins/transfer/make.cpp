// The words of the configuration to rules.

#include "conf/host.hpp"
#include "conf/values.hpp"
#include "plugins/transfer/transfer.hpp"

#include <string>

namespace nameplane::plugins {

namespace {

using transfer::Rule;

constexpr std::chrono::milliseconds tick_every{200};

class RuleReader {
public:
    RuleReader(Setup& setup, Mistakes& mistakes) : setup_{setup}, mistakes_{mistakes} {}

    Rule read(const Statement& statement) {
        rule_ = {};
        for (const std::string& word : statement.words) {
            if (conf::add_zones(word, rule_.zones)) continue;
            wrong(statement, word, "a zone");
        }
        if (statement.words.empty()) rule_.zones.assign(setup_.zones.begin(), setup_.zones.end());
        bool has_to = false;
        for (const Statement& line : statement.body) {
            const std::string& option = line.words[0];
            if (option == "to") {
                has_to = true;
                read_to(line);
            } else if (option == "source") {
                read_source(line);
            } else {
                wrong(line, option, "'to' or 'source'");
            }
        }
        if (!has_to) mistakes_.add(statement.where, "transfer: no 'to', expected one");
        return std::move(rule_);
    }

private:
    void wrong(const Statement& line, std::string_view what, std::string_view expected) {
        mistakes_.add(line.where,
                      "transfer: '" + std::string{what} + "', expected " + std::string{expected});
    }

    void read_to(const Statement& line) {
        if (line.words.size() < 2) wrong(line, "to", "addresses or '*' behind it");
        for (std::size_t i = 1; i < line.words.size(); ++i) {
            const std::string& word = line.words[i];
            if (word == "*") {
                rule_.to_all = true;
            } else if (const auto host = conf::parse_host(word)) {
                if (host->has_interface) {
                    rule_.to_quiet.push_back(host->address.address);
                } else {
                    rule_.to.push_back(host->address);
                }
            } else {
                wrong(line, word, "an address such as '192.0.2.1' or '[2001:db8::1]:53', or '*'");
            }
        }
    }

    void read_source(const Statement& line) {
        if (line.words.size() != 2) return wrong(line, "source", "one address behind it");
        if (rule_.source) return wrong(line, "source", "it once");
        rule_.source = IpAddress::parse(line.words[1]);
        if (!rule_.source) wrong(line, line.words[1], "an address");
    }

    Setup& setup_;
    Mistakes& mistakes_;
    Rule rule_;
};

}  // namespace

Transfer::Transfer(Rules rules, const Counters& counters, Setup& setup)
    : rules_{std::move(rules)}, counters_{counters}, zones_{setup.zones_served} {
    if (zones_ == nullptr || setup.background == nullptr) return;
    const auto news = std::make_shared<transfer::News>();
    zones_->listen(news);
    const auto told = [&](std::string_view result) {
        return &setup.metrics.counter("nameplane_transfer_notifies_total",
                                      "Servers that were told of a zone's change, by result.",
                                      {{"result", std::string{result}}});
    };
    notifier_ = std::make_unique<transfer::Notifier>(
        rules_, news,
        transfer::Notifier::Counters{.accepted = told("accepted"), .failed = told("failed")});
    task_ = setup.background->every(tick_every,
                                    [this] { notifier_->tick(std::chrono::steady_clock::now()); });
}

Result<PluginPtr> Transfer::make(const Options& given, Setup& setup) {
    Mistakes mistakes;
    RuleReader reader{setup, mistakes};
    Rules rules;
    for (const Statement& statement : given.statements()) rules.push_back(reader.read(statement));
    if (mistakes.any()) return mistakes.to_error();
    const auto counter = [&](std::string_view result) {
        return &setup.metrics.counter("nameplane_transfer_requests_total",
                                      "Questions for whole zones, by result.",
                                      {{"result", std::string{result}}});
    };
    const Counters counters{.whole = counter("whole"),
                            .up_to_date = counter("up_to_date"),
                            .refused = counter("refused"),
                            .broken_off = counter("broken_off")};
    return PluginPtr{new Transfer{std::move(rules), counters, setup}};
}

}  // namespace nameplane::plugins
