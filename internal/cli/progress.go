package cli

import (
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// progress shows how work on the database goes on. It implements discover.Reporter, session.Reporter
// and usertoken.Reporter.
type progress struct {
	display *ui.Progress
	pacing  *migrate.Pacing
}

// newProgress shows progress of work that ends at once when the operator asks for it, until end is
// called.
func (a *App) newProgress(label, unit string, pacing *migrate.Pacing) progress {
	return progress{a.printer.Start(ui.Work{Doing: label, Unit: unit, Silence: pacing.Silence}), pacing}
}

// newStoppableProgress is newProgress for work that ends after what is in hand.
func (a *App) newStoppableProgress(label, unit string, pacing *migrate.Pacing) progress {
	return progress{a.printer.Start(ui.Work{Doing: label, Unit: unit, Stop: a.stop.Graceful, Silence: pacing.Silence}), pacing}
}

// Phase names what is done now.
func (p progress) Phase(name string) { p.display.Phase(name) }

// Table names the table that is at work.
func (p progress) Table(name string) { p.display.At(name) }

// Progress says how much is done, and whether the work gives way to others.
func (p progress) Progress(done, total int64) { p.display.Update(done, total, p.note()) }

func (p progress) note() string {
	if p.pacing.Gentle() {
		return gentleNote
	}
	return ""
}

// Waiting says what the work waits for; "" for nothing.
func (p progress) Waiting(reason string) {
	if reason != "" {
		reason = "waiting for " + reason
	}
	p.display.Waiting(reason, "")
}

// end takes the display away.
func (p progress) end() { p.display.End() }

// engineProgress shows how the work of the engine goes on. It implements migrate.Reporter.
type engineProgress struct{ progress }

// Waiting implements migrate.Reporter.
func (p engineProgress) Waiting(wait migrate.Wait) { p.display.Waiting(wait.Phrase(), wait.Figures) }

// runProgress is an engineProgress of work that writes, which may be limited.
type runProgress struct{ engineProgress }

// Progress implements migrate.Reporter.
func (p runProgress) Progress(done, total int64) {
	p.display.Update(done, total, paceNote(p.pacing.Limit(), p.pacing.Gentle()))
}

const gentleNote = "gentle"

// paceNote says what holds a run back: a limit in rows a second, 0 for none, and other work in the database.
func paceNote(limit int, gentle bool) string {
	var parts []string
	if limit > 0 {
		parts = append(parts, fmt.Sprintf("at most %s rows/s", ui.Number(int64(limit))))
	}
	if gentle {
		parts = append(parts, gentleNote)
	}
	return strings.Join(parts, "  ")
}

// doing says what the command does now, where nothing else is shown: a command that works for longer
// than two seconds is not silent.
func (a *App) doing(format string, args ...any) {
	if a.activity != nil {
		a.activity.Phase(fmt.Sprintf(format, args...))
	}
}

// showActivity shows that the command is at work until end is called.
func (a *App) showActivity() (end func()) {
	a.activity = a.printer.Activity("ocmt " + a.command + ": at work")
	return a.endActivity
}

func (a *App) endActivity() {
	if a.activity != nil {
		a.activity.End()
		a.activity = nil
	}
}

// handScreen has another App show what it does, until back is called: two printers do not know of each
// other's line.
func (a *App) handScreen(inner *App) (back func()) {
	if a.activity == nil {
		return func() {}
	}
	a.endActivity()
	inner.showActivity()
	return func() {
		inner.endActivity()
		a.showActivity()
	}
}
