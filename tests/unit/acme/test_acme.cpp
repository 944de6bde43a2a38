#include "acme/certificate.hpp"
#include "acme/files.hpp"
#include "acme/key.hpp"
#include "acme/messages.hpp"
#include "acme/resolve.hpp"
#include "examples.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <fstream>

using namespace nameplane;
using namespace nameplane::acme;

TEST_CASE("base64url of octets, without padding") {
    CHECK(base64url("").empty());
    CHECK(base64url("f") == "Zg");
    CHECK(base64url("fo") == "Zm8");
    CHECK(base64url("foo") == "Zm9v");
    CHECK(base64url("\xff\xef\xbe") == "_---");
}

TEST_CASE("the key of RFC 7515 A.3 as JSON, and its digest") {
    const Result<Key> key = Key::from_pem(test::key_pem);
    REQUIRE(key);
    CHECK(key->jwk() == R"({"crv":"P-256","kty":"EC",)"
                        R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
    CHECK(key->thumbprint() == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    CHECK(key->sign("any").size() == 64);
    const std::string envelope = key->envelope(R"({"alg":"ES256"})", "");
    CHECK(
        envelope.starts_with(R"({"protected":"eyJhbGciOiJFUzI1NiJ9","payload":"","signature":")"));
}

TEST_CASE("keys are written as they are read") {
    const Key made = Key::make();
    const Result<Key> again = Key::from_pem(made.to_pem());
    REQUIRE(again);
    CHECK(again->jwk() == made.jwk());
    CHECK(Key::make().jwk() != made.jwk());
    CHECK(Key::from_pem("nothing").error().text == "no private key in PEM");
    // Of the curve P-384.
    CHECK(Key::from_pem("-----BEGIN EC PRIVATE KEY-----\n"
                        "nothing\n-----END EC PRIVATE KEY-----\n")
              .error()
              .code == Errc::invalid);
}

TEST_CASE("when a certificate counts, and for whom") {
    for (const char* const name : {"dns.example", "*.wild.example"}) {
        INFO(name);
        const Result<Validity> valid = validity_of(test::certificate_pem, test::key_pem, name);
        REQUIRE(valid);
        CHECK(valid->from.time_since_epoch().count() == 1795669198);
        CHECK(valid->until.time_since_epoch().count() == 4949269198);
        CHECK(valid->due().time_since_epoch().count() == 1795669198 + 3153600000 / 3 * 2);
    }
    const auto why_not = [](const char* chain, const std::string& key, const char* name) {
        const Result<Validity> valid = validity_of(chain, key, name);
        return valid ? std::string{} : valid.error().text;
    };
    CHECK(why_not(test::certificate_pem, test::key_pem, "other.example") ==
          "the certificate is for other names");
    CHECK(why_not(test::certificate_pem, test::key_pem, "*.example") ==
          "the certificate is for other names");
    CHECK(why_not(test::certificate_pem, Key::make().to_pem(), "dns.example") ==
          "the private key is not the certificate's");
    CHECK(why_not(test::certificate_pem, "", "dns.example") ==
          "the private key is not the certificate's");
    CHECK(why_not("", test::key_pem, "dns.example") == "no certificate in PEM");
}

TEST_CASE("a request names its domain") {
    const std::string der = certificate_request(Key::make(), "*.wild.example");
    CHECK(der.find("*.wild.example") != der.npos);
}

TEST_CASE("directories need three URLs") {
    const auto directory =
        read_directory(R"({"newNonce":"n","newAccount":"a","newOrder":"o","meta":{}})");
    REQUIRE(directory);
    CHECK(directory->new_nonce == "n");
    CHECK(directory->new_account == "a");
    CHECK(directory->new_order == "o");
    for (const char* const wrong : {"", "[]", "{}", R"({"newNonce":"n","newAccount":"a"})",
                                    R"({"newNonce":1,"newAccount":"a","newOrder":"o"})"}) {
        INFO(wrong);
        CHECK_FALSE(read_directory(wrong));
    }
}

TEST_CASE("orders") {
    const auto order = read_order(R"({"status":"valid","authorizations":["a","b"],"finalize":"f",
                                     "certificate":"c","expires":"2026"})");
    REQUIRE(order);
    CHECK(order->state == State::valid);
    CHECK(order->authorizations == std::vector<std::string>{"a", "b"});
    CHECK(order->certificate == "c");
    const auto failed = read_order(
        R"({"status":"invalid","finalize":"f","error":{"type":"t","detail":"no\nway"}})");
    REQUIRE(failed);
    CHECK(failed->state == State::failed);
    CHECK(failed->error == "no way");
    CHECK(read_order(R"({"status":"new","finalize":"f"})")->state == State::failed);
    CHECK_FALSE(read_order(R"({"status":"valid","finalize":"f"})"));
    CHECK_FALSE(read_order(R"({"status":"pending"})"));
    CHECK_FALSE(read_order(R"({"status":"pending","finalize":"f","authorizations":[1]})"));
}

TEST_CASE("authorizations: the challenge by DNS") {
    const auto asked = read_authorization(
        R"({"status":"pending","identifier":{"type":"dns","value":"dns.example"},"challenges":[
            {"type":"http-01","url":"h","token":"t"},{"type":"dns-01","url":"d","token":"a-_Z9"}]})");
    REQUIRE(asked);
    CHECK(asked->domain == "dns.example");
    REQUIRE(asked->dns);
    CHECK(asked->dns->url == "d");
    CHECK(asked->dns->token == "a-_Z9");
    const auto failed = read_authorization(
        R"({"status":"invalid","identifier":{"value":"a"},"challenges":[
            {"type":"dns-01","url":"d","token":"t","error":{"type":"dns","detail":"none"}}]})");
    REQUIRE(failed);
    CHECK(failed->error == "none");
    CHECK_FALSE(read_authorization(R"({"status":"valid","identifier":{"value":"a"}})"));
    CHECK_FALSE(read_authorization(R"({"status":"valid","challenges":[]})"));
    // A token that is none must not get into what we sign.
    CHECK_FALSE(read_authorization(R"({"identifier":{"value":"a"},"challenges":[
        {"type":"dns-01","url":"d","token":"a\"b"}]})"));
}

TEST_CASE("problems are for people, whatever comes") {
    CHECK(read_problem(R"({"type":"urn:x:badNonce","detail":"old"})").text == "old");
    CHECK(read_problem(R"({"type":"urn:x:badNonce"})").text == "urn:x:badNonce");
    CHECK(read_problem("<html>").text.empty());
    CHECK(read_problem(R"({"detail":")" + std::string(5000, 'x') + R"("})").text.size() == 500);
    CHECK(json_text("a\"\\\n") == R"("a\"\\\u000a")");
}

TEST_CASE("files lie where CoreDNS puts them") {
    const Files files{"/s", "https://acme-v02.api.letsencrypt.org/directory", "Me+x@Example.org"};
    CHECK(files.certificate_of("dns.example") ==
          "/s/certificates/acme-v02.api.letsencrypt.org-directory/dns.example/dns.example.crt");
    CHECK(files.key_of("*.example") == "/s/certificates/acme-v02.api.letsencrypt.org-directory/"
                                       "wildcard_.example/wildcard_.example.key");
    CHECK(files.account() == "/s/acme/acme-v02.api.letsencrypt.org-directory/users/"
                             "me_plus_x@example.org/me_plus_x.key");
    CHECK(Files{"/s", "https://[::1]:14000/a/b/", ""}.account() ==
          "/s/acme/--1-14000-a-b/users/default/default.key");
    CHECK(Files{"/s", "http://ca", "@x"}.account() == "/s/acme/ca/users/@x/x.key");
    CHECK(Files{"/s", "https://ca/../x", "a/../b"}.account() == "/s/acme/ca--x/users/ab/ab.key");
}

TEST_CASE("an account's key is made once, and a broken one is not lost") {
    const test::TemporaryFolder folder;
    const Files files{folder.path(), "https://ca/dir", ""};
    const Result<Key> made = files.account_key();
    REQUIRE(made);
    CHECK(files.account_key()->jwk() == made->jwk());
    struct stat info {};
    REQUIRE(::stat(files.account().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    std::ofstream{files.account()} << "broken";
    CHECK(files.account_key().error().text == files.account() + ": no private key in PEM");
    CHECK(files.read("dns.example").error().code == Errc::not_found);
    CHECK(files.write("dns.example", {.chain = "c", .key = "k"}));
    CHECK(files.read("dns.example")->chain == "c");
}

TEST_CASE("hosts of URLs") {
    CHECK(host_of("https://ca.example:14000/dir") == "ca.example");
    CHECK(host_of("https://ca.example") == "ca.example");
    CHECK(host_of("https://[2001:db8::1]:1/") == "2001:db8::1");
    CHECK(host_of("http://192.0.2.1?x") == "192.0.2.1");
}
