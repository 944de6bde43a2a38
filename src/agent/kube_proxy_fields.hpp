#pragma once
// kube_proxy_fields: every field of KubeProxyConfiguration v1alpha1 and every flag that stands for
// one, as a table: what it may hold, what kube-proxy takes without it, and what becomes of it here.
// The reader of the file, that of the flags and the writer of a whole file all read this table.

#include "conf/document.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::agent {

enum class KubeProxyKind : std::uint8_t {
    text,
    flag,
    number,    ///< from .. to
    decimal,   ///< a number that may have a fraction
    duration,  ///< as Go writes it, not below zero
    list,      ///< of texts
    switches,  ///< names that are true or false
    anything,  ///< not looked at; also a whole map
};

/// What becomes of a field.
enum class KubeProxyFate : std::uint8_t {
    used,
    without,  ///< accepted; a value of its own earns a warning that says `why`
    refused,  ///< only its empty value is accepted; `why` says so
};

struct KubeProxyField {
    std::string_view path;  ///< "iptables.masqueradeBit"
    std::string_view flag;  ///< "iptables-masquerade-bit"; empty: there is none
    KubeProxyKind kind = KubeProxyKind::text;
    /// What kube-proxy 1.35 takes, as it writes it; empty: it writes nothing.
    std::string_view unset;
    KubeProxyFate fate = KubeProxyFate::used;
    std::string_view why = {};
    std::int64_t from = 0;
    std::int64_t to = 0;
};

/// Sorted by path as kube-proxy sorts its file: by the octets of each name on the way.
std::span<const KubeProxyField> kube_proxy_fields() noexcept;
/// Nullptr if there is no such field.
const KubeProxyField* find_kube_proxy_field(std::string_view path) noexcept;

/// One field that was given.
struct KubeProxyValue {
    std::vector<std::string> words;  ///< one, but for lists; none for an empty list
    std::string name;                ///< how messages call it: its path, or "--flag"
    Where where;
};

/// The fields that were given, by path, and where they come from.
struct KubeProxyValues {
    std::map<std::string, KubeProxyValue, std::less<>> given;
    Where origin;  ///< of what nobody gave

    const KubeProxyValue* find(std::string_view path) const;
    /// What was given, or what kube-proxy takes without. Not for lists.
    std::string word(std::string_view path) const;
    bool flag(std::string_view path) const { return word(path) == "true"; }
};

/// What a field of this kind wants, if `words` are not that: "a number from 0 to 31".
std::optional<std::string> misfit(const KubeProxyField& field,
                                  const std::vector<std::string>& words);
/// Whether the value makes no difference: kube-proxy's own default, or Go's zero value.
bool says_nothing(const KubeProxyField& field, const std::vector<std::string>& words);

/// Problems and warnings of one given field: of a wrong kind, refused, or without effect.
void judge(const KubeProxyField& field, const KubeProxyValue& value,
           std::vector<conf::Problem>& problems, std::vector<conf::Problem>& warnings);

/// Words between commas, none empty.
std::vector<std::string> split_at_commas(std::string_view text);

}  // namespace nameplane::agent
