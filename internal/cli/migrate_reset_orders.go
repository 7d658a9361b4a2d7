package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// resetOrdersOptions are the flags of ocmt migrate reset-orders.
type resetOrdersOptions struct{ All, DryRun bool }

// Validate finds nothing wrong.
func (*resetOrdersOptions) Validate() error { return nil }

func newMigrateResetOrdersCommand(app *App, run func(context.Context, *config.Settings, *resetOrdersOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateResetOrders
	}
	options := &resetOrdersOptions{}
	cmd := &cobra.Command{
		Use:   "reset-orders",
		Short: "Take malformed orders to runs out of the record",
		Long: `Take away what stands in the place of the orders to runs and is none, because
somebody wrote it by hand, and orders to runs that are not at work. A run does
not follow malformed orders: it goes on by those before them, which stand there
afterwards. Well-formed orders to the run that is at work stay, unless --all is
given: then it goes on as it was started, also where it was paused.

It asks first, and needs --yes without a terminal. It needs DATABASE_URL and no
key.

` + describeDocument("migrate-reset-orders"),
		Example: "  ocmt migrate reset-orders --dry-run\n  ocmt migrate reset-orders --yes",
		Args:    noArgs,
	}
	cmd.Flags().BoolVar(&options.All, "all", false, "also take away well-formed orders to the run that is at work")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only say what would be taken away")
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runMigrateResetOrders(ctx context.Context, settings *config.Settings, options *resetOrdersOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	list, err := db.record.Orders(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	written := resetOrdersDocument{DryRun: options.DryRun, Removed: []pgrecord.KeptOrders{}, Left: []pgrecord.KeptOrders{}}
	for _, orders := range list {
		if options.All || orders.IsLeftover() {
			written.Removed = append(written.Removed, orders)
			a.printer.Line("To take away: %s.", describeOrders(orders))
		} else {
			written.Left = append(written.Left, orders)
			a.printer.Line("Left: %s.", describeOrders(orders))
		}
	}
	switch {
	case len(written.Removed) == 0:
		a.printer.Line("There are no orders to take away.")
		return a.printer.Document("migrate-reset-orders", written)
	case options.DryRun:
		return a.printer.Document("migrate-reset-orders", written)
	}
	if err := a.tellRecord(ctx, db.chain); err != nil {
		return causeOf(ctx, err)
	}
	if err := a.printer.Confirm(ctx, ui.Question{Text: "Take them away?"}); err != nil {
		return err
	}
	return causeOf(ctx, a.resetOrders(ctx, db.record, options.All, written))
}

// resetOrders takes orders away, and says what was seen to be left.
func (a *App) resetOrders(ctx context.Context, record *pgrecord.Record, all bool, written resetOrdersDocument) error {
	removed, left, err := record.ResetOrders(ctx, all)
	if err != nil {
		return err
	}
	written.Removed, written.Left = emptyIfNil(removed), emptyIfNil(left)
	for _, orders := range removed {
		a.printer.Line("Taken away: %s.", describeOrders(orders))
		switch {
		case orders.Live && all:
			a.printer.Line("The run at work goes on as it was started.")
		case orders.Live:
			a.printer.Line("The run at work goes on by the orders that it follows; ocmt migrate status shows them.")
		}
	}
	if err := a.printer.Document("migrate-reset-orders", written); err != nil {
		return err
	}
	for _, orders := range left {
		if all || orders.IsLeftover() {
			return &ui.Error{Message: "orders stand there again, written meanwhile: " + describeOrders(orders), Code: ui.ExitFailed,
				Hints: []string{"find out who writes them, then run this again"}}
		}
	}
	return nil
}

// describeOrders says to which runs orders are, and what is wrong with them.
func describeOrders(orders pgrecord.KeptOrders) string {
	text := fmt.Sprintf("the orders for runs to version %d", orders.Version)
	switch {
	case orders.Problem != "":
		text += ", malformed: " + orders.Problem
	case orders.Live:
		text += ", which the run at work follows"
	default:
		text += ": no such run is at work"
	}
	return text
}
