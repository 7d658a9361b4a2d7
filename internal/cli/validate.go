package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// validateOptions are the flags of ocmt validate.
type validateOptions struct {
	Strict bool
}

// Validate finds nothing wrong.
func (o *validateOptions) Validate() error { return nil }

func newValidateCommand(app *App, run func(context.Context, *config.Settings, *validateOptions) error) *cobra.Command {
	if run == nil {
		run = app.runValidate
	}
	options := &validateOptions{}
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configured secrets",
		Long: `Check the secrets as they are configured here: their form and strength,
placeholders from the documentation, two versions with one secret, gaps in the
versions, parts that come from two places, and whether others can read the
files they stand in. It changes nothing, asks no server and shows no secret; a
fingerprint tells two secrets apart without giving either away.

` + describeDocument("validate"),
		Example: `  ocmt validate
  ocmt validate --env-file /etc/ocmt/.env --strict
  ocmt validate --output json`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&options.Strict, "strict", false, "warnings count as found problems")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound)
	return cmd
}

func (a *App) runValidate(_ context.Context, settings *config.Settings, options *validateOptions) error {
	report := newValidateReport(settings, options.Strict)
	printValidateReport(a.printer, report)
	if err := a.printer.Document("validate", report); err != nil {
		return err
	}
	if report.OK {
		return nil
	}
	return foundProblems(report)
}

// newValidateReport checks the settings of every kind of secret, and the files that they
// stand in.
func newValidateReport(settings *config.Settings, strict bool) validateDocument {
	report := validateDocument{Settings: []validateSetting{}, Problems: []validateProblem{}}
	var found []finding.Finding
	for _, kind := range secret.VersionedKinds() {
		report.Settings = append(report.Settings, describeSettings(settings, kind)...)
		found = append(found, kind.CheckSettings(settings)...)
	}
	found = append(found, settings.CheckKeyPlaces()...)
	for _, file := range settings.Files {
		found = append(found, checkFileMode(file)...)
	}
	for _, one := range found {
		report.Problems = append(report.Problems, validateProblem{Name: one.Where, Finding: one})
		if one.Severity == finding.Error {
			report.Errors++
		} else {
			report.Warnings++
		}
	}
	report.OK = report.Errors == 0 && (!strict || report.Warnings == 0)
	return report
}

// describeSettings lists the settings of a kind with where each was found.
func describeSettings(settings *config.Settings, kind secret.Kind) (list []validateSetting) {
	for _, name := range kind.SettingNames(settings.Names) {
		list = append(list, validateSetting{Name: kind.ShownName(name), Source: settings.Source(name).String(),
			Fingerprint: kind.Fingerprint(settings.Text(name))})
	}
	return list
}

// checkFileMode finds files with secrets that others can read. Docker and Kubernetes mount secrets
// readable by every account of the container, which has one account as a rule: there it
// is only worth a warning.
func checkFileMode(file config.File) []finding.Finding {
	if !file.Secret || !file.ReadableByOthers() && !file.ReadableByGroup() {
		return nil
	}
	found := finding.Finding{
		Where: file.Path, Code: finding.FileMode, Severity: finding.Error,
		Message: fmt.Sprintf("holds secrets and every account of this machine can read it (mode %04o)", file.Mode),
		Fix:     "chmod 600 " + strconv.Quote(file.Path),
	}
	if !file.ReadableByOthers() {
		found.Severity = finding.Warning
		found.Message = fmt.Sprintf("holds secrets and its group can read it (mode %04o)", file.Mode)
	}
	if file.Mounted {
		found.Severity = finding.Warning
		found.Fix = "give the secret a mode of 0400 where it is mounted"
	}
	return []finding.Finding{found}
}

func printValidateReport(printer *ui.Printer, report validateDocument) {
	table := ui.Table{Columns: []ui.Column{{Title: "SETTING"}, {Title: "FOUND IN", Flexible: true}, {Title: "FINGERPRINT"}}}
	for _, setting := range report.Settings {
		table.Rows = append(table.Rows, ui.Row(setting.Name, setting.Source, setting.Fingerprint))
	}
	printer.Table(table)
	for _, problem := range report.Problems {
		tone := ui.Caution
		if problem.Severity == finding.Error {
			tone = ui.Bad
		}
		printer.Line("\n%s %s %s", printer.Paint(tone, problem.Severity.String()+":"), ui.Clean(problem.Where), ui.Clean(problem.Message))
		if problem.Fix != "" {
			printer.Line("  fix: %s", ui.Clean(problem.Fix))
		}
	}
	switch {
	case len(report.Problems) == 0:
		printer.Line("\n%s", printer.Paint(ui.Good, "No problem found."))
	case report.OK: // otherwise the error that follows counts them
		printer.Line("\nFound %s.", countProblems(report))
	}
}

// countProblems says how many errors and warnings there are.
func countProblems(report validateDocument) string {
	return ui.Count(int64(report.Errors), "error", "errors") + " and " + ui.Count(int64(report.Warnings), "warning", "warnings")
}
