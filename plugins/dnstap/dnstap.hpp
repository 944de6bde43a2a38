#pragma once
// dnstap: tells receivers of every query and its answer, and of every question to an upstream, in
// dnstap's format (https://dnstap.info).
//
//     settings   where to, and what
//     message    one event to octets
//
// A worker makes the octets and puts them into its queue; net/frame_stream sends them, or
// net/frame_readers, to who comes.

#include "plugins/dnstap/message.hpp"
#include "plugins/dnstap/settings.hpp"
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/query_format.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <memory>
#include <utility>

namespace nameplane::plugins {

class Dnstap final : public Plugin {
public:
    static constexpr std::array options{
        Option{"to", Words{.from = 1}, "the receiver or where to listen, and perhaps full, ..."},
        Option{"identity", Text{}, "who we are; unset: the name of the host"},
        Option{"version", Text{}, "what we are; unset: our own version"},
        Option{"extra", Text{}, "more about the query, with placeholders as in log"},
        Option{"skipverify", Flag{}, "take any receiver behind tls://, any reader"},
        Option{"tls", Words{.from = 2, .to = 3}, "certificate, key and CA, where readers come"}};
    static constexpr Syntax syntax{.positional = {"to..."}, .repeats = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
    bool taps() const noexcept override { return true; }
    void tap(Query& query, const UpstreamExchange& exchange) const noexcept override;

private:
    struct Note {
        tapping::WallTime asked;
        query_format::Asked as_asked;
    };
    Dnstap(tapping::Settings settings, std::shared_ptr<net::FrameSink> sink);

    /// Whether somebody is there to be told; counts it if not.
    bool has_receiver(Query& query) const noexcept;
    void send(Query& query, tapping::Event& event) const noexcept;
    std::string_view extra(Query& query) const noexcept;
    std::span<const std::uint8_t> wire_of(Query& query, const Reply& reply) const noexcept;

    tapping::Settings settings_;
    query_format::Format extra_;
    std::shared_ptr<net::FrameSink> sink_;  // nullptr: nothing runs (`nameplane check`)
};

}  // namespace nameplane::plugins
