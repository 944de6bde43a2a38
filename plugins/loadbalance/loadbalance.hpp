#pragma once
// loadbalance: puts the addresses of an answer into another order each time, so that clients that
// take the first one spread over all of them.

#include "base/published.hpp"
#include "plugins/loadbalance/weights.hpp"
#include <nameplane/base/background.hpp>
#include <nameplane/base/worker_local.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nameplane::plugins {

/// CNAMEs first, then the rest, addresses, MX. `round_robin` shuffles addresses and MX; `weighted`
/// draws the first address by weights; `prefer` puts addresses of its networks in front.
class Loadbalance final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query&, Reply&) const noexcept override { return Step::next; }
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

    struct Settings {
        bool weighted = false;
        std::string weight_file;
        std::chrono::milliseconds reload{30'000};
        std::vector<Cidr> preferred;
    };

private:
    using Records = std::span<dns::Record>;
    struct Local {
        std::uint64_t random = 0;
        std::optional<Reader<loadbalancing::Weights>> weights;
    };
    /// The address and the MX records of a section, once it is in order.
    struct Ordered {
        Records addresses;
        Records mx;
    };

    Loadbalance(Settings settings, const Setup& setup);
    Status read_weights();

    static std::uint32_t random(Local& local, std::size_t below) noexcept;
    static Ordered order(Section& section, bool rest_last, Arena& arena) noexcept;
    static void shuffle(Records records, Local& local) noexcept;
    static void draw_first(Records addresses, const loadbalancing::Weights& weights,
                           Local& local) noexcept;
    void prefer(Section& section, Arena& arena) const noexcept;

    Settings settings_;
    Published<loadbalancing::Weights> weights_;
    mutable WorkerLocal<Local> locals_;
    std::string read_text_;  ///< of the weight file; by who reads it
    std::unique_ptr<Background::Task> reloading_;
};

}  // namespace nameplane::plugins
