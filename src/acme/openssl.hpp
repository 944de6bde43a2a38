#pragma once
// openssl: owners of what OpenSSL gives. Inside of src/acme only.

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace nameplane::acme {

template <auto release> struct Free {
    template <class T> void operator()(T* owned) const noexcept { release(owned); }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;

/// What was written into `memory`.
inline std::string text_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return {data, static_cast<std::size_t>(size)};
}
/// Reads `text`, which must live as long.
inline Bio reader_of(const std::string& text) {
    return Bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

}  // namespace nameplane::acme
