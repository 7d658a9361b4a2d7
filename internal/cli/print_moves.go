package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// shownRuns is how many recorded runs fit a screen.
const shownRuns = 2

// printMoves lists the recorded moves of the last runs. What a run at work has moved is in its own sentence: the record has
// it when the run ends.
func printMoves(printer *ui.Printer, status statusDocument, now time.Time) {
	var runs []string
	moves, isOlder := map[string][]pgrecord.RecordedMove{}, false
	for _, move := range status.Runs {
		if move.Status == "running" && !move.Lost && status.Run != nil {
			continue
		}
		run := runOf(move)
		if moves[run] == nil && len(runs) == shownRuns {
			isOlder = true
			continue
		}
		if moves[run] == nil {
			runs = append(runs, run)
		}
		moves[run] = append(moves[run], move)
	}
	for _, run := range runs {
		printRecordedRun(printer, moves[run], now)
	}
	if isOlder {
		printer.Line("\nOlder runs are recorded too: ocmt migrate status --output json has the last of them.")
	}
}

// printRecordedRun shows the moves of one run: how it ended stands above them, and beside each where they ended differently.
func printRecordedRun(printer *ui.Printer, moves []pgrecord.RecordedMove, now time.Time) {
	worst := slices.IndexFunc(moves, func(move pgrecord.RecordedMove) bool { return move.Lost || endWords[move.Status] != "" })
	end := endText(moves[max(worst, 0)])
	printer.Line("\nVersion %s to %d, started %s UTC, %s.", leftVersions(moves), moves[0].To, recordedTime(moves[0].Started, now), end)
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "MOVED", Right: true}, {Title: "ENDED", HideZero: true, Wrap: true}}}
	differs := slices.ContainsFunc(moves, func(move pgrecord.RecordedMove) bool { return endText(move) != end })
	for _, move := range moves {
		ended := ""
		if differs {
			ended = endText(move)
		}
		table.Rows = append(table.Rows, ui.Row(move.String(), movedText(move), ended))
	}
	printer.Table(table)
}

// leftVersions lists the versions that the moves of a run were from.
func leftVersions(moves []pgrecord.RecordedMove) string {
	var left []int
	for _, move := range moves {
		if !slices.Contains(left, move.From) {
			left = append(left, move.From)
		}
	}
	slices.Sort(left)
	return joinVersions(left)
}

// runOf tells the entries of one run from those of another: they have begun together.
func runOf(move pgrecord.RecordedMove) string { return fmt.Sprint(move.To, " ", move.Started) }

// endText says how a move ended. It tells a run that was killed from one that is at work, because both have the status
// running in the record.
func endText(move pgrecord.RecordedMove) string {
	ended := move.Status
	if move.Lost && move.Status == "running" {
		ended = "ended without a word"
	}
	if move.Reason != "" {
		ended += ": " + ui.Clean(strings.TrimSuffix(move.Reason, "."))
	}
	return ended
}

// movedText says how many values a run moved, and how many the servers did. The record has it when the run ends, so of one
// that ended without a word it has nothing.
func movedText(move pgrecord.RecordedMove) string {
	if move.Lost {
		return "not recorded, of " + ui.Number(move.Total)
	}
	text := ui.Number(move.Moved) + " of " + ui.Number(move.Total)
	if move.ByServers > 0 {
		text += ", " + ui.Number(move.ByServers) + " by servers"
	}
	return text
}
