#pragma once
// tsig: queries signed with a shared secret (RFC 8945): the signature is checked, the answer
// signed, and what must be signed and is not refused. README.md says how it differs from CoreDNS.

#include "dns/tsig.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// Of everything in its zones, NOTIFYs and transfers too.
class Tsig final : public Plugin {
public:
    static constexpr std::array options{
        Option{"zones", Zones{}, "zones to sign for; unset: those of the server block"},
        Option{"secret", Statements{}, "name of a key, and its secret in base64"},
        Option{"secrets", Statements{}, "file with keys, as named.conf has them"},
        Option{"require", Statements{},
               "types of queries that must be signed; 'all' or 'none' (unset)"},
        Option{"require_opcode", Statements{},
               "opcodes of messages that must be signed; 'all' or 'none' (unset)"}};
    static constexpr Syntax syntax{.positional = {"zones..."}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }

    /// Which of something must be signed.
    template <class T> struct Required {
        bool all = false;
        std::vector<T> some;
        bool has(T one) const noexcept {
            if (all) return true;
            for (const T each : some) {
                if (each == one) return true;
            }
            return false;
        }
    };
    struct Settings {
        std::vector<dns::Name> zones;
        std::vector<dns::TsigKey> keys;
        Required<dns::Type> types;
        Required<dns::Opcode> opcodes;
    };

private:
    Tsig(Settings settings, const Clock& clock) : settings_{std::move(settings)}, clock_{&clock} {}
    const dns::TsigKey* key_called(dns::NameView name) const noexcept;
    std::uint64_t now() const noexcept;
    Step check(const dns::Tsig& signature, Query& query, Reply& reply) const noexcept;

    Settings settings_;
    const Clock* clock_;
};

}  // namespace nameplane::plugins
