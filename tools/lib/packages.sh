# Sourced by tools/demo and tools/test: what Nameplane needs from Debian 12, and how it gets there.

# To build.
build_packages=(
    g++ meson ninja-build pkg-config ccache
    libuv1-dev libldns-dev libspdlog-dev libfmt-dev libtomlplusplus-dev libcli11-dev
    libyaml-cpp-dev libsimdjson-dev libip4tc-dev libip6tc-dev libxtables-dev
    libnetfilter-conntrack-dev libmnl-dev libnftnl-dev libssl-dev libcurl4-openssl-dev libnghttp2-dev
    libre2-dev prometheus-cpp-dev libcpp-httplib-dev catch2 libfstrm-dev libprotobuf-c-dev
    protobuf-c-compiler
)
# To show and to test: the real tools on the other side.
run_packages=(
    iproute2 iptables nftables conntrack bind9-dnsutils curl python3-minimal python3 util-linux procps
)
test_packages=(
    ca-certificates pebble knot knot-dnsutils fstrm-bin dnstap-ldns kmod nsd etcd-server openssl mount nghttp2-server python3-h2 dnsperf musl-tools unbound
)

# How build/plain is made, by whichever command comes first.
plain_options=(-Doptimization=2 -Ddebug=false)

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Ends with a sentence that says what is missing when not root.
require_root() {
    [ "$(id -u)" -eq 0 ] && return
    die "must run as root: it installs Debian packages, makes network namespaces and writes" \
        "iptables rules inside them. Try: sudo $0"
}

# Installs those of the named packages that are not there yet; asks the network only then.
install_packages() {
    local missing=() name
    for name in "$@"; do
        [[ $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) == *'ok installed' ]] ||
            missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null ||
        die "needs Debian's apt-get to install: ${missing[*]}"
    say "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "could not install: ${missing[*]}"
    fi
    rm -f "$log"
}

# configure FOLDER MESON-OPTION... : sets up a build folder, or renews its options.
configure() {
    local folder=$1
    shift
    local log="$folder.configure.log"
    mkdir -p "$(dirname "$folder")"
    if [ -f "$folder/build.ninja" ]; then
        meson configure "$folder" "$@" >"$log" 2>&1
    else
        rm -rf "$folder"
        meson setup "$folder" "$@" >"$log" 2>&1
    fi || {
        tail -n 30 "$log" >&2
        die "meson could not configure $folder"
    }
}

# build FOLDER [TARGET...] : quiet unless it fails.
build() {
    local folder=$1
    shift
    local log="$folder.build.log"
    ninja -C "$folder" "$@" >"$log" 2>&1 || {
        grep -v '^\[' "$log" | tail -n 60 >&2
        die "the build in $folder failed; the whole log is $log"
    }
}
