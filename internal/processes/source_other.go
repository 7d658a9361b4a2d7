//go:build !linux

package processes

import (
	"context"

	"github.com/ocmt/ocmt/internal/audit"
)

// errSystem says that processes are looked at on Linux alone.
var errSystem = &audit.GapError{Gap: audit.Gap{What: "the processes of this machine", Reason: "they are looked at on Linux only"}}

// Arguments implements audit.ProcessSource.
func (s *Source) Arguments(context.Context) (audit.ArgumentList, error) {
	return audit.ArgumentList{}, errSystem
}

// Servers implements audit.ProcessSource.
func (s *Source) Servers(context.Context) (audit.ServerList, error) {
	return audit.ServerList{}, errSystem
}
