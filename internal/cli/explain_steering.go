package cli

import (
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// warnMalformedOrders says that a run does not follow what stands in the place of its orders.
func (a *App) warnMalformedOrders(problem string) {
	a.printer.Warn("the orders to this run are malformed, and are not followed: %s; ocmt migrate reset-orders takes them away", problem)
}

// explainSteering explains why an order to a run had no effect.
func explainSteering(err error) *ui.Error {
	var silent *silentRunError
	var stranger *pgrecord.StrangerError
	switch {
	case errors.As(err, &stranger):
		return &ui.Error{Message: ui.Clean(stranger.Error()) + ": it takes no orders", Code: ui.ExitFailed, Hints: append(endStranger(stranger.Lock), "ocmt migrate status shows who holds the lock")}
	case errors.As(err, &silent):
		return &ui.Error{Code: ui.ExitFailed, Hints: append(endSilent(silent.lock, &silent.run), "ocmt migrate status shows it"),
			Message: fmt.Sprintf("the run has given no sign of life for %s, so no order was given", describeSeconds(silent.run.Silence)),
			Why:     "its machine is gone or cut off, or its process is stopped: " + describeProcess(silent.run)}
	case errors.Is(err, pgrecord.ErrNoRun):
		return &ui.Error{Message: err.Error() + ": there is nothing to steer", Code: ui.ExitFailed,
			Hints: []string{"ocmt migrate status shows what was recorded"}}
	case errors.Is(err, pgrecord.ErrNotSteerable):
		return &ui.Error{Message: err.Error() + ": a dry run, a look for values, or a run that has just begun or is about to end", Code: ui.ExitFailed,
			Hints: []string{"ocmt migrate status shows who holds the lock", "a run takes orders while it moves values: try again, or end it with Ctrl-C where it runs"}}
	case errors.Is(err, errNoAnswer):
		return &ui.Error{Code: ui.ExitFailed,
			Message: fmt.Sprintf("the order is left in the database, and the run was not seen to follow it within %s", answerTimeout),
			Hints:   []string{"ocmt migrate status shows what it does, and how long ago it gave a sign of life", "a run that waits for the database reads its orders when that answers"}}
	}
	return nil
}
