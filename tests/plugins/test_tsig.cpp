// The plugin tsig, with the cases of RFC 8945 5.2 and 5.3.

#include "dns/tsig.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::test;

namespace {

constexpr std::uint64_t noon = 1'700'000'000;

class Noon final : public Clock {
public:
    Monotonic now() const noexcept override { return {}; }
    WallTime wall() const noexcept override { return WallTime{std::chrono::seconds{noon}}; }
};

constexpr const char* secret_text = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=";
const std::string lines =
    std::string{"tsig example.org {\n secret Some.Key. "} + secret_text + "\n require AXFR TXT\n}";

Stage stage(const std::string& text = lines) {
    static const Noon clock;
    Stage made{text, {.clock = &clock}};
    made.behind("www.example.org.", "A", {.answers = {"www.example.org. 60 IN A 192.0.2.7"}});
    made.behind("www.example.org.", "TXT", {.answers = {"www.example.org. 60 IN TXT \"x\""}});
    made.behind("www.example.com.", "TXT", {.answers = {"www.example.com. 60 IN TXT \"x\""}});
    return made;
}

struct Signer {
    explicit Signer(const std::string& key_name = "some.KEY.",
                    const std::string& secret = secret_text,
                    const std::string& hash_name = "hmac-sha256.")
        : name{*dns::Name::parse(key_name)}, algorithm{*dns::Name::parse(hash_name)},
          key{.name = name.lower(), .secret = *dns::tsig_secret(secret)} {
        state.key_name = name;
        state.algorithm = algorithm;
        state.hash = dns::tsig_algorithm(algorithm).value_or(dns::TsigAlgorithm::sha256);
        state.key = &key;
        state.original_id = 0x4e50;
    }
    dns::Name name;
    dns::Name algorithm;
    dns::TsigKey key;
    dns::TsigSigner state;
};

struct Signed {
    dns::Tsig tsig;
    dns::TsigVerdict verdict{};
};

/// The record at the answer's end, checked with what the client signed with.
Signed signature_of(const StageAnswer& answer, const Signer& signer, std::uint64_t at = noon) {
    Signed out;
    REQUIRE(dns::find_tsig(answer.wire, out.tsig) == dns::TsigSearch::found);
    if (!out.tsig.mac.empty()) {
        out.verdict = dns::verify_tsig(answer.wire, out.tsig, signer.state.hash, signer.key,
                                       signer.state.prior, dns::TsigCover::variables, at);
    }
    return out;
}

}  // namespace

TEST_CASE("tsig: a signed question is answered with a signature") {
    Stage made = stage();
    for (const char* const hash :
         {"hmac-sha1.", "hmac-sha224.", "hmac-sha256.", "hmac-sha384.", "HMAC-sha512."}) {
        Signer signer{"some.KEY.", secret_text, hash};
        const StageAnswer answer =
            made.ask("www.example.org.", "A", {.signer = &signer.state, .signed_at = noon - 299});
        CHECK(answer.rcode == "NOERROR");
        CHECK(answer.answers() == "www.example.org. 60 IN A 192.0.2.7");
        const Signed signature = signature_of(answer, signer);
        CHECK(signature.verdict == dns::TsigVerdict::good);
        CHECK(signature.tsig.error == dns::TsigError::none);
        CHECK(signature.tsig.key.to_string() == "some.KEY.");
    }
}

TEST_CASE("tsig: a signed answer keeps to the client's size") {
    Stage made = stage();
    Said many;
    for (int i = 0; i < 40; ++i) {
        many.answers.push_back("www.example.org. 60 IN TXT \"" + std::to_string(100 + i) + "\"");
    }
    made.behind("www.example.org.", "TXT", many);
    for (const std::uint16_t size : std::initializer_list<std::uint16_t>{512, 700, 1232}) {
        Signer signer;
        const StageAnswer answer =
            made.ask("www.example.org.", "TXT",
                     {.edns_size = size, .signer = &signer.state, .signed_at = noon});
        CHECK(answer.wire.size() <= size);
        CHECK(answer.message.truncated == (size < 1232));
        CHECK(answer.message.edns.has_value());
        CHECK(signature_of(answer, signer).verdict == dns::TsigVerdict::good);
    }
}

TEST_CASE("tsig: what is wrong with a signature is said, signed where a key is shared") {
    Stage made = stage();
    SECTION("a key that nobody knows") {
        Signer signer{"other.key."};
        const StageAnswer answer =
            made.ask("www.example.org.", "A", {.signer = &signer.state, .signed_at = noon});
        CHECK(answer.rcode == "NOTAUTH");
        const Signed signature = signature_of(answer, signer);
        CHECK(signature.tsig.error == dns::TsigError::bad_key);
        CHECK(signature.tsig.mac.empty());
        CHECK_FALSE(made.heard());
    }
    SECTION("an algorithm that nobody has") {
        Signer signer{"some.key.", secret_text, "hmac-md5.sig-alg.reg.int."};
        const StageAnswer answer =
            made.ask("www.example.org.", "A", {.signer = &signer.state, .signed_at = noon});
        CHECK(answer.rcode == "NOTAUTH");
        CHECK(signature_of(answer, signer).tsig.error == dns::TsigError::bad_key);
    }
    SECTION("another secret") {
        Signer signer{"some.key.", "Zm9vYmFy"};
        const StageAnswer answer =
            made.ask("www.example.org.", "A", {.signer = &signer.state, .signed_at = noon});
        CHECK(answer.rcode == "NOTAUTH");
        const Signed signature = signature_of(answer, signer);
        CHECK(signature.tsig.error == dns::TsigError::bad_sig);
        CHECK(signature.tsig.mac.empty());
        CHECK_FALSE(made.heard());
    }
    SECTION("a clock that is wrong") {
        Signer signer;
        const StageAnswer answer =
            made.ask("www.example.org.", "A", {.signer = &signer.state, .signed_at = noon - 301});
        CHECK(answer.rcode == "NOTAUTH");
        // Signed with the client's time, so that it can check it.
        const Signed signature = signature_of(answer, signer, noon - 301);
        CHECK(signature.verdict == dns::TsigVerdict::good);
        CHECK(signature.tsig.error == dns::TsigError::bad_time);
        CHECK(signature.tsig.time == noon - 301);
        CHECK(signature.tsig.other.size() == 6);
        CHECK_FALSE(made.heard());
    }
    SECTION("a record that is none") {
        Signer signer;
        const StageAnswer answer =
            made.ask("www.example.org.", "A",
                     {.signer = &signer.state, .signed_at = noon, .tamper = [](auto& octets) {
                          octets.back() = 1;  // the length of what is not there
                      }});
        CHECK(answer.rcode == "FORMERR");
        CHECK_FALSE(made.heard());
    }
}

TEST_CASE("tsig: what must be signed is refused without, and what need not is left alone") {
    Stage made = stage();
    CHECK(made.ask("www.example.org.", "TXT").rcode == "REFUSED");
    CHECK_FALSE(made.heard());
    CHECK(made.ask("www.example.org.", "A").rcode == "NOERROR");
    CHECK(made.ask("www.example.com.", "TXT").rcode == "NOERROR");
    Signer elsewhere{"nobody.knows."};
    // Not our zone: nobody looks at the signature.
    CHECK(made.ask("www.example.com.", "TXT", {.signer = &elsewhere.state, .signed_at = noon})
              .rcode == "NOERROR");
    const std::string all = std::string{"tsig {\n secret a. "} + secret_text;
    CHECK(stage(all + "\n require all\n}").ask("www.example.org.", "A").rcode == "REFUSED");
    CHECK(stage(all + "\n require none\n}").ask("www.example.org.", "A").rcode == "NOERROR");
    CHECK(stage(all + "\n require_opcode QUERY\n}").ask("www.example.org.", "A").rcode ==
          "REFUSED");
    CHECK(stage(all + "\n require_opcode NOTIFY\n}").ask("www.example.org.", "A").rcode ==
          "NOERROR");
}

TEST_CASE("tsig: mistakes of the configuration") {
    CHECK(mistakes_in("tsig {\n secret a. dGVzdA==\n secret A dGVzdA==\n}") ==
          "Corefile:3: tsig: secret: key 'a.', expected it once");
    CHECK(mistakes_in("tsig {\n secret a. test-key\n}") ==
          "Corefile:2: tsig: secret: the secret of 'a.', expected it in base64");
    CHECK(mistakes_in("tsig {\n secrets /nowhere/to/be/found\n}") ==
          "Corefile:2: tsig: secrets: '/nowhere/to/be/found' cannot be read, expected a file with "
          "keys");
    CHECK(mistakes_in("tsig {\n require axfr\n}") ==
          "Corefile:2: tsig: require: 'axfr', expected types such as 'AXFR', 'all' or 'none'");
}
