package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
)

func newMigratePauseCommand(app *App, run func(context.Context, *config.Settings, *noOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigratePause
	}
	cmd := &cobra.Command{
		Use:        "pause",
		SuggestFor: []string{"stop", "halt"},
		Short:      "Make the run that is at work wait",
		Long: `Make the run that is at work on this database, on whatever machine, finish what
it has in hand and wait until ocmt migrate resume. The servers are not held up
meanwhile: a waiting run holds no row.` + describeSteering("pause"),
		Example: "  ocmt migrate pause",
		Args:    noArgs,
	}
	cmd.RunE = runWithSettings(app, &noOptions{}, run)
	finishSteering(cmd)
	return cmd
}

func (a *App) runMigratePause(ctx context.Context, settings *config.Settings, _ *noOptions) error {
	return a.steer(ctx, settings, migrate.OrderPause, func(orders *migrate.Orders) { orders.Paused = true })
}
