# Sourced by tools/demo: a small cluster out of network namespaces. Every pod is a namespace of its
# own, joined to the node's by a veth pair and routed there, as point-to-point CNI plugins do it.
# Nothing touches the machine's own namespace.

# cluster_begin PREFIX FOLDER: names all namespaces PREFIX-..., keeps files in FOLDER.
cluster_begin() {
    prefix=$1
    folder=$2
    node=$prefix-node
    pod_gateway=10.244.1.1
    node_address=192.168.77.1
    links=0
    cluster_end
    mkdir -p "$folder/pids"
    namespace "$node"
    ip -n "$node" address add "$pod_gateway/32" dev lo
    ip -n "$node" address add "$node_address/32" dev lo
    ip netns exec "$node" sysctl -qw net.ipv4.ip_forward=1
}

# Ends every process in our namespaces and removes them; also those of a run that was killed.
cluster_end() {
    local name
    for name in $(ip netns list | awk -v p="$prefix-" 'index($1, p) == 1 { print $1 }'); do
        ip netns pids "$name" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
        ip netns delete "$name" 2>/dev/null || true
        rm -rf "/etc/netns/$name"
    done
}

namespace() {
    ip netns add "$1"
    ip -n "$1" link set lo up
}

# attach NAME ADDRESS: a namespace behind the node, its default route through it.
attach() {
    local name=$prefix-$1 address=$2
    namespace "$name"
    links=$((links + 1))
    ip -n "$node" link add "veth$links" type veth peer name eth0 netns "$name"
    ip -n "$node" link set "veth$links" up
    ip -n "$node" route add "$address/32" dev "veth$links" src "$pod_gateway"
    ip -n "$name" address add "$address/32" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" route add "$pod_gateway" dev eth0
    ip -n "$name" route add default via "$pod_gateway"
}

# resolver NAME ADDRESS NAMESPACE: the resolv.conf that a kubelet would write.
resolver() {
    mkdir -p "/etc/netns/$prefix-$1"
    cat >"/etc/netns/$prefix-$1/resolv.conf" <<EOF
nameserver $2
search $3.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
EOF
}

# pod NAME ADDRESS PORT: a pod whose HTTP server answers with the pod's name; back when it listens.
pod() {
    attach "$1" "$2"
    ip netns exec "$prefix-$1" python3 tools/lib/pod.py "$1" "$3" "$folder/pids/$1" \
        >"$folder/$1.log" 2>&1 &
    disown  # no word from the shell when the pod is killed in the end
    await 60 test -s "$folder/pids/$1" || die "pod $1 did not start: $(cat "$folder/$1.log")"
}

# await SECONDS COMMAND...: until the command succeeds.
await() {
    local until=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s%N)" -lt "$until" ] || return 1
        sleep 0.005
    done
}

# pods_of FILE...: "name address port" of every Pod in manifests that are written like config/demo's.
pods_of() {
    awk '
        function finish() {
            if (kind == "Pod" && ip != "") print name, ip, (port == "" ? 8080 : port)
            kind = name = ip = port = ""
        }
        FNR == 1 || /^---/ { finish() }
        /^kind:/ { kind = $2 }
        /^  name:/ { name = $2 }
        match($0, /containerPort: *[0-9]+/) {
            port = substr($0, RSTART, RLENGTH)
            gsub(/[^0-9]/, "", port)
        }
        match($0, /podIP: *[0-9.]+/) {
            ip = substr($0, RSTART, RLENGTH)
            sub(/podIP: */, "", ip)
        }
        END { finish() }' "$@"
}
