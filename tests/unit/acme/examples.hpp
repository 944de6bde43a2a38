#pragma once
// The key of RFC 7515 A.3, and a certificate for dns.example and *.wild.example that it signed
// itself, from 2026-11-26T04:59:58Z for 36,500 days:
//     openssl req -x509 -new -key key.pem -days 36500 -subj /CN=x
//         -addext subjectAltName=DNS:dns.example,DNS:*.wild.example

namespace nameplane::test {

inline constexpr const char* key_pem = R"(-----BEGIN EC PRIVATE KEY-----
MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49
AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b
focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END EC PRIVATE KEY-----
)";
inline constexpr const char* certificate_pem = R"(-----BEGIN CERTIFICATE-----
MIIBljCCAT2gAwIBAgIUBbSbbtghtSMdxYuMObDjzO7cC5MwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAgFw0yNjExMjYwNDU5NThaGA8yMTI2MTEwMjA0NTk1OFow
DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH/Nzidw9sRd
QYPL7m/bS3tYBzM1e+nvE7rPbjx70VRFx/FEzRu9m36HLN/tue659LNpXW6pCySt
ikYjKIWI5a2jezB5MB0GA1UdDgQWBBTOjRaxyTOOt/45eZmuRb7uP7WGhjAfBgNV
HSMEGDAWgBTOjRaxyTOOt/45eZmuRb7uP7WGhjAPBgNVHRMBAf8EBTADAQH/MCYG
A1UdEQQfMB2CC2Rucy5leGFtcGxlgg4qLndpbGQuZXhhbXBsZTAKBggqhkjOPQQD
AgNHADBEAiAnsCsyputGbJCmUZ6s8K1i8Nm6T7PzUN3w1cz2TkEvOgIgR56EXB+e
ioiL//LaLGRycHK+12IOMt/l9EUWc2c34qM=
-----END CERTIFICATE-----
)";

}  // namespace nameplane::test
