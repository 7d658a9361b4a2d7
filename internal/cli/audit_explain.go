package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ui"
)

// auditExplainOptions are the arguments of ocmt audit explain.
type auditExplainOptions struct{ Args []string }

// Validate needs one check.
func (o *auditExplainOptions) Validate() error {
	if len(o.Args) != 1 {
		return errors.New("name one check, such as OCMT-PG-006")
	}
	return nil // the run says which checks there are, where there is none of that name
}

func newAuditExplainCommand(app *App, run func(context.Context, *auditExplainOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditExplain
	}
	options := &auditExplainOptions{}
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say what a check looks at, why, and what to do",
		Long: `Say of a check why it matters, what it looks at, which right it needs for
that, what is no fault, and what to do about a finding. It asks nobody.

` + describeDocument("audit-explain"),
		Example: `  ocmt audit explain OCMT-PG-006
  ocmt audit explain pg-006`,
		Args:      cobra.ArbitraryArgs,
		ValidArgs: checkNames(),
	}
	ask := runWithFlags(app, cmd, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Args = args
		return ask(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

// checkNames returns the IDs of all checks, each with its title for a shell.
func checkNames() (ids []string) {
	for _, check := range audit.Checks() {
		ids = append(ids, check.ID+"\t"+check.Title)
	}
	return ids
}

func (a *App) runAuditExplain(_ context.Context, options *auditExplainOptions) error {
	check, err := audit.Find(options.Args[0])
	if err != nil {
		return err
	}
	a.printCheck(check)
	return a.printer.Document("audit-explain", newAuditCheck(check))
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
			a.printer.Line("  %s", sentence(part.text))
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
