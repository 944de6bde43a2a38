// kubeconfig_access: the file that kubectl reads, one of them, one context of it.
#include "kube/api_access.hpp"
#include "kube/fields.hpp"
#include "kube/folder.hpp"

#include <algorithm>
#include <array>

namespace nameplane::kube {
namespace {

constexpr std::size_t entries_max = 10'000;
constexpr std::size_t words_max = 1'000;
constexpr std::string_view begin_certificate = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view begin_anything = "-----BEGIN ";

class Kubeconfig {
public:
    Kubeconfig(FieldReader& read, const std::string& path) : read_{read} {
        const std::size_t slash = path.rfind('/');
        if (slash != std::string::npos) folder_ = path.substr(0, slash + 1);
    }

    ApiAccess access(const Field& root, const std::string& wanted);

private:
    /// The entry of that name in a list of {name, WHAT: {...}}; nowhere if there is none.
    Value named(const Field& list, std::string_view name);
    std::string names_in(const Field& list);
    std::string path_of(const std::string& file) const;
    std::string readable(const Field& field);
    net::Pem pem(const Field& map, std::string_view word, std::string_view begin);
    void cluster(const Field& map, ApiAccess& access);
    void proxy(const Field& field, ApiAccess& access);
    void user(const Field& map, ApiAccess& access);
    void impersonate(const Field& map, ApiAccess& access);
    void exec(const Field& map, ApiAccess& access);

    FieldReader& read_;
    std::string folder_;
};

bool is_set(const Field& field) {
    return field.present() && !(field.value.shape() == Shape::text && field.value.text().empty());
}

std::string json_text(std::string_view text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (octet < 0x20) {
            out.append("\\u00").append(1, digits[octet >> 4]).append(1, digits[octet & 15]);
        } else {
            out += c;
        }
    }
    return out + '"';
}

/// "spec.cluster" of what a plugin is told.
std::string cluster_json_of(const ApiAccess& access) {
    const net::HttpPeer& peer = access.peer;
    std::string json = "{\"server\":" + json_text(peer.url);
    if (!peer.server_name.empty()) json += ",\"tls-server-name\":" + json_text(peer.server_name);
    if (!peer.verify) json += ",\"insecure-skip-tls-verify\":true";
    if (!peer.proxy.empty()) json += ",\"proxy-url\":" + json_text(peer.proxy);
    if (!access.compression) json += ",\"disable-compression\":true";
    std::string authorities = peer.authorities.text;
    if (!peer.authorities.file.empty()) authorities = read_file(peer.authorities.file).value_or({});
    if (!authorities.empty())
        json += ",\"certificate-authority-data\":" + json_text(to_base64(authorities));
    return json + "}";
}

Value Kubeconfig::named(const Field& list, std::string_view name) {
    Value found;
    read_.each_map(list, entries_max, [&](const Field& item) {
        const Field own = read_.get(item, "name");
        if (!own.present()) return read_.wrong(own, "a name");
        if (own.value.text() == name && !found) found = item.value;
    });
    return found;
}

std::string Kubeconfig::names_in(const Field& list) {
    std::string names;
    for (Value one = list.value.first(); one; one = one.next()) {
        const std::string_view name = one.find("name").text();
        if (!name.empty()) names.append(names.empty() ? "" : ", ").append(name);
    }
    return names.empty() ? "one, but there is none" : "one of " + names;
}

std::string Kubeconfig::path_of(const std::string& file) const {
    return file.empty() || file.starts_with('/') ? file : folder_ + file;
}

/// The path of a file that can be read; reported otherwise.
std::string Kubeconfig::readable(const Field& field) {
    std::string path = path_of(read_.text(field));
    if (path.empty()) return path;
    const auto content = read_file(path);
    if (!content)
        read_.report(field.line(), field.path() + ": " + path + ": " + content.error().text +
                                       ", expected a readable file");
    return path;
}

net::Pem Kubeconfig::pem(const Field& map, std::string_view word, std::string_view begin) {
    const std::string data_word = std::string{word} + "-data";
    const Field file = read_.get(map, word);
    const Field data = read_.get(map, data_word);
    if (is_set(file) && is_set(data))
        read_.report(data.line(), data.path() + " stands beside " + std::string{word} +
                                      ", expected one of the two");
    if (is_set(file)) return {.file = readable(file), .text = {}};
    if (!is_set(data)) return {};
    const auto text = from_base64(read_.text(data));
    if (text && text->find(begin) != std::string::npos) return {.file = {}, .text = *text};
    // The value itself may be a key: it stays out of the message.
    read_.report(data.line(), data.path() +
                                  " is no base64 of PEM, expected base64 of a text with '" +
                                  std::string{begin} + "'");
    return {};
}

void Kubeconfig::proxy(const Field& field, ApiAccess& access) {
    access.peer.proxy = read_.text(field);
    if (access.peer.proxy.empty()) return;
    for (const std::string_view scheme : {"http://", "https://", "socks5://", "socks5h://"})
        if (access.peer.proxy.starts_with(scheme)) return;
    read_.wrong(field, "a URL with http, https or socks5");
}

void Kubeconfig::cluster(const Field& map, ApiAccess& access) {
    const Field server = read_.get(map, "server");
    const std::string url = read_.text(server);
    if (url.empty()) {
        read_.wrong(server, "the URL of the API server");
    } else if (auto checked = checked_url(url)) {
        access.peer.url = std::move(*checked);
    } else {
        read_.wrong(server, "a URL such as https://10.96.0.1:443");
    }
    const Field insecure = read_.get(map, "insecure-skip-tls-verify");
    access.peer.verify = !read_.flag(insecure, false);
    access.peer.authorities = pem(map, "certificate-authority", begin_certificate);
    if (!access.peer.verify && !access.peer.authorities.empty())
        read_.report(insecure.line(), insecure.path() +
                                          " stands beside a certificate-authority, expected one "
                                          "of the two");
    access.peer.server_name = read_.text(read_.get(map, "tls-server-name"));
    proxy(read_.get(map, "proxy-url"), access);
    access.compression = !read_.flag(read_.get(map, "disable-compression"), false);
}

void Kubeconfig::impersonate(const Field& map, ApiAccess& access) {
    const auto header = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) access.impersonation.push_back(std::string{name} + ": " + value);
    };
    header("Impersonate-User", read_.text(read_.get(map, "as")));
    header("Impersonate-Uid", read_.text(read_.get(map, "as-uid")));
    for (const std::string& group : read_.texts(read_.list(map, "as-groups")))
        header("Impersonate-Group", group);
}

void Kubeconfig::exec(const Field& map, ApiAccess& access) {
    ExecPlugin plugin;
    const Field command = read_.get(map, "command");
    plugin.command = read_.text(command);
    if (plugin.command.empty()) read_.wrong(command, "a program");
    // With a slash in it, it stands beside the file; without, PATH leads to it.
    if (plugin.command.find('/') != std::string::npos) plugin.command = path_of(plugin.command);
    read_.each(read_.list(map, "args"), words_max,
               [&](const Field& item) { plugin.arguments.push_back(read_.text(item)); });
    read_.each_map(read_.list(map, "env"), words_max, [&](const Field& item) {
        const Field name = read_.get(item, "name");
        const std::string word = read_.text(name);
        if (word.empty()) read_.wrong(name, "the name of a variable");
        plugin.environment.push_back(word + '=' + read_.text(read_.get(item, "value")));
    });
    const Field version = read_.get(map, "apiVersion");
    plugin.api_version = read_.text(version);
    const bool v1 = plugin.api_version == "client.authentication.k8s.io/v1";
    if (!v1 && plugin.api_version != "client.authentication.k8s.io/v1beta1")
        read_.wrong(version,
                    "client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1");
    const Field mode = read_.get(map, "interactiveMode");
    const std::string word = read_.text(mode);
    if (word == "Always")
        read_.report(mode.line(), mode.path() + " is Always, but there is no terminal here, "
                                                "expected Never or IfAvailable");
    else if (word != "Never" && word != "IfAvailable" && (v1 || !word.empty()))
        read_.wrong(mode, "Never or IfAvailable");
    plugin.install_hint = read_.text(read_.get(map, "installHint"));
    if (read_.flag(read_.get(map, "provideClusterInfo"), false))
        plugin.cluster_json = cluster_json_of(access);
    access.exec = std::move(plugin);
}

void Kubeconfig::user(const Field& map, ApiAccess& access) {
    access.peer.certificate = pem(map, "client-certificate", begin_certificate);
    access.peer.key = pem(map, "client-key", begin_anything);
    if (access.peer.certificate.empty() != access.peer.key.empty())
        read_.report(map.line(), map.path() + " has only one of client-certificate and client-key, "
                                              "expected both or none");
    access.token = read_.text(read_.get(map, "token"));
    access.token_file = readable(read_.get(map, "tokenFile"));
    access.username = read_.text(read_.get(map, "username"));
    access.password = read_.text(read_.get(map, "password"));
    const bool has_token = !access.token.empty() || !access.token_file.empty();
    if (has_token && !access.username.empty())
        read_.report(map.line(), map.path() + " has a token and a username, expected one of them");
    impersonate(map, access);
    const Field provider = read_.map(map, "auth-provider");
    if (provider.present())
        read_.report(provider.line(), provider.path() +
                                          " is not supported any more, nor does kubectl, expected "
                                          "exec with a credential plugin");
    const Field plugin = read_.map(map, "exec");
    if (plugin.present()) exec(plugin, access);
}

ApiAccess Kubeconfig::access(const Field& root, const std::string& wanted) {
    ApiAccess access;
    const Field current = read_.get(root, "current-context");
    const std::string name = wanted.empty() ? read_.text(current) : wanted;
    const Field contexts = read_.list(root, "contexts");
    const Field clusters = read_.list(root, "clusters");
    const Field users = read_.list(root, "users");
    if (name.empty()) {
        read_.wrong(current, "the name of a context, or one chosen");
        return access;
    }
    const Value context = named(contexts, name);
    if (!context) {
        read_.report(wanted.empty() ? current.line() : contexts.line(),
                     "no context '" + name + "', expected " + names_in(contexts));
        return access;
    }
    const Field item{.parent = &contexts, .name = name, .value = context};
    const Field body = read_.map(item, "context");
    const auto entry = [&](const Field& list, std::string_view word) {
        const Field field = read_.get(body, word);
        const std::string own = read_.text(field);
        if (own.empty()) {
            if (word == "cluster") read_.wrong(field, "the name of a cluster");
            return Value{};
        }
        const Value found = named(list, own);
        if (!found)
            read_.report(field.line(),
                         "no " + std::string{word} + " '" + own + "', expected " + names_in(list));
        return found;
    };
    const Value cluster_entry = entry(clusters, "cluster");
    const Value user_entry = entry(users, "user");
    if (cluster_entry) {
        const Field own{.name = "clusters", .value = cluster_entry};
        cluster(read_.map(own, "cluster"), access);
    }
    if (user_entry) {
        const Field own{.name = "users", .value = user_entry};
        const Field map = read_.map(own, "user");
        if (map.present()) user(map, access);
    }
    access.origin = ", context " + name;
    return access;
}

}  // namespace

Result<ApiAccess> kubeconfig_from_text(std::string_view text, const std::string& path,
                                       const std::string& context) {
    std::vector<std::string> problems;
    FieldReader read{path, problems};
    // JSON is YAML, but what ends in .json is read as what it says.
    const Tree tree = is_json_name(path) ? read_json(text) : read_yaml({text, 1});
    ApiAccess access;
    const Field root{.value = tree.root()};
    if (const Fault* fault = tree.fault())
        read.report(fault->line, fault->text);
    else if (root.value.shape() != Shape::map)
        read.wrong(root, "a kubeconfig with clusters, users and contexts");
    else
        access = Kubeconfig{read, path}.access(root, context);
    if (problems.empty()) {
        access.origin = "kubeconfig " + path + access.origin;
        return access;
    }
    std::string all;
    for (const std::string& problem : problems) all.append(all.empty() ? "" : "\n").append(problem);
    return Error{Errc::invalid, std::move(all)};
}

Result<ApiAccess> kubeconfig_access(const std::string& path, const std::string& context) {
    const auto text = read_file(path);
    if (!text)
        return Error{text.error().code,
                     path + ":1: " + text.error().text + ", expected a kubeconfig file"};
    return kubeconfig_from_text(*text, path, context);
}

}  // namespace nameplane::kube
