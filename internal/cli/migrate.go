package cli

import (
	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

func newMigrateCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate COMMAND",
		Short: "Re-encrypt the database piece by piece",
		Long: `The engine under ocmt rotate, in its pieces: look, move, prove. The servers keep
running. Each value names its key version, so a run that ends early is resumed
by running again. A run that is at work can be steered from another terminal.`,
		Example: `  ocmt migrate plan
  ocmt migrate run --from-version 0
  ocmt migrate verify`,
	}
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	makeGroup(cmd, newMigratePlanCommand(app, nil), newMigrateRunCommand(app, nil), newMigrateVerifyCommand(app, nil),
		newMigrateStatusCommand(app, nil), newMigrateColumnsCommand(app, nil), newMigrateAcceptCommand(app, nil),
		newMigratePauseCommand(app, nil), newMigrateResumeCommand(app, nil), newMigrateSetCommand(app, nil), newMigrateAbortCommand(app, nil),
		newMigrateResetOrdersCommand(app, nil))
	return cmd
}
