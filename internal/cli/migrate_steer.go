package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// answerTimeout bounds how long a run may take to follow an order. It reads its orders
// twice a second, and finishes the batches in hand first.
const answerTimeout = 15 * time.Second

// answerPeriod is how often steer looks whether the run follows.
const answerPeriod = 100 * time.Millisecond

// describeSteering returns the end of the help page of a command that steers a run.
func describeSteering(name string) string {
	return `

It waits until the run is seen to follow. It needs DATABASE_URL and no key.

` + describeDocument("migrate-"+name)
}

// finishSteering adds the flags of a command that steers a run, and states its exit codes.
func finishSteering(cmd *cobra.Command) {
	addLockTimeout(cmd)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
}

// steer gives an order to the run that is at work, waits until the run follows, and
// shows the run.
func (a *App) steer(ctx context.Context, settings *config.Settings, word string, change func(*migrate.Orders)) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	work, err := db.record.Work(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	if work.Run != nil && work.Run.State == pgrecord.RunSilent {
		return &silentRunError{*work.Lock, *work.Run}
	}
	if _, err := work.Steerable(); err != nil {
		return err
	}
	if err := a.tellRecord(ctx, db.chain); err != nil {
		return causeOf(ctx, err)
	}
	given, err := db.record.Order(ctx, word, change)
	if err != nil {
		return causeOf(ctx, err)
	}
	if given.Malformed != "" {
		a.printer.Warn("what stood in the place of orders was malformed, and this order takes its place: %s", given.Malformed)
	}
	run, err := awaitAnswer(ctx, db.record, given.Orders.Number, *work.Run)
	if err != nil {
		return causeOf(ctx, err)
	}
	a.printer.Line("%s", describeSteered(word, given.Orders, run))
	printOrderBefore(a.printer, given.Orders)
	if run.Ended {
		a.printer.Line("next: ocmt migrate status   (how it ended)")
	}
	if !run.Ended && run.Orders.Paused && !run.Orders.Abort {
		a.printer.Line("%s", resumeAdvice)
	}
	return a.printer.Document("migrate-"+word, steerDocument{Followed: true, Run: run})
}

// silentRunError says that a run gives no sign of life, so that no order was given to it.
type silentRunError struct {
	lock pgrecord.Lock
	run  pgrecord.Run
}

// Error says since when.
func (e *silentRunError) Error() string {
	return "the run gives no sign of life; no order was given"
}

// awaitAnswer looks at a run, which was seen before, until it follows an order or has ended.
func awaitAnswer(ctx context.Context, record *pgrecord.Record, number int64, last pgrecord.Run) (pgrecord.Run, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errNoAnswer)
	defer cancel()
	ticker := time.NewTicker(answerPeriod)
	defer ticker.Stop()
	for {
		found, err := record.Steerable(ctx)
		switch {
		case errors.Is(err, pgrecord.ErrNoRun), errors.Is(err, pgrecord.ErrNotSteerable):
			last.Ended = true
			return last, nil
		case err == nil:
			last = found
		case ctx.Err() == nil:
			return last, err
		}
		if migrate.IsFollowed(number, last.Seen) {
			return last, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
	}
}

// errNoAnswer says that a run was not seen to follow an order.
var errNoAnswer = errors.New("the run was not seen to follow the order")

// resumeAdvice says what ends a pause.
const resumeAdvice = "next: ocmt migrate resume   (let it go on)"

// describeNote names an order, and who gave it.
func describeNote(note migrate.OrderNote) string {
	return ui.Clean(note.Word) + ", by " + ui.Clean(note.By)
}

// describeSteered says what was seen of a run after an order.
func describeSteered(word string, given migrate.Orders, status pgrecord.Run) string {
	at := fmt.Sprintf("%s of %s", ui.Number(status.Done), ui.Count(status.Total, "value", "values"))
	if status.Ended {
		return "The run has ended. It was last seen at " + at + "."
	}
	switch last := status.Orders.Note(); {
	case status.Orders.Abort && word != migrate.OrderAbort:
		return "The run ends, at " + at + ": an order to abort stands, and no other takes it back."
	case status.Seen != given.Number && last != nil:
		return "The run has followed, and a later order since: " + describeNote(*last) + ". It is at " + at + "."
	}
	switch word {
	case migrate.OrderPause:
		return "The run waits, at " + at + "."
	case migrate.OrderResume:
		return "The run goes on, at " + at + "."
	case migrate.OrderAbort:
		return "The run has the order and ends after what is in hand, at " + at + ". ocmt migrate status says when it has ended."
	}
	limit := "without a row limit"
	if status.MaxRowsPerSecond > 0 {
		limit = "with at most " + ui.Count(int64(status.MaxRowsPerSecond), "row", "rows") + " a second"
	}
	pace := ui.Clean(string(status.Pace))
	if status.Waiting != "" {
		return fmt.Sprintf("The run will go on %s at pace %s. It still waits for %s.", limit, pace, ui.Clean(status.Waiting))
	}
	return fmt.Sprintf("The run goes on %s at pace %s, at %s.", limit, pace, at)
}
