#include "agent/kube_proxy_flags.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace nameplane::agent {

namespace {

constexpr std::string_view place = "(command line)";

/// What a flag that stands for no field does.
enum class Own : std::uint8_t {
    node_name,
    master,
    cleanup,
    init_only,
    write_config_to,
    healthz_port,
    metrics_port,
    version,
    ignored,
    log_form,
    log_file,
    gone,
};
struct OwnFlag {
    std::string_view name;
    Own what;
    bool is_truth = false;
};
constexpr std::array own_flags{
    OwnFlag{"hostname-override", Own::node_name},
    OwnFlag{"master", Own::master},
    OwnFlag{"cleanup", Own::cleanup, true},
    OwnFlag{"init-only", Own::init_only, true},
    OwnFlag{"write-config-to", Own::write_config_to},
    OwnFlag{"healthz-port", Own::healthz_port},
    OwnFlag{"metrics-port", Own::metrics_port},
    OwnFlag{"version", Own::version, true},
    // They say where to read what names the machine; nobody asks for that.
    OwnFlag{"boot-id-file", Own::ignored},
    OwnFlag{"machine-id-file", Own::ignored},
    // What kube-proxy knew until 1.25, for its log and for things that are no more.
    OwnFlag{"add-dir-header", Own::log_form, true},
    OwnFlag{"alsologtostderr", Own::log_form, true},
    OwnFlag{"log-backtrace-at", Own::log_form},
    OwnFlag{"log-dir", Own::log_file},
    OwnFlag{"log-file", Own::log_file},
    OwnFlag{"log-file-max-size", Own::log_form},
    OwnFlag{"logtostderr", Own::log_form, true},
    OwnFlag{"one-output", Own::log_form, true},
    OwnFlag{"skip-headers", Own::log_form, true},
    OwnFlag{"skip-log-headers", Own::log_form, true},
    OwnFlag{"stderrthreshold", Own::log_form},
    OwnFlag{"azure-container-registry-config", Own::gone},
    OwnFlag{"cleanup-ipvs", Own::gone, true},
    OwnFlag{"cloud-provider-gce-l7lb-src-cidrs", Own::gone},
    OwnFlag{"cloud-provider-gce-lb-src-cidrs", Own::gone},
    OwnFlag{"conntrack-max", Own::gone},
    OwnFlag{"proxy-port-range", Own::gone},
    OwnFlag{"resource-container", Own::gone},
    OwnFlag{"udp-timeout", Own::gone},
};
/// Flags of kube-proxy that we, or anybody, may have without standing in its place.
constexpr std::array<std::string_view, 4> shared_flags{"kubeconfig", "master", "version", "v"};

// As pflag reads them: two dashes, or one before a single letter. As there, `_` is a `-`.
std::string name_of(std::string_view argument) {
    if (argument.starts_with("--")) {
        argument.remove_prefix(2);
        std::string name{argument.substr(0, argument.find('='))};
        std::ranges::replace(name, '_', '-');
        return name;
    }
    const bool is_v = argument == "-v" ||
                      (argument.starts_with("-v") &&
                       std::string_view{"=0123456789"}.find(argument[2]) != std::string_view::npos);
    return is_v ? "v" : "";
}

const OwnFlag* own_flag(std::string_view name) {
    const auto* const found = std::ranges::find(own_flags, name, &OwnFlag::name);
    return found == own_flags.end() ? nullptr : found;
}

const KubeProxyField* field_of(std::string_view flag) {
    const auto fields = kube_proxy_fields();
    if (flag.empty()) return nullptr;
    const auto found = std::ranges::find(fields, flag, &KubeProxyField::flag);
    return found == fields.end() ? nullptr : &*found;
}

bool is_ours_alone(std::string_view name) {
    const OwnFlag* const own = own_flag(name);
    // Many programs have those of the log.
    if (own != nullptr) {
        return own->what != Own::log_form && own->what != Own::log_file &&
               std::ranges::find(shared_flags, name) == shared_flags.end();
    }
    return field_of(name) != nullptr && std::ranges::find(shared_flags, name) == shared_flags.end();
}

// As Go's strconv.ParseBool; what it does not know stays as it is.
std::string truth_of(std::string_view text) {
    constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
    constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
    if (std::ranges::find(yes, text) != yes.end()) return "true";
    return std::string{std::ranges::find(no, text) != no.end() ? "false" : text};
}

std::string trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return std::string{text};
}

class FlagReader {
public:
    explicit FlagReader(KubeProxyArguments& out) : out_{out}, role_{*out.role} {
        role_.values.origin = {std::string{place}, 0};
    }

    void take(const std::vector<std::string>& arguments) {
        for (auto at = arguments.begin(); at != arguments.end(); ++at) {
            const std::string name = name_of(*at);
            const OwnFlag* const own = own_flag(name);
            const KubeProxyField* const field = field_of(name);
            if (own == nullptr && field == nullptr) {
                out_.rest.push_back(*at);
                continue;
            }
            const bool is_truth =
                own != nullptr ? own->is_truth : field->kind == KubeProxyKind::flag;
            std::optional<std::string> value = value_in(*at);
            if (!value && is_truth) value = "true";
            if (!value) {
                if (std::next(at) == arguments.end()) {
                    wrong(name, "no value, expected one");
                    break;
                }
                value = *++at;
            }
            if (own != nullptr) {
                take_own(*own, *value);
            } else {
                take_fields(name, *value);
            }
        }
        // Port 0 turns a page off; any other one is for an address without a port.
        page("healthzBindAddress", healthz_port_);
        page("metricsBindAddress", metrics_port_);
        verbosity();
    }

    std::string mistakes() const {
        std::string text;
        for (const conf::Problem& problem : problems_) {
            text += (text.empty() ? "" : "\n") + problem.text;
        }
        return text;
    }

private:
    static std::optional<std::string> value_in(std::string_view argument) {
        if (const std::size_t equals = argument.find('='); equals != std::string_view::npos) {
            return std::string{argument.substr(equals + 1)};
        }
        // -v4
        if (!argument.starts_with("--") && argument.size() > 2) {
            return std::string{argument.substr(2)};
        }
        return std::nullopt;
    }

    static std::string written(std::string_view name) {
        return (name.size() == 1 ? "-" : "--") + std::string{name};
    }
    void wrong(std::string_view name, const std::string& what) {
        problems_.push_back({role_.values.origin, written(name) + ": " + what});
    }
    void wrong_value(std::string_view name, std::string_view value, std::string_view expected) {
        wrong(name, "'" + std::string{value} + "', expected " + std::string{expected});
    }

    // One flag may stand for the same field of both modes.
    void take_fields(std::string_view name, const std::string& text) {
        bool told = false;
        for (const KubeProxyField& field : kube_proxy_fields()) {
            if (field.flag != name) continue;
            KubeProxyValue value{{text}, written(name), role_.values.origin};
            if (field.kind == KubeProxyKind::flag) value.words = {truth_of(text)};
            if (field.kind == KubeProxyKind::list || field.kind == KubeProxyKind::switches) {
                value.words = split_at_commas(text);
                if (const KubeProxyValue* const before = role_.values.find(field.path)) {
                    value.words.insert(value.words.begin(), before->words.begin(),
                                       before->words.end());
                }
            }
            if (!std::exchange(told, true)) judge(field, value, problems_, role_.warnings);
            if (misfit(field, value.words)) continue;
            // Nothing is nobody's choice, but for a page that is turned off.
            const bool is_page = field.path.ends_with("BindAddress") && field.path != "bindAddress";
            const bool is_empty = value.words.empty() || value.words.front().empty();
            role_.values.given.erase(std::string{field.path});
            if (!is_empty || is_page) {
                role_.values.given.emplace(std::string{field.path}, std::move(value));
            }
        }
    }

    void take_own(const OwnFlag& flag, const std::string& text) {
        const std::string truth = flag.is_truth ? truth_of(text) : std::string{};
        switch (flag.what) {
        case Own::node_name:
            if (text.empty()) return role_.node_name.reset();
            role_.node_name = trimmed(text);
            if (role_.node_name->empty()) wrong_value(flag.name, text, "a name");
            return;
        case Own::master:
            if (!text.empty()) role_.master = text;
            return;
        case Own::cleanup: return set_truth(flag.name, truth, role_.cleanup);
        case Own::init_only: return set_truth(flag.name, truth, role_.init_only);
        case Own::write_config_to: role_.write_config_to = text; return;
        case Own::healthz_port: return set_port(flag.name, text, healthz_port_);
        case Own::metrics_port: return set_port(flag.name, text, metrics_port_);
        case Own::version:
            // --version=v1.2 only changes what kube-proxy says of itself.
            if (truth == "true" || text == "raw") out_.rest.emplace_back("--version");
            return;
        case Own::ignored:
        case Own::log_form: return;
        case Own::log_file:
            if (!text.empty()) no_effect(flag.name, "the log goes to standard error");
            return;
        case Own::gone:
            if (!text.empty()) no_effect(flag.name, "kube-proxy itself does not know it any more");
            return;
        }
    }
    void no_effect(std::string_view name, std::string_view why) {
        role_.warnings.push_back(
            {role_.values.origin,
             written(name) + ": accepted without effect, since " + std::string{why}});
    }
    void set_truth(std::string_view name, const std::string& truth, bool& to) {
        to = truth == "true";
        if (!to && truth != "false") wrong_value(name, truth, "true or false");
    }
    void set_port(std::string_view name, const std::string& text, std::optional<unsigned>& to) {
        unsigned port = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, port);
        if (error != std::errc{} || stop != end || port > 65535) {
            return wrong_value(name, text, "a number from 0 to 65535");
        }
        to = port;
    }

    void page(std::string_view path, std::optional<unsigned> port) {
        if (!port) return;
        const KubeProxyField& field = *find_kube_proxy_field(path);
        if (*port != 0 && role_.values.find(path) == nullptr) return;
        KubeProxyValue& value = role_.values.given[std::string{path}];
        if (value.words.empty()) {
            value = {{std::string{field.unset}}, written(field.flag), role_.values.origin};
        }
        std::string& text = value.words.front();
        if (*port == 0) {
            text.clear();
        } else if (const auto bare = IpAddress::parse(text)) {
            text = (bare->is_v6() ? '[' + text + ']' : text) + ':' + std::to_string(*port);
        }
    }

    void verbosity() {
        constexpr int debug_verbosity = 4;
        if (role_.values.find("logging.verbosity") == nullptr) return;
        const int level = std::atoi(role_.values.word("logging.verbosity").c_str());
        role_.log_level = level >= debug_verbosity ? log::Level::debug : log::Level::info;
    }

    KubeProxyArguments& out_;
    KubeProxyRole& role_;
    std::vector<conf::Problem> problems_;
    std::optional<unsigned> healthz_port_;
    std::optional<unsigned> metrics_port_;
};

}  // namespace

bool is_kube_proxy_name(std::string_view called) noexcept {
    return called.substr(called.rfind('/') + 1) == "kube-proxy";
}

Result<KubeProxyArguments> take_kube_proxy_flags(const std::vector<std::string>& arguments,
                                                 std::string_view called) {
    KubeProxyArguments taken;
    const auto is_sign = [](const std::string& argument) {
        return is_ours_alone(name_of(argument));
    };
    if (!is_kube_proxy_name(called) && std::ranges::none_of(arguments, is_sign)) {
        taken.rest = arguments;
        return taken;
    }
    taken.role.emplace();
    FlagReader reader{taken};
    reader.take(arguments);
    if (const std::string mistakes = reader.mistakes(); !mistakes.empty()) {
        return Error{Errc::invalid, mistakes};
    }
    return taken;
}

}  // namespace nameplane::agent
