package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
)

// validated is the options of a command. Validate says what contradicts itself; it
// looks at nothing but the options.
type validated interface{ Validate() error }

// runWithSettings makes the body of a command: it checks the options, reads the
// settings, and calls the run hook.
func runWithSettings[O validated](app *App, options O, run func(context.Context, *config.Settings, O) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		app.carried, app.hasLockTimeout = newCarrier(cmd), cmd.Flag("lock-timeout") != nil
		if err := options.Validate(); err != nil {
			return usageError(cmd, err.Error())
		}
		settings, err := app.settings(cmd)
		if err != nil {
			return err
		}
		app.carried.store = newStoreCarrier(cmd, settings)
		defer app.showActivity()()
		return app.nameLockHolders(cmd.Context(), run(cmd.Context(), settings, options))
	}
}

// runWithFlags is runWithSettings for a command that needs no settings, and that must
// work where the settings are broken.
func runWithFlags[O validated](app *App, cmd *cobra.Command, options O, run func(context.Context, O) error) func(*cobra.Command, []string) error {
	markWithoutSettings(cmd)
	return func(cmd *cobra.Command, _ []string) error {
		if err := app.useFlagsOnly(cmd); err != nil {
			return err
		}
		if err := options.Validate(); err != nil {
			return usageError(cmd, err.Error())
		}
		return run(cmd.Context(), options)
	}
}

// noOptions is for commands that have no flags of their own.
type noOptions struct{}

// Validate finds nothing wrong.
func (*noOptions) Validate() error { return nil }
