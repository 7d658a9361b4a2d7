package cli

import (
	"context"
	"errors"
	"strings"

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
	cmd.RunE = runWithFlags(app, &noOptions{}, run)
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

func (a *App) runAuditList(context.Context, *noOptions) error {
	document := auditListDocument{Checks: []auditCheck{}}
	table := ui.Table{Columns: []ui.Column{{Title: "CHECK"}, {Title: "SEVERITY"}, {Title: "FINDS", Flexible: true}}}
	for _, check := range audit.Checks() {
		document.Checks = append(document.Checks, newAuditCheck(check))
		table.Rows = append(table.Rows, ui.Row(check.ID, check.Severity.String(), check.Title))
	}
	a.printer.Table(table)
	return a.printer.Document("audit-list", document)
}

func newAuditExplainCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say what a check looks at, why, and what to do",
		Long: `Say of a check why it matters, what it looks at, which right it needs for
that, what is no fault, and what to do about a finding. It asks nobody.

` + describeDocument("audit-explain"),
		Example: `  ocmt audit explain OCMT-PG-006
  ocmt audit explain pg-006`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, check := range audit.Checks() {
				ids = append(ids, check.ID+"\t"+check.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := app.useFlagsOnly(cmd); err != nil {
			return err
		}
		if len(args) != 1 {
			return usageError(cmd, "name one check, such as OCMT-PG-006")
		}
		check, err := audit.Find(args[0])
		var unknown *audit.UnknownCheckError
		if errors.As(err, &unknown) {
			return usageError(cmd, unknown.Error())
		}
		app.printCheck(check)
		return app.printer.Document("audit-explain", newAuditCheck(check))
	}
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

// printCheck says everything about a check.
func (a *App) printCheck(check audit.Check) {
	a.printer.Line("%s  %s", a.printer.Paint(ui.Strong, check.ID), a.printer.Paint(severityTone(check.Severity), check.Severity.String()))
	a.printer.Line("%s", check.Title)
	for _, part := range []struct{ name, text string }{
		{"Why", check.Why}, {"Looks at", check.LooksAt}, {"Needs", check.Right}, {"No fault", check.NotFault}, {"Next", check.Fix}, {"Source", check.Source},
	} {
		if part.text != "" {
			a.printer.Line("\n%s", a.printer.Paint(ui.Strong, part.name))
			a.printer.Line("  %s", strings.ReplaceAll(wrapText(sentence(part.text), helpWidth-2), "\n", "\n  "))
		}
	}
}

// sentence writes a phrase as a sentence. What begins with a command, a path or a name stays as it is.
func sentence(phrase string) string {
	first, _, _ := strings.Cut(phrase, " ")
	if first != "" && strings.ToLower(first) == first && !strings.ContainsAny(first, "._/-:,$") && first != "ocmt" {
		phrase = strings.ToUpper(phrase[:1]) + phrase[1:]
	}
	if !strings.HasSuffix(phrase, ".") {
		phrase += "."
	}
	return phrase
}

// severityTone returns the tone of a severity.
func severityTone(severity audit.Severity) ui.Tone {
	switch {
	case severity >= audit.High:
		return ui.Bad
	case severity >= audit.Low:
		return ui.Caution
	default:
		return ui.Strong
	}
}
