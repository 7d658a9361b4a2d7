package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// statusOptions are the flags of ocmt migrate status.
type statusOptions struct{ Watch bool }

// Validate finds nothing wrong.
func (o *statusOptions) Validate() error { return nil }

func newMigrateStatusCommand(app *App, run func(context.Context, *config.Settings, *statusOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateStatus
	}
	options := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether a run is at work, and what was recorded",
		Long: `Ask the database whether a run is at work on it, from whatever machine, how far
it is, how fast, and what it waits for; which process on which machine it is,
for whom it works, and how long ago it gave a sign of life, by the clock of the
database server. A run whose machine is gone is told, with what ends it. The
last runs of encryption_migrations are listed, a column each.

With --watch it shows the run every second until it has ended; with --output
json as one document a line.

` + describeDocument("migrate-status"),
		Example: `  ocmt migrate status
  ocmt migrate status --watch`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&options.Watch, "watch", false, "show the run every second until it has ended")
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

// watchPeriod is how often --watch looks.
const watchPeriod = time.Second

func (a *App) runMigrateStatus(ctx context.Context, settings *config.Settings, options *statusOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	status, err := readStatus(ctx, db.record)
	if err == nil && options.Watch && status.Running {
		status, err = a.watchStatus(ctx, db.record, status)
	}
	if err != nil {
		return causeOf(ctx, err)
	}
	printStatus(a.printer, status, a.deps.Now())
	write := a.printer.Document
	if options.Watch {
		write = a.printer.DocumentLine
	}
	if err := write("migrate-status", status); err != nil {
		return err
	}
	return explainUnreadRecord(status.Unread)
}

// explainUnreadRecord says which tables of the record could not be looked at, and how they can be; nil for none.
func explainUnreadRecord(unread []finding.Finding) error {
	if len(unread) == 0 {
		return nil
	}
	return withFindings(&ui.Error{Message: "what is recorded of runs could not be looked at", Code: ui.ExitFailed, Findings: unread}, unread)
}

// watchStatus shows the run until it has ended, and returns the status of then.
func (a *App) watchStatus(ctx context.Context, record *pgrecord.Record, status statusDocument) (statusDocument, error) {
	watch := a.watchRun()
	defer watch.display.End()
	var err error
	silent := false
	for err == nil && status.Running {
		watch.show(status.Run)
		if isSilent := status.Lock.State == pgrecord.RunSilent; isSilent != silent {
			silent = isSilent
			printSilence(a.printer, status)
		}
		if err := a.printer.DocumentLine("migrate-status", status); err != nil {
			return status, err
		}
		if err := waitFor(ctx, watchPeriod); err != nil {
			return status, err
		}
		status, err = readStatus(ctx, record)
	}
	return status, err
}

// waitFor returns after a time, or with the error of a context that ends before.
func waitFor(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readStatus reads what is at work, what it reports, and what is recorded.
func readStatus(ctx context.Context, record *pgrecord.Record) (statusDocument, error) {
	found, err := record.Status(ctx)
	if err != nil {
		return statusDocument{}, err
	}
	return statusDocument{Running: found.Lock != nil, Run: found.Run, Lock: found.Lock, Lost: emptyIfNil(found.Lost),
		Malformed: emptyIfNil(found.Orders), Runs: found.Moves,
		Unread: emptyIfNil(found.Unread)}, nil
}
