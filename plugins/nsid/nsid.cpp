#include "plugins/nsid/nsid.hpp"

#include "dns/reader.hpp"

#include <unistd.h>

namespace nameplane::plugins {

namespace {

constexpr std::uint16_t nsid_code = 3;
/// What Reply::edns_option() takes.
constexpr std::size_t octets_max = 4092;

bool asks_for_nsid(std::span<const std::uint8_t> options) noexcept {
    dns::ByteReader reader{options};
    while (!reader.at_end()) {
        const auto code = reader.u16();
        const auto length = reader.u16();
        if (code == nsid_code) return true;
        if (!length || !reader.skip(*length)) return false;
    }
    return false;
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

}  // namespace

Result<PluginPtr> Nsid::make(const Options& given, Setup&) {
    std::string data;
    for (const std::string& word : given.words("data")) {
        if (!data.empty()) data += ' ';
        data += word;
    }
    if (!given.given("data")) data = host_name();
    if (data.size() > octets_max) {
        return given.wrong("data", std::to_string(data.size()) + " characters, expected at most " +
                                       std::to_string(octets_max));
    }
    return PluginPtr{new Nsid{std::move(data)}};
}

Step Nsid::ask(Query& query, Reply&) const noexcept {
    // Those behind may change the options, so it counts now.
    if (query.has_edns() && asks_for_nsid(query.edns_options())) {
        if (bool* const wanted = query.keep<bool>(this)) *wanted = true;
    }
    return Step::next;
}

Step Nsid::tell(Query& query, Reply& reply) const noexcept {
    if (query.kept<bool>(this) != nullptr) {
        reply.edns_option(nsid_code,
                          {reinterpret_cast<const std::uint8_t*>(data_.data()), data_.size()});
    }
    return Step::done;
}

}  // namespace nameplane::plugins
