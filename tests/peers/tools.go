// Package peers names the servers that Nameplane is compared with, so that go.mod pins their versions.
package peers

import (
	_ "github.com/coredns/coredns/core/plugin"
	_ "github.com/coredns/coredns/coremain"
)
