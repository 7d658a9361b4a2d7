package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
)

// rollbackOptions are the flags of ocmt rotate rollback.
type rollbackOptions struct {
	selectionOptions
	guardOptions
	moveOptions
	proofOptions
}

// Validate needs a version to go back to.
func (o *rollbackOptions) Validate() error {
	if !o.To.set {
		return errors.New("--to-version is needed: the key version to go back to")
	}
	return firstError(o.guardOptions.Validate(), o.moveOptions.Validate(), o.proofOptions.Validate())
}

func newRotateRollbackCommand(app *App, run func(context.Context, *config.Settings, *rollbackOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateRollback
	}
	options := &rollbackOptions{}
	cmd := &cobra.Command{
		Use:   "rollback --to-version N",
		Short: "Bring every secret back under an older key",
		Long: `Move every value that is under a newer version back to version N, then open
every value with that key alone. It is the rotation the other way round: the
same checks, the same record, and it can be stopped and run again.

Run it with the settings that the servers have now, which is the newer
ENCRYPTION_KEY_VERSION with the older key as ENCRYPTION_KEY_VN: such servers
read both. They go on writing under the newer version until they are switched
back, so run it, switch them back to version N, and run it once more.

JSON document ocmt/rotate/v1, as ocmt rotate.`,
		Example: `  ocmt rotate rollback --to-version 0 --dry-run
  ocmt rotate rollback --to-version 0`,
		Args: noArgs,
	}
	options.selectionOptions.addFlags(cmd)
	options.guardOptions.addFlags(cmd)
	options.moveOptions.addFlags(cmd)
	options.proofOptions.addFlags(cmd)
	cmd.Flag("to-version").Usage = "the key version to go back to (needed)"
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateRollback(ctx context.Context, settings *config.Settings, options *rollbackOptions) error {
	engine, err := a.newEngine(settings, engineRequest{selectionOptions: options.selectionOptions, guardOptions: options.guardOptions,
		AllowDowngrade: true, Backwards: true, StopOnSetAside: options.OnError == onErrorStop, Search: options.depth()})
	if err != nil {
		return a.nameCopyOfKey(ctx, settings, options.To.number, err)
	}
	defer engine.close()
	return engine.underLock(ctx, func(ctx context.Context) error {
		engine.warnOfCompromised(ctx, options.To.number)
		return engine.rotate(ctx, options.DryRun)
	})
}
