package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

func newRotateRollbackCommand(app *App) *cobra.Command {
	options := &engineOptions{AllowDowngrade: true, Backwards: true}
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
	addSelectionFlags(cmd, options)
	addMoveFlags(cmd, options)
	cmd.Flag("to-version").Usage = "the key version to go back to (needed)"
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !options.To.set {
			return usageError(cmd, "--to-version is needed: the key version to go back to")
		}
		engine, err := app.engine(cmd, options)
		if err != nil {
			return err
		}
		defer engine.store.Close()
		return engine.rotate(cmd.Context(), options.DryRun)
	}
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

// printRollback is the last screen of going back.
func printRollback(printer *ui.Printer, request migrate.Request) {
	printer.Heading("Next")
	printer.Line("Switch every server back to ENCRYPTION_KEY_VERSION=%d, with the key of that version as", request.To)
	printer.Line("ENCRYPTION_KEY, and run this once more: until then they write under the newer version, which")
	printer.Line("a server that was switched back cannot read. Keep the newer key until that run has proven")
	printer.Line("every value: ocmt rotate rollback --to-version %s", strconv.Itoa(request.To))
}
