#include "support/ldns_message.hpp"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace nameplane::test {

namespace {

struct FreePacket {
    void operator()(ldns_pkt* packet) const noexcept { ldns_pkt_free(packet); }
};
struct FreeRecord {
    void operator()(ldns_rr* record) const noexcept { ldns_rr_free(record); }
};

/// ldns' text with tabs and runs of blanks as one blank, without the line's end.
std::string one_line(char* text) {
    const std::unique_ptr<char, void (*)(void*)> owned{text, std::free};
    std::string out;
    bool quoted = false;
    for (const char* at = text; *at != 0; ++at) {
        const bool blank = !quoted && (*at == ' ' || *at == '\t' || *at == '\n');
        if (*at == '"' && (at == text || at[-1] != '\\')) quoted = !quoted;
        if (!blank) out += *at;
        if (blank && !out.empty() && out.back() != ' ') out += ' ';
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::vector<std::string> lines_of(const ldns_rr_list* list) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
        lines.push_back(one_line(ldns_rr2str(ldns_rr_list_rr(list, i))));
    }
    return lines;
}

unsigned count_at(std::span<const std::uint8_t> wire, std::size_t at) {
    return static_cast<unsigned>(wire[at] << 8 | wire[at + 1]);
}

bool counts_agree(std::span<const std::uint8_t> wire, const LdnsMessage& message, bool is_signed) {
    return count_at(wire, 4) == message.questions.size() &&
           count_at(wire, 6) == message.answers.size() &&
           count_at(wire, 8) == message.authorities.size() &&
           count_at(wire, 10) ==
               message.additionals.size() + (message.edns ? 1U : 0U) + (is_signed ? 1U : 0U);
}

}  // namespace

std::optional<LdnsMessage> read_with_ldns(std::span<const std::uint8_t> wire) {
    ldns_pkt* raw = nullptr;
    if (ldns_wire2pkt(&raw, wire.data(), wire.size()) != LDNS_STATUS_OK) return std::nullopt;
    const std::unique_ptr<ldns_pkt, FreePacket> packet{raw};

    LdnsMessage out;
    out.id = ldns_pkt_id(raw);
    out.opcode = ldns_pkt_get_opcode(raw);
    out.response = ldns_pkt_qr(raw);
    out.authoritative = ldns_pkt_aa(raw);
    out.truncated = ldns_pkt_tc(raw);
    out.recursion_desired = ldns_pkt_rd(raw);
    out.recursion_available = ldns_pkt_ra(raw);
    out.authentic_data = ldns_pkt_ad(raw);
    out.checking_disabled = ldns_pkt_cd(raw);
    out.rcode = ldns_pkt_get_rcode(raw);
    if (ldns_pkt_edns(raw)) {
        out.rcode |= static_cast<unsigned>(ldns_pkt_edns_extended_rcode(raw)) << 4;
        out.edns = LdnsMessage::Edns{.udp_size = ldns_pkt_edns_udp_size(raw),
                                     .version = ldns_pkt_edns_version(raw),
                                     .dnssec_ok = ldns_pkt_edns_do(raw)};
    }
    out.questions = lines_of(ldns_pkt_question(raw));
    out.answers = lines_of(ldns_pkt_answer(raw));
    out.authorities = lines_of(ldns_pkt_authority(raw));
    out.additionals = lines_of(ldns_pkt_additional(raw));
    if (!counts_agree(wire, out, ldns_pkt_tsig(raw) != nullptr)) return std::nullopt;
    return out;
}

std::optional<std::string> normalized_record(const std::string& line) {
    ldns_rr* raw = nullptr;
    if (ldns_rr_new_frm_str(&raw, line.c_str(), 0, nullptr, nullptr) != LDNS_STATUS_OK) {
        return std::nullopt;
    }
    const std::unique_ptr<ldns_rr, FreeRecord> record{raw};
    return one_line(ldns_rr2str(raw));
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
    std::ranges::sort(lines);
    return lines;
}

}  // namespace nameplane::test
