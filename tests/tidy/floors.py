#!/usr/bin/env python3
"""The floors of docs/architecture.md: every #include of ours must lead downwards, a third-party
header may be included only where it belongs, and no module includes itself in a circle."""
import pathlib
import re
import sys

# Module -> modules it may include besides itself. "api" is include/nameplane outside of the floor-0
# and floor-1 folders in it; "base", "dns", "services" and "conf" cover both src/ and include/.
FLOORS = {
    "base": set(),
    "dns": {"base"},
    "net": {"base"},
    "services": {"base"},
    "conf": {"base", "dns"},
    "api": {"base", "dns", "services", "conf"},
    "zone": {"api", "base", "dns", "services", "conf"},
    "chain": {"api", "base", "dns", "services", "conf", "zone"},
    "kube": {"base", "net", "services", "conf"},
    "acme": {"api", "base", "dns", "net", "services", "conf"},
    "rules": {"base", "services"},
    "plugins": {"api", "base", "dns", "net", "services", "conf", "zone"},
    "server": {"api", "base", "dns", "net", "services", "conf", "chain"},
    "agent": {"api", "base", "dns", "net", "services", "conf", "chain", "kube", "rules", "server", "acme"},
}
# src/dns writes replies to wire and so knows reply.hpp, which knows records only.
ALLOWED_EXTRA = {("dns", "nameplane/reply.hpp")}

# Plugin -> the one that it is an outside view of, and whose code it uses.
OF_ANOTHER_PLUGIN = {"k8s_external": "kubernetes"}

# Third-party header -> the only places that may include it.
THIRD_PARTY = {
    r"uv\.h": ("src/net/",),
    r"curl/.*": ("src/net/",),
    r"fstrm\.h": ("src/net/",),
    r"protobuf-c/.*": ("plugins/dnstap/",),
    r"openssl/(err|x509v3)\.h": ("src/net/", "src/acme/"),
    r"openssl/ssl\.h": ("src/net/",),
    r"nghttp2/.*": ("src/net/",),
    r"libiptc/.*": ("src/rules/iptables/",),
    r"linux/netfilter.*": ("src/rules/",),
    r"libnetfilter_conntrack/.*": ("src/rules/conntrack",),
    r"libnftnl/.*": ("src/rules/nftables/",),
    r"libmnl/.*": ("src/rules/nftables/", "src/rules/iptables/packet_counters.cpp", "src/rules/conntrack"),
    r"simdjson\.h": ("src/kube/", "src/acme/"),
    r"yaml-cpp/.*": ("src/kube/",),
    r"toml\+\+/.*|toml\.hpp": ("src/conf/toml.cpp",),
    r"ldns/.*": ("src/dns/", "src/zone/", "src/acme/", "plugins/"),
    r"spdlog/.*": ("src/base/log.cpp",),
    r"re2/.*": ("src/base/pattern.cpp",),
    r"httplib\.h": ("src/agent/",),
    r"prometheus/.*": ("src/agent/",),
    r"CLI/.*": ("src/agent/",),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
HEADER_MODULES = {"base", "dns", "services", "conf"}


def module_of_path(path):
    """The module that a file of ours belongs to, by its path in the tree."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[0] == "plugins":
        return "plugins"
    if parts[0] == "src":
        return parts[1]
    if parts[:2] == ("include", "nameplane"):
        return parts[2] if len(parts) > 3 and parts[2] in HEADER_MODULES else "api"
    return None


def module_of_include(text):
    """The module that an #include names, or None if it is not ours."""
    parts = text.split("/")
    if parts[0] == "nameplane":
        return parts[1] if len(parts) > 2 and parts[1] in HEADER_MODULES else "api"
    if parts[0] == "plugins":
        return "plugins"
    return parts[0] if parts[0] in FLOORS and len(parts) > 1 else None


def check_line(path, number, bracket, target):
    """The complaint about one #include, or None."""
    here = module_of_path(path)
    there = module_of_include(target)
    where = f"{path}:{number}"
    if there is not None:
        if here == "plugins" and there == "plugins":
            mine = pathlib.PurePosixPath(path).parts[1]
            if target.split("/")[1] not in (mine, OF_ANOTHER_PLUGIN.get(mine)):
                return f"{where}: plugin {mine} includes another plugin: {target}"
            return None
        if here != there and there not in FLOORS[here] and (here, target) not in ALLOWED_EXTRA:
            return f"{where}: {here} may not include {there}: {target}"
        return None
    if bracket == "<":
        for pattern, places in THIRD_PARTY.items():
            if re.fullmatch(pattern, target) and not path.startswith(places):
                return f"{where}: <{target}> belongs to {', '.join(places)}"
    return None


def check_text(path, text):
    complaints = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            complaint = check_line(path, number, match.group(1), match.group(2))
            if complaint:
                complaints.append(complaint)
    return complaints


def sources(root):
    for top in ("include", "src", "plugins"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".hpp", ".cpp", ".h"):
                yield path


def main(root):
    root = pathlib.Path(root)
    complaints = []
    count = 0
    for path in sources(root):
        count += 1
        complaints += check_text(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    unknown = {p.name for p in (root / "src").iterdir() if p.is_dir()} - set(FLOORS)
    complaints += [f"src/{name}: no floor has this module" for name in sorted(unknown)]
    print("\n".join(complaints) or f"{count} files keep to the floors")
    return 1 if complaints or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
