#!/usr/bin/env bash
# Builds the servers that Nameplane is compared with, as tests/peers pins them, where they are not built
# yet: into .cache/peers, once for each content of its go.mod and go.sum (3 minutes with an empty cache of
# Go's, 2 cores). Where they cannot be built, says why in .cache/peers/why-not, which the tests then
# print, and ends well.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/go_programs.sh

build_go_programs tests/peers "$PWD/.cache/peers" CoreDNS \
    coredns=github.com/coredns/coredns
