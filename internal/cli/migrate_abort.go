package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
)

func newMigrateAbortCommand(app *App, run func(context.Context, *config.Settings, *noOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateAbort
	}
	cmd := &cobra.Command{
		Use:        "abort",
		SuggestFor: []string{"stop", "cancel", "kill"},
		Short:      "Make the run that is at work end",
		Long: `Make the run that is at work on this database, on whatever machine, finish what
it has in hand and end, with status 130. What it moved stays moved; the same
command goes on from there.` + describeSteering("abort"),
		Example: "  ocmt migrate abort",
		Args:    noArgs,
	}
	cmd.RunE = runWithSettings(app, &noOptions{}, run)
	finishSteering(cmd)
	return cmd
}

func (a *App) runMigrateAbort(ctx context.Context, settings *config.Settings, _ *noOptions) error {
	return a.steer(ctx, settings, migrate.OrderAbort, func(orders *migrate.Orders) { orders.Abort = true })
}
