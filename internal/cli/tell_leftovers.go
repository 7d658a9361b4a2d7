package cli

import (
	"fmt"

	"github.com/ocmt/ocmt/internal/secretstore/securefile"
)

// tellLeftovers says which new files of a store a run that was killed has left. It is told by every command that
// opens the store, also by one that writes nothing, because they hold secrets.
func (a *App) tellLeftovers(path string) {
	for _, left := range securefile.Leftovers(a.path(path)) {
		a.printer.Warn("%s", fmt.Sprintf("an ocmt that was killed has left %q, which can have secrets in it: no server reads it, and the next change of that file removes it, or you do with rm", left))
	}
}
