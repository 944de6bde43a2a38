#include "kube/api_access.hpp"
#include "support/web.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <source_location>

using namespace nameplane;
using namespace nameplane::kube;

namespace {

constexpr std::string_view certificate =
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
constexpr std::string_view key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

/// A kubeconfig of one context; `cluster` and `user` are the flow maps in it.
std::string config(const std::string& cluster, const std::string& user) {
    return "apiVersion: v1\nkind: Config\ncurrent-context: main\n"
           "contexts: [{name: main, context: {cluster: c, user: u}}]\n"
           "clusters:\n- name: c\n  cluster: " +
           cluster + "\nusers:\n- name: u\n  user: " + user + "\n";
}

ApiAccess good(const std::string& text, const std::string& path = "/etc/x/config",
               const std::string& context = {}) {
    const auto access = kubeconfig_from_text(text, path, context);
    if (!access) FAIL(access.error().text);
    return *access;
}

std::string wrong(const std::string& text, const std::string& context = {}) {
    const auto access = kubeconfig_from_text(text, "f", context);
    return access ? "nothing wrong" : access.error().text;
}

}  // namespace

TEST_CASE("a kubeconfig: server, trust, and each way to say who we are") {
    const std::string ca = to_base64(certificate);
    const ApiAccess whole = good(
        config("{server: 'https://h:6443/k/', certificate-authority-data: " + ca +
                   ", tls-server-name: api, proxy-url: 'http://p:1', disable-compression: true}",
               "{client-certificate-data: " + ca + ", client-key-data: " + to_base64(key) + "}"));
    CHECK(whole.peer.url == "https://h:6443/k");
    CHECK(whole.peer.authorities.text == certificate);
    CHECK(whole.peer.certificate.text == certificate);
    CHECK(whole.peer.key.text == key);
    CHECK(whole.peer.server_name == "api");
    CHECK(whole.peer.proxy == "http://p:1");
    CHECK(whole.peer.verify);
    CHECK_FALSE(whole.compression);
    CHECK(whole.origin == "kubeconfig /etc/x/config, context main");

    const ApiAccess token = good(config("{server: 'https://h', insecure-skip-tls-verify: true}",
                                        "{token: abc, as: eve, as-groups: [a, b]}"));
    CHECK_FALSE(token.peer.verify);
    CHECK(token.token == "abc");
    CHECK(token.impersonation == std::vector<std::string>{"Impersonate-User: eve",
                                                          "Impersonate-Group: a",
                                                          "Impersonate-Group: b"});
    CHECK(token.compression);
    const ApiAccess basic = good(config("{server: 'http://h'}", "{username: a, password: b}"));
    CHECK(basic.username == "a");
    CHECK(basic.password == "b");
}

TEST_CASE("files of a kubeconfig are looked for beside it") {
    const test::TemporaryFolder folder;
    folder.replace("pki/ca.crt", certificate);
    folder.replace("token", "t");
    const std::string path = folder.replace(
        "config", config("{server: 'https://h', certificate-authority: pki/ca.crt}",
                         "{tokenFile: token, exec: {apiVersion: client.authentication.k8s.io/v1, "
                         "command: ./get, interactiveMode: Never}}"));
    const auto access = kubeconfig_access(path);
    REQUIRE(access);
    CHECK(access->peer.authorities.file == folder / "pki/ca.crt");
    CHECK(access->token_file == folder / "token");
    CHECK(access->exec->command == folder / "./get");
    const auto none = kubeconfig_access(folder / "none");
    REQUIRE_FALSE(none);
    CHECK(none.error().text == folder / "none" + ":1: cannot be read: No such file or directory, "
                                                 "expected a kubeconfig file");
}

TEST_CASE("a context may be chosen") {
    const std::string text = R"(
current-context: a
contexts:
- {name: a, context: {cluster: one, user: me}}
- {name: b, context: {cluster: two}}
clusters:
- {name: one, cluster: {server: 'https://one'}}
- {name: two, cluster: {server: 'https://two'}}
users: [{name: me, user: {token: abc}}]
)";
    CHECK(good(text).peer.url == "https://one");
    CHECK(good(text, "f", "b").peer.url == "https://two");
    CHECK(good(text, "f", "b").token.empty());
    CHECK(wrong(text, "c") == "f:4: no context 'c', expected one of a, b");
}

TEST_CASE("a credential plugin, with what it is told") {
    const ApiAccess access = good(config("{server: 'https://h', tls-server-name: 'a\"b'}", R"(
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: get-token
      args: [--cluster, c]
      env: [{name: A, value: b}]
      provideClusterInfo: true
      installHint: get it)"));
    REQUIRE(access.exec);
    CHECK(access.exec->command == "get-token");
    CHECK(access.exec->arguments == std::vector<std::string>{"--cluster", "c"});
    CHECK(access.exec->environment == std::vector<std::string>{"A=b"});
    CHECK(access.exec->cluster_json == R"({"server":"https://h","tls-server-name":"a\"b"})");
}

TEST_CASE("what is wrong with a kubeconfig, all of it at once") {
    struct Case {
        std::string text;
        std::string problems;
        std::source_location at = std::source_location::current();
    };
    const std::string exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, ";
    const Case cases[] = {
        {"", "f:1: document is missing, expected a kubeconfig with clusters, users and contexts"},
        {"a: [", "f:1: not YAML (end of sequence flow not found), expected a YAML document"},
        {"{}", "f:1: current-context is missing, expected the name of a context, or one chosen"},
        {"current-context: x\n", "f:1: no context 'x', expected one, but there is none"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n",
         "f:2: no cluster 'c', expected one, but there is none\n"
         "f:2: no user 'u', expected one, but there is none"},
        {config("{}", "{}"), "f:7: clusters.cluster.server is missing, expected the URL of the API "
                             "server"},
        {config("{server: h}", "{token: 12}"),
         "f:7: clusters.cluster.server is 'h', expected a URL such as https://10.96.0.1:443\n"
         "f:10: users.user.token is '12', expected a string (in quotes)"},
        {config("{server: 'https://h', certificate-authority: /none/ca, "
                "certificate-authority-data: '%', proxy-url: 'ftp://p'}",
                "{client-certificate-data: QUJD, auth-provider: {name: gcp}}"),
         "f:7: clusters.cluster.certificate-authority-data stands beside certificate-authority, "
         "expected one of the two\n"
         "f:7: clusters.cluster.certificate-authority: /none/ca: cannot be read: No such file or "
         "directory, expected a readable file\n"
         "f:7: clusters.cluster.proxy-url is the text 'ftp://p', expected a URL with http, https "
         "or socks5\n"
         "f:10: users.user.client-certificate-data is no base64 of PEM, expected base64 of a text "
         "with '-----BEGIN CERTIFICATE-----'\n"
         "f:10: users.user.auth-provider is not supported any more, nor does kubectl, expected "
         "exec with a credential plugin"},
        {config("{server: 'https://h', insecure-skip-tls-verify: true, "
                "certificate-authority-data: " +
                    to_base64(certificate) + "}",
                "{token: a, username: b}"),
         "f:7: clusters.cluster.insecure-skip-tls-verify stands beside a certificate-authority, "
         "expected one of the two\n"
         "f:10: users.user has a token and a username, expected one of them"},
        {config("{server: 'https://h'}", exec + "interactiveMode: Always}}"),
         "f:10: users.user.exec.interactiveMode is Always, but there is no terminal here, expected "
         "Never or IfAvailable"},
        {config("{server: 'https://h'}", "{exec: {}}"),
         "f:10: users.user.exec.command is missing, expected a program\n"
         "f:10: users.user.exec.apiVersion is missing, expected client.authentication.k8s.io/v1 or "
         "client.authentication.k8s.io/v1beta1"},
        {config("{server: 'https://h'}", exec + "args: {}, env: [{value: x}]}}"),
         "f:10: users.user.exec.args is a map, expected a list\n"
         "f:10: users.user.exec.env[0].name is missing, expected the name of a variable\n"
         "f:10: users.user.exec.interactiveMode is missing, expected Never or IfAvailable"},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line());
        CHECK(wrong(row.text) == row.problems);
    }
}

TEST_CASE("a key that is broken is not shown") {
    const std::string said =
        wrong(config("{server: 'https://h'}", "{client-key-data: c2VjcmV0LXNlY3JldA==}"));
    CHECK_THAT(said, !Catch::Contains("c2VjcmV0") && !Catch::Contains("secret"));
}

TEST_CASE("in a cluster: host, port and what the Pod is given") {
    const test::TemporaryFolder folder;
    std::map<std::string, std::string> variables;
    const auto environment = [&](const char* name) { return variables[name]; };
    const auto access = [&] { return in_cluster_access(environment, folder.path()); };
    CHECK_THAT(access().error().text, Catch::StartsWith("KUBERNETES_SERVICE_HOST and"));
    variables = {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
    CHECK_THAT(access().error().text, Catch::Contains(folder / "token" + ": cannot be read"));
    folder.replace("token", "t");
    CHECK_THAT(access().error().text, Catch::Contains(folder / "ca.crt"));
    folder.replace("ca.crt", certificate);
    REQUIRE(access());
    CHECK(access()->peer.url == "https://10.96.0.1:443");
    CHECK(access()->peer.authorities.file == folder / "ca.crt");
    CHECK(access()->token_file == folder / "token");
    variables["KUBERNETES_SERVICE_HOST"] = "fd00::1";
    CHECK(access()->peer.url == "https://[fd00::1]:443");
    variables["KUBERNETES_SERVICE_PORT"] = "x";
    CHECK_FALSE(access());
}

TEST_CASE("endpoint and tls as in CoreDNS, and another master") {
    const test::TemporaryFolder folder;
    const std::string file = folder.replace("a", certificate);
    const auto plain = endpoint_access({.endpoint = "h:8080"});
    REQUIRE(plain);
    CHECK(plain->peer.url == "http://h:8080");
    const auto tls = endpoint_access(
        {.endpoint = "h:6443", .certificate = file, .key = file, .authorities = file});
    REQUIRE(tls);
    CHECK(tls->peer.url == "https://h:6443");
    CHECK(tls->peer.key.file == file);
    CHECK(endpoint_access({.endpoint = "h", .certificate = file}).error().text ==
          "tls has a certificate or a key, expected both or none");
    CHECK_THAT(endpoint_access({.endpoint = "h", .authorities = "/none"}).error().text,
               Catch::Contains("/none: cannot be read"));
    CHECK_FALSE(endpoint_access({.endpoint = "http://"}));
    CHECK(with_master(*tls, "https://m:1/")->peer.url == "https://m:1");
    CHECK(with_master(*tls, "m:1")->peer.url == "https://m:1");
    CHECK(with_master(*plain, "m:1")->peer.url == "http://m:1");
    CHECK_FALSE(with_master(*tls, "https://m:99999"));
}

TEST_CASE("URLs of servers, and base64") {
    for (const char* url : {"https://h", "http://1.2.3.4:80/x", "https://[::1]:1", "https://[::1]"})
        CHECK(checked_url(url));
    for (const char* url :
         {"", "h", "ftp://h", "https://", "https://h:", "https://h:0x", "https://a b",
          "https://h?x", "https://u@h", "https://[::1", "https://::1"})
        CHECK_FALSE(checked_url(url));
    for (const char* text : {"", "a", "ab", "abc", "abcd"})
        CHECK(from_base64(to_base64(text)) == text);
    CHECK(to_base64("ab") == "YWI=");
    CHECK(from_base64("YW\n Jj") == "abc");
    for (const char* text : {"a", "ab", "abc", "====", "YQ==YQ==", "Y===", "%%%%"})
        CHECK_FALSE(from_base64(text));
}
