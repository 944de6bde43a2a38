#pragma once
// Stage: a chain built from the lines of a Corefile's server block by the real configuration, with
// a plugin behind that answers what a test has laid down and keeps what it was asked.

#include "chain/chain.hpp"
#include "dns/tsig.hpp"
#include "services/selections.hpp"
#include "services/snapshot.hpp"
#include "support/ldns_message.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/line_log.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/setup.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::test {

/// What the plugin behind says to a question; records as zone-file lines.
struct Said {
    dns::Rcode rcode = dns::Rcode::no_error;
    std::vector<std::string> answers{};
    std::vector<std::string> authorities{};
    std::vector<std::string> additionals{};
    bool authoritative = false;
    bool truncated = false;
    std::string error{};  ///< SERVFAIL for this reason
};

/// What the plugin behind was asked.
struct Heard {
    std::string name;
    std::string type;
    std::string klass;
    bool recursion_desired = false;
    std::uint16_t udp_size = 0;
    std::vector<std::uint8_t> edns_options;
};

struct StageAsk {
    std::string klass = "IN";
    std::string client = "192.0.2.1:4242";
    bool tcp = false;
    bool dnssec_ok = false;
    std::optional<std::uint16_t> edns_size{};
    std::vector<std::uint8_t> edns_options{};  ///< implies EDNS
    std::size_t worker = 0;
    dns::TsigSigner* signer = nullptr;  ///< signs the question, with the time below
    std::uint64_t signed_at = 0;
    /// Changes the question's octets before they are read.
    std::function<void(std::vector<std::uint8_t>&)> tamper{};
};

struct StageAnswer {
    bool dropped = false;
    LdnsMessage message;
    std::vector<std::uint8_t> wire;
    std::vector<std::uint8_t> edns_options;
    std::string rcode;

    /// Answer section, in its order, joined by "; ".
    std::string answers() const;
};

class Stage {
public:
    struct Options {
        std::vector<std::string> zones{"."};
        std::size_t workers = 1;
        Background* background = nullptr;
        LineLog* line_log = nullptr;
        const Clock* clock = nullptr;
        std::shared_ptr<const services::Snapshot> snapshot = services::Snapshot::empty();
        const services::Selections* selections = nullptr;
        std::vector<std::string> own_addresses{};
    };
    /// Fails the test if the lines are wrong.
    explicit Stage(std::string_view lines, Options options);
    explicit Stage(std::string_view lines) : Stage{lines, Options{}} {}
    Stage(Stage&&) noexcept;
    ~Stage();

    /// What the plugin behind answers; NXDOMAIN to all that was not laid down.
    Stage& behind(std::string_view name, std::string_view type, Said said);

    /// The search path that the plugin behind, called "behind", knows.
    Stage& behind_searches(const std::vector<std::string>& domains);

    StageAnswer ask(std::string_view name, std::string_view type, const StageAsk& how = {});
    /// The same lines made once more, with nobody behind.
    const chain::Chain& chain_without_behind();
    /// Of the last question; nothing if it did not come through.
    const std::optional<Heard>& heard() const;
    /// The sum of all series of a counter or gauge with these labels.
    double count(std::string_view name, const metrics::Labels& labels = {}) const;

private:
    class Behind;
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// All that is wrong with the lines, each problem in a line; empty if they are accepted.
std::string mistakes_in(std::string_view lines, Stage::Options options);
std::string mistakes_in(std::string_view lines);

}  // namespace nameplane::test
