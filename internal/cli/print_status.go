package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

func printStatus(printer *ui.Printer, status statusDocument, now time.Time) {
	switch {
	case !status.Running:
		printer.Line("No run is at work on this database.")
	case status.Run == nil:
		printer.Line("A run is at work on this database. It does not tell how far it is: a dry run, or one that has just begun.")
	default:
		printer.Line("A run is at work on this database.")
		printer.Line("%s", describeRun(*status.Run))
	}
	if len(status.Runs) == 0 {
		printer.Line("No run is recorded.")
	} else {
		printer.Table(movesTable(status.Runs, status.Running, now))
		printer.Line("Times are in UTC.")
		printReasons(printer, status.Runs, now)
	}
}

// describeRun describes a run in one line.
func describeRun(run migrate.Status) string {
	parts := []string{fmt.Sprintf("%s: %s of %s", run.Phase, ui.Number(run.Done), ui.Count(run.Total, "value", "values"))}
	if run.RowsPerSecond > 0 {
		parts = append(parts, ui.Number(int64(run.RowsPerSecond+0.5))+" rows/s")
		if left := timeLeft(run); left > 0 {
			parts = append(parts, "about "+ui.Duration(left)+" left")
		}
	}
	if run.MaxRowsPerSecond > 0 {
		parts = append(parts, "at most "+ui.Number(int64(run.MaxRowsPerSecond))+" rows/s")
	}
	if run.GivingWay {
		parts = append(parts, "gently")
	}
	if run.SetAside > 0 {
		parts = append(parts, ui.Number(run.SetAside)+" set aside")
	}
	if run.Waiting != "" {
		parts = append(parts, "waiting for "+ui.Clean(run.Waiting))
	}
	return strings.Join(parts, ", ")
}

// timeLeft estimates by the values that were moved in a second since the beginning.
func timeLeft(run migrate.Status) time.Duration {
	elapsed := run.Updated.Sub(run.Started)
	if run.Done == 0 || run.Done >= run.Total {
		return 0
	}
	return time.Duration(float64(elapsed) * float64(run.Total-run.Done) / float64(run.Done))
}

// printReasons says why runs are not completed, once for each reason.
func printReasons(printer *ui.Printer, moves []pgrecord.RecordedMove, now time.Time) {
	told := map[string]bool{}
	for _, move := range moves {
		key := move.Started + move.Status + move.Reason
		if move.Reason == "" || told[key] {
			continue
		}
		told[key] = true
		printer.Line("%s, %s: %s.", recordedTime(move.Started, now), move.Status, ui.Clean(strings.TrimSuffix(move.Reason, ".")))
	}
}

// movesTable lists the recorded moves. It tells a run that was killed from one that is
// at work, because both have the status running in the record.
func movesTable(moves []pgrecord.RecordedMove, running bool, now time.Time) ui.Table {
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VERSIONS"}, {Title: "MOVED", Right: true}, {Title: "STARTED", Right: true}, {Title: "STATUS"}}}
	for _, move := range moves {
		ended := move.Status
		if ended == "running" && !running {
			ended = "ended without a word"
		}
		table.Rows = append(table.Rows, ui.Row(move.String(),
			strconv.Itoa(move.From)+" to "+strconv.Itoa(move.To), movedText(move), recordedTime(move.Started, now), ended))
	}
	return table
}

// movedText says how many values a run moved, and how many the servers did.
func movedText(move pgrecord.RecordedMove) string {
	text := ui.Number(move.Moved) + " of " + ui.Number(move.Total)
	if move.ByServers > 0 {
		text += ", " + ui.Number(move.ByServers) + " by servers"
	}
	return text
}
