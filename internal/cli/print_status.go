package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// printStatus shows the run at work first, then runs that ended without a word, then what is recorded.
func printStatus(printer *ui.Printer, status statusDocument, now time.Time) {
	printAtWork(printer, status, now)
	for i, lost := range status.Lost {
		if i == shownLost {
			printer.Line("%s more ended without a word: ocmt migrate status --output json lists them.", ui.Count(int64(len(status.Lost)-i), "run", "runs"))
			break
		}
		printer.Line("%s", describeLost(lost, status.Running))
	}
	for _, orders := range status.Malformed {
		printer.Warn("the orders to runs to version %d are malformed, and are not followed: %s; ocmt migrate reset-orders takes them away", orders.Version, orders.Problem)
	}
	switch {
	case len(status.Runs) > 0:
		printMoves(printer, status, now)
	case status.couldRead("encryption_migrations"):
		printer.Line("No run is recorded.")
	}
}

// shownLost is how many runs that ended without a word fit a screen. Whoever may write to the record can make any number.
const shownLost = 3

// couldRead reports whether a table of the record was read, or is not there.
func (s statusDocument) couldRead(table string) bool {
	return !slices.ContainsFunc(s.Unread, func(f finding.Finding) bool { return f.Where == table })
}

// printAtWork shows what holds the lock of the database.
func printAtWork(printer *ui.Printer, status statusDocument, now time.Time) {
	switch {
	case !status.Running && len(status.Unread) > 0:
		printer.Line("Nothing holds the lock of this database at this moment.")
		return
	case !status.Running:
		printer.Line("No run is at work on this database.%s", describeUnfinished(status.Runs, now))
		return
	case status.Lock.Stranger:
		printer.Line("%s", strangerSentence(*status.Lock))
		printer.Line("%s", describeLock(*status.Lock))
		for _, text := range endStranger(*status.Lock) {
			printer.Line("  next: %s", text)
		}
		return
	case status.Lock.State == pgrecord.RunSilent:
		printSilence(printer, status)
	case status.Run == nil && !status.couldRead("encryption_keys"):
		printer.Line("A run is at work on this database. How far it is could not be looked at.")
		printer.Line("%s", describeLock(*status.Lock))
	case status.Run == nil:
		printer.Line("A run is at work on this database. It does not tell how far it is: a dry run, a look for values, or one that has just begun.")
		printer.Line("%s", describeLock(*status.Lock))
	default:
		printer.Line("A run is at work on this database: %s, last sign of life %s ago.", describeProcess(*status.Run), describeSeconds(status.Run.Silence))
		printer.Line("%s", describeLock(*status.Lock))
	}
	if status.Run == nil {
		return
	}
	if status.Run.State == pgrecord.RunSilent {
		printer.Line("The last that it said: %s", describeLastReport(status.Run.Status))
	} else {
		printer.Line("%s", describeRun(*status.Run))
	}
	printOrders(printer, *status.Run)
}

// printOrders shows the last orders to a run, and what ends its pause.
func printOrders(printer *ui.Printer, run pgrecord.Run) {
	if last := run.Orders.Note(); last != nil {
		printer.Line("Last order: %s, %s ago.", describeNote(*last), describeSeconds(run.Ordered))
	}
	printOrderBefore(printer, run.Orders)
	if run.State != pgrecord.RunSilent && pauseOf(&run) != "" {
		printer.Line("%s", resumeAdvice)
	}
}

// printOrderBefore shows the order that the last one came after.
func printOrderBefore(printer *ui.Printer, orders migrate.Orders) {
	if before := orders.Before; before != nil {
		printer.Line("The order before it: %s, %s earlier.", describeNote(*before), ui.Duration(orders.At.Sub(before.At)))
	}
}

// printSilence says that a run gives no sign of life, and what ends it.
func printSilence(printer *ui.Printer, status statusDocument) {
	if status.Lock.State != pgrecord.RunSilent {
		printer.Line("The run gives signs of life again.")
		return
	}
	printer.Line("%s", silenceSentence(*status.Lock, status.Run))
	printer.Line("%s", describeLock(*status.Lock))
	for _, text := range endSilent(*status.Lock, status.Run) {
		printer.Line("  next: %s", text)
	}
}

// silenceSentence says that a run gives no sign of life, and which process it is.
func silenceSentence(lock pgrecord.Lock, run *pgrecord.Run) string {
	text := fmt.Sprintf("A run holds the lock of this database, and has given no sign of life for %s: its machine is gone or cut off, or its process is stopped.",
		describeSeconds(lock.Silence))
	if run != nil {
		text += " It is " + describeProcess(*run) + "."
	}
	return text
}

// strangerSentence is describeStranger as a sentence.
func strangerSentence(lock pgrecord.Lock) string {
	return "The" + strings.TrimPrefix(ui.Clean(describeStranger(lock)), "the") + "."
}

// holderOf returns what holds the lock of runs and is no run at work, nil for none.
func holderOf(work pgrecord.Work) *rotation.Holder {
	switch {
	case work.Lock == nil:
		return nil
	case work.Lock.Stranger:
		return &rotation.Holder{Summary: strangerSentence(*work.Lock), Ends: endStranger(*work.Lock)}
	case work.Lock.State == pgrecord.RunSilent:
		return &rotation.Holder{Summary: silenceSentence(*work.Lock, work.Run), Ends: endSilent(*work.Lock, work.Run)}
	}
	return nil
}

// describeStranger says that who holds the lock of the database is no run.
func describeStranger(lock pgrecord.Lock) string {
	return (&pgrecord.StrangerError{Lock: lock}).Error()
}

// endStranger says how to end what holds the lock and is no run.
func endStranger(lock pgrecord.Lock) []string {
	return []string{"to end it: " + terminateSQL(lock.Backend, lock.Account) + "; no run begins before", "find out what that account does there: any role that may connect can take the lock"}
}

// endSilent says how to end a run that gives no sign of life.
func endSilent(lock pgrecord.Lock, run *pgrecord.Run) []string {
	texts := []string{"to end it: " + terminateSQL(lock.Backend, lock.Account) + "; what it moved stays moved, and the same command goes on from there"}
	if run != nil && run.Pooled {
		texts = append(texts, "it comes through a connection pool such as PgBouncer: the backend is a connection of the pool, and the address is the pool's; "+
			"the statement may go through the pool or to the server, and the pool makes itself another connection")
	}
	return texts
}

// describeProcess says which process a run is, for whom it works, and since when.
func describeProcess(run pgrecord.Run) string {
	if run.Host == "" {
		return "by a version of ocmt that does not say where it runs"
	}
	return fmt.Sprintf("process %d on %s, operator %s, since %s (%s)", run.Process, ui.Clean(run.Host), quoteName(run.Operator), serverMoment(run.Since), describeSeconds(run.AtWork))
}

// quoteName returns a name that somebody else has chosen, so that no words of it are taken for those around it.
func quoteName(name string) string { return `"` + strings.ReplaceAll(ui.Clean(name), `"`, `'`) + `"` }

// describeLock says in a sentence which backend holds the lock of a run, and where its client is.
func describeLock(lock pgrecord.Lock) string { return "Its lock is " + describeLockHolder(lock) + "." }

// describeLockHolder says by which backend a lock is held.
func describeLockHolder(lock pgrecord.Lock) string {
	text := fmt.Sprintf("held by backend %d", lock.Backend)
	if lock.Account != "" {
		text += " of account " + ui.Clean(lock.Account)
	}
	if lock.Application != "" {
		text += ", application " + quoteName(lock.Application)
	}
	switch {
	case lock.Address != "":
		text += ", from " + lock.Address
	case lock.Held < 0:
		text += ", from an address that this account may not see"
	default:
		text += ", over a socket of the server's machine"
	}
	if lock.Held >= 0 {
		text += ", since " + serverMoment(lock.Since)
	}
	return text
}

// describeLost describes a run that ended without a word.
func describeLost(run pgrecord.Run, running bool) string {
	text := fmt.Sprintf("A run to version %d ended without a word: %s, at %s of %s", run.To, describeProcess(run), ui.Number(run.Done), ui.Count(run.Total, "value", "values"))
	if run.Silence >= 0 {
		text += ", last sign of life " + describeSeconds(run.Silence) + " ago"
	}
	if running {
		return text + ". It does not hold the lock."
	}
	return text + ". Its lock is free; the same command goes on from there."
}

// describeSeconds describes a length of time.
func describeSeconds(seconds float64) string {
	if seconds < 0 {
		return "an unknown time"
	}
	return ui.Duration(time.Duration(seconds * float64(time.Second)))
}

// endWords says of a run that did not complete how it ended.
var endWords = map[string]string{string(migrate.RunInterrupted): "was interrupted", string(migrate.RunFailed): "failed", string(migrate.RunPartial): "is not finished"}

// describeUnfinished says how the last recorded run ended and how to go on, where it did not complete; "" where it did.
func describeUnfinished(recorded []pgrecord.RecordedMove, now time.Time) string {
	var last []pgrecord.RecordedMove
	for _, move := range recorded {
		if len(last) > 0 && runOf(move) != runOf(last[0]) {
			break
		}
		if move.Status != "repaired" && move.Status != "accepted" {
			last = append(last, move)
		}
	}
	at := slices.IndexFunc(last, func(move pgrecord.RecordedMove) bool { return endWords[move.Status] != "" })
	if at < 0 {
		return ""
	}
	ended, left := last[at], int64(0)
	for _, move := range last {
		if endWords[move.Status] != "" && !move.Lost {
			left += max(0, move.Total-move.Moved)
		}
	}
	text := fmt.Sprintf(" The last one, to version %d, %s", ended.To, endWords[ended.Status])
	if ended.Reason != "" {
		text += " (" + ui.Clean(strings.TrimSuffix(ended.Reason, ".")) + ")"
	}
	if ended.Completed != "" {
		text += ", at " + recordedTime(ended.Completed, now) + " UTC"
	}
	if left > 0 {
		text += ": " + ui.Count(left, "value was", "values were") + " left"
	}
	return text + "; run the same command again to go on."
}
