#include "plugins/tsig/tsig.hpp"

#include <nameplane/seal.hpp>
#include <nameplane/zones.hpp>

namespace nameplane::plugins {

namespace {

using dns::TsigError;
using dns::TsigVerdict;

/// Signs the answers to one query, and keeps the names that the record repeats.
class TsigSeal final : public Seal {
public:
    void begin(const dns::Tsig& asked, std::uint16_t id, const Clock& clock) noexcept {
        clock_ = &clock;
        key_name_ = asked.key;
        algorithm_ = asked.algorithm;
        signer_.key_name = key_name_;
        signer_.algorithm = algorithm_;
        signer_.original_id = id;
        signer_.request_time = asked.time;
        signer_.prior.set(asked.mac);
    }
    void sign_with(const dns::TsigKey& key, dns::TsigAlgorithm algorithm) noexcept {
        signer_.key = &key;
        signer_.hash = algorithm;
    }
    /// From here on the record says so; without a key to trust there is no MAC in it.
    void set_error(TsigError error) noexcept {
        signer_.error = error;
        if (error == TsigError::bad_key || error == TsigError::bad_sig) signer_.key = nullptr;
    }

    std::size_t octets_max() const noexcept override { return signer_.octets_max(); }
    std::size_t close(std::span<std::uint8_t> room, std::size_t size) noexcept override {
        const auto now =
            std::chrono::duration_cast<std::chrono::seconds>(clock_->wall().time_since_epoch());
        return signer_.append(room, size, static_cast<std::uint64_t>(now.count()));
    }

private:
    const Clock* clock_ = nullptr;
    dns::Name key_name_;
    dns::Name algorithm_;
    dns::TsigSigner signer_;
};

Step answer(dns::Rcode rcode, Reply& reply) noexcept {
    reply.rcode = rcode;
    return Step::done;
}

TsigError error_of(TsigVerdict verdict) noexcept {
    switch (verdict) {
    case TsigVerdict::good:
    case TsigVerdict::malformed: break;
    case TsigVerdict::bad_sig: return TsigError::bad_sig;
    case TsigVerdict::bad_time: return TsigError::bad_time;
    case TsigVerdict::bad_trunc: return TsigError::bad_trunc;
    }
    return TsigError::none;
}

}  // namespace

const dns::TsigKey* Tsig::key_called(dns::NameView name) const noexcept {
    for (const dns::TsigKey& key : settings_.keys) {
        if (name.equals(key.name)) return &key;
    }
    return nullptr;
}

std::uint64_t Tsig::now() const noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(clock_->wall().time_since_epoch())
            .count());
}

Step Tsig::ask(Query& query, Reply& reply) const noexcept {
    if (query.message().empty() || longest_zone(settings_.zones, query.name()) == nullptr) {
        return Step::next;
    }
    dns::Tsig signature;
    switch (dns::find_tsig(query.message(), signature)) {
    case dns::TsigSearch::malformed: return answer(dns::Rcode::form_err, reply);
    case dns::TsigSearch::found: return check(signature, query, reply);
    case dns::TsigSearch::none: break;
    }
    if (settings_.types.has(query.type()) || settings_.opcodes.has(query.opcode())) {
        return answer(dns::Rcode::refused, reply);
    }
    return Step::next;
}

Step Tsig::check(const dns::Tsig& signature, Query& query, Reply& reply) const noexcept {
    auto* const seal = query.keep<TsigSeal>(this);
    if (seal == nullptr) {
        reply.fail();
        return Step::done;
    }
    seal->begin(signature, query.id(), *clock_);
    const dns::TsigKey* const key = key_called(signature.key);
    const auto algorithm = dns::tsig_algorithm(signature.algorithm);
    if (key == nullptr || !algorithm) {
        seal->set_error(TsigError::bad_key);
        query.seal_with(seal);
        return answer(dns::Rcode::not_auth, reply);
    }
    const TsigVerdict verdict = dns::verify_tsig(query.message(), signature, *algorithm, *key, {},
                                                 dns::TsigCover::variables, now());
    if (verdict == TsigVerdict::malformed) return answer(dns::Rcode::form_err, reply);
    seal->sign_with(*key, *algorithm);
    query.seal_with(seal);
    if (verdict == TsigVerdict::good) return Step::next;
    seal->set_error(error_of(verdict));
    return answer(dns::Rcode::not_auth, reply);
}

}  // namespace nameplane::plugins
