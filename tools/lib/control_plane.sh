#!/usr/bin/env bash
# Builds the programs of a real control plane that tests/control-plane pins, where they are not built
# yet: into .cache/control-plane, once for each content of its go.mod and go.sum (5 minutes with an empty
# cache of Go's, 2 cores). Where they cannot be built, says why in .cache/control-plane/why-not, which
# the tests then print, and ends well.
#
#   tools/lib/control_plane.sh [PROGRAM...]    etcd, kube-apiserver, kube-controller-manager and kube-proxy
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/go_programs.sh

programs=("$@")
[ $# -gt 0 ] || programs=(etcd kube-apiserver kube-controller-manager kube-proxy)

package_of() {
    case $1 in
    etcd) printf 'go.etcd.io/etcd/server/v3' ;;
    *) printf 'k8s.io/kubernetes/cmd/%s' "$1" ;;
    esac
}

pairs=()
for program in "${programs[@]}"; do pairs+=("$program=$(package_of "$program")"); done
build_go_programs tests/control-plane "$PWD/.cache/control-plane" "control plane" "${pairs[@]}"
