package cli

import (
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// progress shows how the work of an engine goes on. It implements migrate.Reporter and
// discover.Reporter.
type progress struct {
	display *ui.Progress
	pacing  *migrate.Pacing
}

// newProgress shows progress until end is called.
func (a *App) newProgress(label, unit string, pacing *migrate.Pacing) progress {
	return progress{a.printer.Progress(label, unit), pacing}
}

// Phase implements migrate.Reporter.
func (p progress) Phase(name string) { p.display.Phase(name) }

// Progress implements migrate.Reporter. It says when the work gives way to others.
func (p progress) Progress(done, total int64) {
	note := ""
	if p.pacing.Gentle() {
		note = "gently"
	}
	p.display.Update(done, total, note)
}

// Waiting implements migrate.Reporter.
func (p progress) Waiting(reason string) { p.display.Waiting(reason) }

// end takes the display away.
func (p progress) end() { p.display.End() }
