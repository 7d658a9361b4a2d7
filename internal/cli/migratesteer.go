package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
)

// steerDocument is the JSON form of pause, resume, set and abort: the run as it
// is once it follows.
type steerDocument struct {
	Followed bool           `json:"followed"` // the run was seen to follow the order
	Run      migrate.Status `json:"run"`
}

// answerTime bounds how long a run may take to follow: it reads its orders twice
// a second, and has to finish what is in hand.
const answerTime = 15 * time.Second

// askEvery is how often the run is asked whether it follows.
const askEvery = 100 * time.Millisecond

func newMigratePauseCommand(app *App) *cobra.Command {
	return newSteerCommand(app, "pause", "Make the run that is at work wait",
		`Make the run that is at work on this database, on whatever machine, finish what
it has in hand and wait until ocmt migrate resume. The servers are not held up
meanwhile: a waiting run holds no row.`,
		func(orders *migrate.Orders) { orders.Paused = true })
}

func newMigrateResumeCommand(app *App) *cobra.Command {
	return newSteerCommand(app, "resume", "Let a paused run go on",
		`Let the run that was paused with ocmt migrate pause go on.`,
		func(orders *migrate.Orders) { orders.Paused = false })
}

func newMigrateAbortCommand(app *App) *cobra.Command {
	return newSteerCommand(app, "abort", "Make the run that is at work end",
		`Make the run that is at work on this database, on whatever machine, finish what
it has in hand and end, with status 130. What it moved stays moved; the same
command goes on from there.`,
		func(orders *migrate.Orders) { orders.Abort = true })
}

func newMigrateSetCommand(app *App) *cobra.Command {
	wanted := &newSettings{}
	cmd := newSteerCommand(app, "set rate=N | pace=PACE", "Change the row limit or the pace of the run that is at work",
		`Change how many rows a second the run that is at work on this database, on
whatever machine, may write (0 takes the limit away), or its pace: auto gives
way while others are at work in the database, full does not, gentle always does.`,
		wanted.order)
	cmd.Example = "  ocmt migrate set rate=500\n  ocmt migrate set pace=full\n  ocmt migrate set rate=0 pace=auto"
	cmd.Args = wanted.read
	cmd.ValidArgs = []string{"rate=", "pace=auto", "pace=full", "pace=gentle"}
	return cmd
}

// newSettings are the arguments of migrate set.
type newSettings struct {
	rate *int
	pace migrate.Pace
}

func (s *newSettings) read(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "a setting is needed: rate=N or pace=PACE")
	}
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, "=")
		switch name {
		case "rate":
			number, err := strconv.ParseUint(text, 10, 30)
			if err != nil {
				return usageError(cmd, "rate must be a whole number of rows a second, 0 for no limit")
			}
			rate := int(number)
			s.rate = &rate
		case "pace":
			s.pace = migrate.Pace(text)
			if !s.pace.Known() {
				return usageError(cmd, "pace must be auto, full or gentle")
			}
		default:
			return usageError(cmd, "only rate and pace can be set, as rate=N and pace=PACE")
		}
	}
	return nil
}

func (s *newSettings) order(orders *migrate.Orders) {
	if s.rate != nil {
		orders.MaxRowsPerSecond = s.rate
	}
	if s.pace != "" {
		orders.Pace = s.pace
	}
}

func newSteerCommand(app *App, use, short, long string, change func(*migrate.Orders)) *cobra.Command {
	name, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: long + `

It waits until the run is seen to follow. It needs DATABASE_URL and no key.

JSON document ocmt/migrate-` + name + `/v1: followed, run (as in migrate status).`,
		Example: "  ocmt migrate " + name,
		Args:    noArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runSteer(cmd.Context(), cmd, app, name, change) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func runSteer(ctx context.Context, cmd *cobra.Command, app *App, name string, change func(*migrate.Orders)) error {
	settings, err := app.settings(cmd)
	if err != nil {
		return err
	}
	store, err := app.store(settings)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := app.stop.Context(ctx)
	defer cancel()
	number, err := store.Order(ctx, func(orders *migrate.Orders) {
		change(orders)
		orders.By = settings.Operator
	})
	if err != nil {
		return causeOf(ctx, err)
	}
	status, err := awaitRun(ctx, store, number)
	if err != nil {
		return causeOf(ctx, err)
	}
	app.printer.Line("%s", steered(name, status))
	return app.printer.Document("migrate-"+name, steerDocument{Followed: true, Run: status})
}

// awaitRun looks at the run until it follows an order, or has ended.
func awaitRun(ctx context.Context, store *postgres.Store, number int64) (last migrate.Status, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errNoAnswer)
	defer cancel()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		found, err := store.Steering(ctx)
		switch {
		case errors.Is(err, postgres.ErrNoRun):
			last.Ended = true
			return last, nil
		case err == nil:
			last = found.Status
		case ctx.Err() == nil:
			return last, err
		}
		if last.Seen >= number {
			return last, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
	}
}

var errNoAnswer = &ui.Error{Code: ui.ExitFailed,
	Message: fmt.Sprintf("the order is left in the database, and the run was not seen to follow it within %s", answerTime),
	Hints:   []string{"ocmt migrate status shows what it does", "a run that waits for the database reads its orders when that answers"}}

// steered says what was seen of a run after an order.
func steered(name string, status migrate.Status) string {
	if status.Ended {
		return "The run has ended."
	}
	at := fmt.Sprintf("%s of %s", ui.Number(status.Done), ui.Count(status.Total, "value", "values"))
	switch name {
	case "pause":
		return "The run waits, at " + at + "."
	case "resume":
		return "The run goes on, at " + at + "."
	case "abort":
		return "The run ends, at " + at + "."
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
