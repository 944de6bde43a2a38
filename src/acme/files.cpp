#include "acme/files.hpp"

#include "base/file.hpp"
#include <nameplane/text.hpp>

#include <filesystem>
#include <string_view>
#include <utility>

namespace nameplane::acme {

namespace {

constexpr std::size_t file_octets_max = 1 << 20;
constexpr unsigned for_us_only = 0600;

// As certmagic makes a name of a file from any text.
std::string safe(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char octet = lower(text[i]);
        const bool is_word = (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9');
        if (octet == '.' && text.substr(i).starts_with("..")) {
            ++i;
        } else if (octet == '*') {
            name += "wildcard_";
        } else if (octet == '+') {
            name += "_plus_";
        } else if (octet == ' ') {
            name += '_';
        } else if (octet == ':') {
            name += '-';
        } else if (is_word || octet == '_' || octet == '@' || octet == '.' || octet == '-') {
            name += octet;
        }
    }
    return name;
}

// "https://ca.example:14000/dir/v2" is "ca.example:14000-dir-v2".
std::string server_name(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme != url.npos) url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("?#"));
    const std::size_t slash = std::min(url.find('/'), url.size());
    std::string name{url.substr(0, slash)};
    std::string path{url.substr(slash)};
    for (char& octet : path) {
        if (octet == '/' || octet == '\\') octet = '-';
    }
    const std::size_t from = path.find_first_not_of('-');
    if (from == path.npos) return name;
    return name + '-' + path.substr(from, path.find_last_not_of('-') + 1 - from);
}

std::string user_name(std::string_view email) {
    const std::size_t at = email.find('@');
    const std::string_view name = at == 0 ? email.substr(1) : email.substr(0, at);
    return safe(name.empty() ? "private" : name);
}

Status write_private(const std::string& path, const std::string& text) {
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::path{path}.parent_path();
    std::filesystem::create_directories(folder, failed);
    if (failed) return errno_error(failed.value(), "make " + folder.string());
    return write_file_atomically(path, text, for_us_only);
}

}  // namespace

Files::Files(std::string folder, const std::string& directory_url, const std::string& email) {
    const std::string server = safe(server_name(directory_url));
    const std::string who = email.empty() ? "default" : email;
    account_ = folder + "/acme/" + server + "/users/" + safe(who) + '/' + user_name(who) + ".key";
    certificates_ = std::move(folder) + "/certificates/" + server;
}

std::string Files::site(const std::string& domain) const {
    return certificates_ + '/' + safe(domain) + '/' + safe(domain);
}
std::string Files::certificate_of(const std::string& domain) const {
    return site(domain) + ".crt";
}
std::string Files::key_of(const std::string& domain) const {
    return site(domain) + ".key";
}

Result<Key> Files::account_key() const {
    const Result<std::string> kept = read_file(account_, file_octets_max);
    if (kept) return Key::from_pem(*kept).within(account_);
    if (kept.error().code != Errc::not_found) return kept.error();
    Key made = Key::make();
    if (Status written = write_private(account_, made.to_pem()); !written) {
        return std::move(written).error();
    }
    return made;
}

Result<Issued> Files::read(const std::string& domain) const {
    Result<std::string> chain = read_file(certificate_of(domain), file_octets_max);
    if (!chain) return std::move(chain).error();
    Result<std::string> key = read_file(key_of(domain), file_octets_max);
    if (!key) return std::move(key).error();
    return Issued{.chain = std::move(*chain), .key = std::move(*key)};
}

Status Files::write(const std::string& domain, const Issued& issued) const {
    if (Status key = write_private(key_of(domain), issued.key); !key) return key;
    return write_private(certificate_of(domain), issued.chain);
}

}  // namespace nameplane::acme
