package cli

import (
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// describeRun describes a run in the words that its own progress line has. A rate and a time left are of its last sign of
// life, so a run that is silent shows neither.
func describeRun(run pgrecord.Run) string {
	reason, figures := stateOf(run)
	return describeReport(run.Status, reason, figures)
}

// describeLastReport describes what a run reported last, however long ago that was.
func describeLastReport(run migrate.Status) string {
	reason, figures := waitOf(run)
	return describeReport(run, reason, figures)
}

func describeReport(run migrate.Status, reason, figures string) string {
	if figures != "" {
		reason += ", " + figures
	}
	return ui.Figures{Doing: run.Phase, Unit: "values", Counted: true, Done: run.Done, Total: run.Total, PerSecond: run.ValuesPerSecond, Guess: true,
		Wait: reason, Note: noteOf(run)}.String()
}

// waitOf returns what a run waits for, as its own line says it. An older ocmt reports one text.
func waitOf(run migrate.Status) (reason, figures string) {
	switch {
	case run.Wait != nil:
		return run.Wait.Phrase(), run.Wait.Figures
	case run.Waiting != "":
		return "waiting for " + run.Waiting, ""
	case run.Stopping:
		return "stopping after what is in hand", ""
	case run.Still >= noticedStill && run.Done < run.Total:
		return "nothing new for " + describeSeconds(run.Still), ""
	}
	return "", ""
}

// noticedStill is for how many seconds no value must have been moved for a status to say so.
const noticedStill = 10

// noteOf returns what stands at the end of the line of a run.
func noteOf(run migrate.Status) string {
	var parts []string
	if note := paceNote(run.MaxRowsPerSecond, run.GivingWay); note != "" {
		parts = append(parts, note)
	}
	if run.SetAside > 0 {
		parts = append(parts, ui.Number(run.SetAside)+" set aside")
	}
	return strings.Join(parts, "  ")
}

// noticedSilence is how many seconds a run must have been silent for a watch to say so.
const noticedSilence = 5

// stateOf says what a run waits for, or for how long one that should give signs of life has given none; "" where it
// works.
func stateOf(run pgrecord.Run) (reason, figures string) {
	if run.Silence >= noticedSilence {
		return "no sign of life from the run", "for " + describeSeconds(run.Silence)
	}
	return waitOf(run.Status)
}

// runWatch shows a run that is at work elsewhere with the line that the run itself has. The rate is
// measured here.
type runWatch struct {
	display *ui.Progress
	phase   string // that the display shows
	before  int64  // values that were moved when the phase began
	counts  bool   // something was moved in this phase
}

// watchRun begins to show a run. Call end of the display when it is over.
func (a *App) watchRun() *runWatch {
	return &runWatch{display: a.printer.Progress("looking for the run", "values")}
}

// show shows what a run reports; nil where it reports nothing.
func (w *runWatch) show(run *pgrecord.Run) {
	if run == nil {
		w.display.Phase("a run that does not tell how far it is: a dry run, or one that begins or ends")
		w.phase = ""
		return
	}
	if run.Phase != w.phase {
		w.display.Phase(run.Phase)
		w.phase, w.before, w.counts = run.Phase, run.Done, run.Pass <= 1
	}
	if w.counts = w.counts || run.Done != w.before; w.counts {
		w.display.Update(run.Done, run.Total, noteOf(run.Status))
	}
	w.display.Waiting(stateOf(*run))
}
