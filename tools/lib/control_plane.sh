#!/usr/bin/env bash
# Builds the programs of a real control plane that tests/control-plane pins, where they are not built
# yet: into .cache/control-plane, once for each content of its go.mod and go.sum (5 minutes with an empty
# cache of Go's, 2 cores). Where they cannot be built, says why in .cache/control-plane/why-not, which
# the tests then print, and ends well.
#
#   tools/lib/control_plane.sh [PROGRAM...]    etcd, kube-apiserver, kube-controller-manager and kube-proxy
set -euo pipefail
cd "$(dirname "$0")/../.."

module=tests/control-plane
target=$PWD/.cache/control-plane
programs=("$@")
[ $# -gt 0 ] || programs=(etcd kube-apiserver kube-controller-manager kube-proxy)

package_of() {
    case $1 in
    etcd) printf 'go.etcd.io/etcd/server/v3' ;;
    *) printf 'k8s.io/kubernetes/cmd/%s' "$1" ;;
    esac
}

give_up() {
    printf '%s\n' "$1" >"$target/why-not"
    printf 'no control plane for tests: %s\n' "$1"
    exit 0
}

# The newest Go there is: one in PATH, or where Go's own archive puts it.
find_go() {
    local wanted have go
    wanted=$(awk '$1 == "go" { print $2 }' "$module/go.mod")
    for go in go /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
        have=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null) || continue
        [ "$(printf '%s\n' "$wanted" "${have#go}" | sort -V | sed -n 1p)" = "$wanted" ] || continue
        printf '%s\n' "$go"
        return
    done
    return 1
}

mkdir -p "$target"
rm -f "$target/why-not"
key=$(cat "$module/go.mod" "$module/go.sum" | sha256sum)
key=${key%% *}
for program in "${programs[@]}"; do
    [ -x "$target/$program" ] && [ "$(cat "$target/$program.key" 2>/dev/null)" = "$key" ] && continue
    go=$(find_go) ||
        give_up "no Go that is new enough ($module/go.mod says $(awk '$1 == "go" { print $2 }' \
            "$module/go.mod"); Debian 12 has 1.19): put one into PATH"
    printf 'building %s\n' "$program"
    log=$target/$program.build.log
    (cd "$module" && GOTOOLCHAIN=local CGO_ENABLED=0 nice "$go" build -trimpath -mod=readonly -ldflags "-s -w" \
        -o "$target/$program.new" "$(package_of "$program")") >"$log" 2>&1 ||
        give_up "$program cannot be built: $(tail -n 1 "$log")"
    mv "$target/$program.new" "$target/$program"
    printf '%s\n' "$key" >"$target/$program.key"
done
