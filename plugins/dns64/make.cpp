// The words of the configuration to settings.

#include "plugins/dns64/dns64.hpp"

#include <optional>
#include <string>

namespace nameplane::plugins {

namespace {

using Settings = Dns64::Settings;

class SettingsReader {
public:
    explicit SettingsReader(Mistakes& mistakes) : mistakes_{mistakes} {
        settings_.prefix = *Cidr::parse("64:ff9b::/96");
    }

    void read(const Statement& statement) {
        if (statement.words.size() == 1) set_prefix(statement.words[0], statement.where);
        if (statement.words.size() > 1) {
            wrong(statement.where, "'" + statement.words[1] + "', expected nothing more behind it");
        }
        for (const Statement& line : statement.body) read_line(line);
    }
    const Settings& settings() const noexcept { return settings_; }

private:
    void wrong(const Where& where, const std::string& text) {
        mistakes_.add(where, "dns64: " + text);
    }

    void set_prefix(const std::string& text, const Where& where) {
        const auto prefix = Cidr::parse(text);
        const bool usable = prefix && prefix->address().is_v6() && prefix->prefix() % 8 == 0 &&
                            prefix->prefix() >= 32 && prefix->prefix() <= 96;
        if (!usable) {
            return wrong(where, "'" + text +
                                    "', expected an IPv6 network of 32 to 96 bits, a "
                                    "multiple of 8, such as '64:ff9b::/96'");
        }
        settings_.prefix = *prefix;
    }

    void read_line(const Statement& line) {
        const std::string& name = line.words[0];
        if (name == "prefix") {
            set_prefix(line.words.size() == 2 ? line.words[1] : std::string{}, line.where);
        } else if (line.words.size() > 1) {
            wrong(line.where, name + ": '" + line.words[1] + "', expected nothing behind it");
        } else if (name == "translate_all") {
            settings_.translate_all = true;
        } else if (name == "allow_ipv4") {
            settings_.allow_ipv4 = true;
        } else {
            wrong(line.where, "'" + name + "', expected 'prefix', 'translate_all' or 'allow_ipv4'");
        }
    }

    Mistakes& mistakes_;
    Settings settings_;
};

}  // namespace

Result<PluginPtr> Dns64::make(const Options& given, Setup& setup) {
    Mistakes mistakes;
    SettingsReader reader{mistakes};
    for (const Statement& statement : given.statements()) reader.read(statement);
    if (mistakes.any()) return mistakes.to_error();
    metrics::Counter& translated = setup.metrics.counter(
        "coredns_dns64_requests_translated_total", "Counter of DNS requests translated by dns64.",
        {{"server", std::string{setup.server_label}}});
    return PluginPtr{new Dns64{reader.settings(), translated}};
}

}  // namespace nameplane::plugins
