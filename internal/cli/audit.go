package cli

import (
	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// newAuditCommand makes the group of the commands about what was done.
func newAuditCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit COMMAND",
		Short: "Prove and add to the record of what was done",
		Long: `Each command that changes something adds an entry to the tool's own record, a
chain in the table ocmt.record or in the file of --record. These commands prove
the chain, and add what the tool cannot see.`,
		Example: `  ocmt audit verify-chain
  ocmt audit record incident-opened --note 'ticket 4711'`,
	}
	makeGroup(cmd, newAuditVerifyChainCommand(app, nil), newAuditRecordCommand(app, nil))
	stateExits(cmd, ui.ExitUsage)
	return cmd
}
