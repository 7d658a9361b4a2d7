package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ui"
)

// auditListDocument is what ocmt audit list writes.
type auditListDocument struct {
	Checks []auditCheck `json:"checks"`
}

// auditCheck is one check.
type auditCheck struct {
	ID       string         `json:"id"`
	Area     audit.Area     `json:"area"`
	Severity audit.Severity `json:"severity"`
	Title    string         `json:"title"`
	Why      string         `json:"why"`
	LooksAt  string         `json:"looks_at"`
	Right    string         `json:"right"`
	NotFault string         `json:"no_fault"`
	Fix      string         `json:"fix"`
	Source   string         `json:"source,omitempty"`
}

func newAuditCheck(c audit.Check) auditCheck {
	return auditCheck{ID: c.ID, Area: c.Area(), Severity: c.Severity, Title: c.Title, Why: c.Why, LooksAt: c.LooksAt,
		Right: c.Right, NotFault: c.NotFault, Fix: c.Fix, Source: c.Source}
}

func newAuditListCommand(app *App, run func(context.Context, *noOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditList
	}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the checks",
		Long: `List all checks with their severity, by what they look at. It asks nobody.

` + describeDocument("audit-list"),
		Example: `  ocmt audit list
  ocmt audit list --output json`,
		Args: noArgs,
	}
	cmd.RunE = runWithFlags(app, cmd, &noOptions{}, run)
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

func (a *App) runAuditList(context.Context, *noOptions) error {
	document := auditListDocument{Checks: []auditCheck{}}
	table := ui.Table{Columns: []ui.Column{{Title: "CHECK"}, {Title: "SEVERITY"}, {Title: "FINDS", Wrap: true}}}
	for _, check := range audit.Checks() {
		document.Checks = append(document.Checks, newAuditCheck(check))
		table.Rows = append(table.Rows, ui.Row(check.ID, check.Severity.String(), check.Title))
	}
	a.printer.Table(table)
	return a.printer.Document("audit-list", document)
}
