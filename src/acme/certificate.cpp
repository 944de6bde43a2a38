#include "acme/certificate.hpp"

#include "acme/openssl.hpp"
#include <nameplane/base/check.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <utility>

namespace nameplane::acme {

namespace {

using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// Errors of OpenSSL are of no use to a person here; the next call must not find them.
Error broken(const char* text) {
    ERR_clear_error();
    return {Errc::invalid, text};
}

std::optional<Seconds> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return Seconds{std::chrono::seconds{::timegm(&parts)}};
}

// As clients compare names: "*.example" is for any name with one label more.
bool is_for(X509* certificate, const std::string& domain) {
    const bool is_wildcard = domain.starts_with("*.");
    const std::string name = is_wildcard ? "any" + domain.substr(1) : domain;
    return X509_check_host(certificate, name.c_str(), name.size(), 0, nullptr) == 1;
}

}  // namespace

std::string certificate_request(const Key& key, const std::string& domain) {
    const Request request{X509_REQ_new()};
    const std::string names = "DNS:" + domain;
    Extension extension{X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str())};
    STACK_OF(X509_EXTENSION)* const all = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(all, extension.release());
    X509_REQ_add_extensions(request.get(), all);
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    X509_REQ_set_pubkey(request.get(), key.handle());
    const bool is_signed = X509_REQ_sign(request.get(), key.handle(), EVP_sha256()) > 0;
    unsigned char* der = nullptr;
    const int size = i2d_X509_REQ(request.get(), &der);
    NP_CHECK(is_signed && size > 0, "a checked name makes a request");
    std::string octets{reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
    OPENSSL_free(der);
    return octets;
}

Result<Validity> validity_of(const std::string& chain, const std::string& key,
                             const std::string& domain) {
    const Bio chain_reader = reader_of(chain);
    const Certificate certificate{PEM_read_bio_X509(chain_reader.get(), nullptr, nullptr, nullptr)};
    if (!certificate) return broken("no certificate in PEM");
    const Bio key_reader = reader_of(key);
    const PrivateKey private_key{
        PEM_read_bio_PrivateKey(key_reader.get(), nullptr, nullptr, nullptr)};
    if (!private_key || X509_check_private_key(certificate.get(), private_key.get()) != 1) {
        return broken("the private key is not the certificate's");
    }
    if (!is_for(certificate.get(), domain)) return broken("the certificate is for other names");
    const auto from = time_of(X509_get0_notBefore(certificate.get()));
    const auto until = time_of(X509_get0_notAfter(certificate.get()));
    if (!from || !until || *until <= *from) return broken("the certificate counts at no time");
    return Validity{*from, *until};
}

}  // namespace nameplane::acme
