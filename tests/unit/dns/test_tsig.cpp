// Signatures: ours are checked by ldns, those of ldns by us.

#include "dns/parse.hpp"
#include "dns/tsig.hpp"

#include <catch2/catch.hpp>
#include <ldns/ldns.h>

#include <chrono>
#include <memory>
#include <string>

using namespace nameplane;
using namespace nameplane::dns;

namespace {

using Octets = std::vector<std::uint8_t>;

constexpr const char* secret_text = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=";
constexpr const char* key_text = "some.key.";

std::uint64_t now() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

TsigKey key() {
    return {.name = *Name::parse(key_text), .secret = *tsig_secret(secret_text)};
}

/// A question for www.example.org A, with an OPT.
Octets question() {
    Octets octets{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    const Name name = *Name::parse("www.example.org.");
    octets.insert(octets.end(), name.view().wire().begin(), name.view().wire().end());
    for (const int octet : {0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}) {
        octets.push_back(static_cast<std::uint8_t>(octet));
    }
    return octets;
}

struct FreePacket {
    void operator()(ldns_pkt* packet) const noexcept { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

Packet packet_of(const Octets& wire) {
    ldns_pkt* packet = nullptr;
    REQUIRE(ldns_wire2pkt(&packet, wire.data(), wire.size()) == LDNS_STATUS_OK);
    return Packet{packet};
}

const char* algorithm_text(TsigAlgorithm algorithm) {
    switch (algorithm) {
    case TsigAlgorithm::sha1: return "hmac-sha1.";
    case TsigAlgorithm::sha224: return "hmac-sha224.";
    case TsigAlgorithm::sha256: return "hmac-sha256.";
    case TsigAlgorithm::sha384: return "hmac-sha384.";
    case TsigAlgorithm::sha512: return "hmac-sha512.";
    }
    return "";
}

constexpr TsigAlgorithm all_algorithms[] = {TsigAlgorithm::sha1, TsigAlgorithm::sha224,
                                            TsigAlgorithm::sha256, TsigAlgorithm::sha384,
                                            TsigAlgorithm::sha512};
// Those that ldns 1.8 has.
constexpr TsigAlgorithm algorithms_of_ldns[] = {TsigAlgorithm::sha1, TsigAlgorithm::sha256,
                                                TsigAlgorithm::sha512};

struct Signing {
    explicit Signing(TsigAlgorithm algorithm)
        : name{*Name::parse(key_text)},
          algorithm_name{*Name::parse(algorithm_text(algorithm))}, mine{key()} {
        signer.key_name = name;
        signer.algorithm = algorithm_name;
        signer.hash = algorithm;
        signer.key = &mine;
        signer.original_id = 0x1234;
    }
    Octets sign(Octets message, std::uint64_t at) {
        const std::size_t size = message.size();
        message.resize(size + signer.octets_max());
        message.resize(signer.append(message, size, at));
        REQUIRE(message.size() > size);
        return message;
    }
    Name name;
    Name algorithm_name;
    TsigKey mine;
    TsigSigner signer;
};

Octets signed_question(TsigAlgorithm algorithm = TsigAlgorithm::sha256, std::uint64_t at = now()) {
    return Signing{algorithm}.sign(question(), at);
}

TsigVerdict verdict_of(const Octets& message, const TsigKey& with, std::uint64_t at = now(),
                       TsigAlgorithm algorithm = TsigAlgorithm::sha256) {
    Tsig tsig;
    REQUIRE(find_tsig(message, tsig) == TsigSearch::found);
    return verify_tsig(message, tsig, algorithm, with, {}, TsigCover::variables, at);
}

}  // namespace

TEST_CASE("tsig: what ldns signs is good") {
    for (const TsigAlgorithm algorithm : algorithms_of_ldns) {
        INFO(algorithm_text(algorithm));
        const Packet packet = packet_of(question());
        REQUIRE(ldns_pkt_tsig_sign(packet.get(), key_text, secret_text, 300,
                                   algorithm_text(algorithm), nullptr) == LDNS_STATUS_OK);
        std::uint8_t* wire = nullptr;
        std::size_t size = 0;
        REQUIRE(ldns_pkt2wire(&wire, packet.get(), &size) == LDNS_STATUS_OK);
        const Octets message(wire, wire + size);
        std::free(wire);
        Tsig tsig;
        REQUIRE(find_tsig(message, tsig) == TsigSearch::found);
        CHECK(tsig.key == *Name::parse(key_text));
        CHECK(tsig_algorithm(tsig.algorithm) == algorithm);
        CHECK(verify_tsig(message, tsig, algorithm, key(), {}, TsigCover::variables, now()) ==
              TsigVerdict::good);
        Question parsed;
        CHECK(parse_query(message, parsed) == ParseError::none);
    }
}

TEST_CASE("tsig: ldns takes what we sign, and a chain of messages") {
    for (const TsigAlgorithm algorithm : algorithms_of_ldns) {
        INFO(algorithm_text(algorithm));
        Signing signing{algorithm};
        // What comes first is signed with the MAC of the request, all others with the one before.
        Packet before;
        for (int message = 0; message < 3; ++message) {
            const Octets wire = signing.sign(question(), now());
            Packet packet = packet_of(wire);
            ldns_rdf* const prior =
                before == nullptr ? nullptr : ldns_rr_rdf(ldns_pkt_tsig(before.get()), 3);
            CHECK(ldns_pkt_tsig_verify_next(packet.get(), wire.data(), wire.size(), key_text,
                                            secret_text, prior, message == 0 ? 0 : 1));
            before = std::move(packet);
        }
    }
}

TEST_CASE("tsig: each algorithm is checked with itself only") {
    for (const TsigAlgorithm algorithm : all_algorithms) {
        const Octets message = signed_question(algorithm);
        CHECK(verdict_of(message, key(), now(), algorithm) == TsigVerdict::good);
        Tsig tsig;
        REQUIRE(find_tsig(message, tsig) == TsigSearch::found);
        CHECK(tsig.mac.size() == mac_octets(algorithm));
    }
    CHECK_FALSE(tsig_algorithm(*Name::parse("hmac-md5.sig-alg.reg.int.")));
    CHECK(tsig_algorithm(*Name::parse("HMAC-SHA256.")) == TsigAlgorithm::sha256);
}

TEST_CASE("tsig: a wrong secret and every changed octet are noticed") {
    const Octets good = signed_question();
    TsigKey other = key();
    other.secret.back() ^= 1U;
    CHECK(verdict_of(good, other) == TsigVerdict::bad_sig);
    CHECK(verdict_of(good, {.name = key().name, .secret = {}}) == TsigVerdict::bad_sig);
    std::size_t unnoticed = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
        Octets changed = good;
        changed[at] ^= 0x10U;
        Tsig tsig;
        if (find_tsig(changed, tsig) != TsigSearch::found) continue;
        const TsigVerdict verdict = verify_tsig(changed, tsig, TsigAlgorithm::sha256, key(), {},
                                                TsigCover::variables, now());
        if (verdict == TsigVerdict::good) ++unnoticed;
    }
    // The message's id: the original one is in the record, so that a forwarder may take another.
    CHECK(unnoticed == 2);
}

TEST_CASE("tsig: time counts, and only behind the signature") {
    const std::uint64_t at = 1'700'000'000;
    const Octets message = signed_question(TsigAlgorithm::sha256, at);
    CHECK(verdict_of(message, key(), at + 300) == TsigVerdict::good);
    CHECK(verdict_of(message, key(), at - 300) == TsigVerdict::good);
    CHECK(verdict_of(message, key(), at + 301) == TsigVerdict::bad_time);
    CHECK(verdict_of(message, key(), at - 301) == TsigVerdict::bad_time);
    TsigKey other = key();
    other.secret.front() ^= 1U;
    CHECK(verdict_of(message, other, at + 301) == TsigVerdict::bad_sig);
}

TEST_CASE("tsig: a MAC that was cut is told from one that is none") {
    const Octets good = signed_question();
    Tsig tsig;
    REQUIRE(find_tsig(good, tsig) == TsigSearch::found);
    const auto with_size = [&](std::size_t size) {
        Tsig cut = tsig;
        cut.mac = tsig.mac.first(size);
        return verify_tsig(good, cut, TsigAlgorithm::sha256, key(), {}, TsigCover::variables,
                           now());
    };
    CHECK(with_size(32) == TsigVerdict::good);
    CHECK(with_size(31) == TsigVerdict::bad_trunc);
    CHECK(with_size(16) == TsigVerdict::bad_trunc);
    CHECK(with_size(15) == TsigVerdict::malformed);
    CHECK(with_size(0) == TsigVerdict::malformed);
}

TEST_CASE("tsig: only a well-formed record at the end is one") {
    Tsig tsig;
    CHECK(find_tsig(question(), tsig) == TsigSearch::none);
    const Octets good = signed_question();
    REQUIRE(find_tsig(good, tsig) == TsigSearch::found);
    const std::size_t offset = tsig.offset;
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Octets cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(find_tsig(cut, tsig) == TsigSearch::malformed);
    }
    Octets longer = good;
    longer.push_back(0);
    CHECK(find_tsig(longer, tsig) == TsigSearch::malformed);
    // Another record behind it.
    Octets not_last = good;
    not_last.insert(not_last.end(), {0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0});
    not_last[11] = 3;
    CHECK(find_tsig(not_last, tsig) == TsigSearch::malformed);
    const std::size_t body = offset + Name::parse(key_text)->view().size();
    Octets wrong_class = good;
    wrong_class[body + 3] = 1;
    CHECK(find_tsig(wrong_class, tsig) == TsigSearch::malformed);
    Octets with_ttl = good;
    with_ttl[body + 7] = 1;
    CHECK(find_tsig(with_ttl, tsig) == TsigSearch::malformed);
}

TEST_CASE("tsig: a record that says what is wrong") {
    Signing signing{TsigAlgorithm::sha256};
    signing.signer.error = TsigError::bad_time;
    signing.signer.request_time = 1000;
    const Octets late = signing.sign(question(), 5000);
    Tsig tsig;
    REQUIRE(find_tsig(late, tsig) == TsigSearch::found);
    CHECK(tsig.error == TsigError::bad_time);
    CHECK(tsig.time == 1000);
    CHECK(Octets(tsig.other.begin(), tsig.other.end()) == Octets{0, 0, 0, 0, 0x13, 0x88});
    CHECK(verdict_of(late, key(), 1000) == TsigVerdict::good);

    Signing unsure{TsigAlgorithm::sha256};
    unsure.signer.error = TsigError::bad_key;
    unsure.signer.key = nullptr;
    const Octets unsigned_one = unsure.sign(question(), 5000);
    REQUIRE(find_tsig(unsigned_one, tsig) == TsigSearch::found);
    CHECK(tsig.error == TsigError::bad_key);
    CHECK(tsig.mac.empty());

    Signing cramped{TsigAlgorithm::sha512};
    Octets no_room = question();
    CHECK(cramped.signer.append(no_room, no_room.size(), 5000) == 0);
}

TEST_CASE("tsig: secrets are base64 and nothing else") {
    CHECK(tsig_secret("Zm9vYmFy") == Octets{'f', 'o', 'o', 'b', 'a', 'r'});
    CHECK(tsig_secret("Zm9vYmE=") == Octets{'f', 'o', 'o', 'b', 'a'});
    CHECK(tsig_secret("Zm9vYg==") == Octets{'f', 'o', 'o', 'b'});
    CHECK(tsig_secret("+/+/") == Octets{0xfb, 0xff, 0xbf});
    for (const char* const text :
         {"", "Zm9", "Zm9v Zm9v", "Zm9vYg=", "====", "Zm9vY===", "test-key", "Zm=vZm9v"}) {
        INFO(text);
        CHECK_FALSE(tsig_secret(text));
    }
}
