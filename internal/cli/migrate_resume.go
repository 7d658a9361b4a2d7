package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
)

func newMigrateResumeCommand(app *App, run func(context.Context, *config.Settings, *noOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateResume
	}
	cmd := &cobra.Command{
		Use:     "resume",
		Short:   "Let a paused run go on",
		Long:    `Let the run that was paused with ocmt migrate pause go on.` + describeSteering("resume"),
		Example: "  ocmt migrate resume",
		Args:    noArgs,
	}
	cmd.RunE = runWithSettings(app, &noOptions{}, run)
	finishSteering(cmd)
	return cmd
}

func (a *App) runMigrateResume(ctx context.Context, settings *config.Settings, _ *noOptions) error {
	return a.steer(ctx, settings, migrate.OrderResume, func(orders *migrate.Orders) { orders.Paused = false })
}
