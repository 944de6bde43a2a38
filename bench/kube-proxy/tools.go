// Package kubeproxy names a newer kube-proxy, whose nftables mode lays its table out anew, for
// bench/kube_proxy.py, so that go.mod pins its version.
package kubeproxy

import _ "k8s.io/kubernetes/cmd/kube-proxy/app"
