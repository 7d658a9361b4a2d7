package cli

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// validateOptions are the flags of ocmt validate.
type validateOptions struct {
	Strict bool
}

// validateDocument is the JSON form of ocmt validate.
type validateDocument struct {
	OK       bool              `json:"ok"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Settings []validateSetting `json:"settings"`
	Problems []validateProblem `json:"problems"`
}

type validateSetting struct {
	Name        string `json:"name"`
	Source      string `json:"source"`
	Fingerprint string `json:"fingerprint,omitempty"` // of keys that are well formed
}

type validateProblem struct {
	Name     string `json:"name"` // the setting or the file
	Code     string `json:"code"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
	Fix      string `json:"fix"`
}

func newValidateCommand(app *App, run func(context.Context, *config.Settings, *validateOptions) error) *cobra.Command {
	if run == nil {
		run = func(_ context.Context, settings *config.Settings, options *validateOptions) error {
			return runValidate(app, settings, options)
		}
	}
	options := &validateOptions{}
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configured secrets",
		Long: `Check the encryption keys as they are configured here: their form and strength,
placeholders from the documentation, two versions with one key, gaps in the
versions, and whether others can read the files they stand in. It changes
nothing, asks no server and shows no secret; a fingerprint tells two keys apart
without giving either away.

JSON document ocmt/validate/v1: ok, errors, warnings (counts), settings (name,
source, fingerprint), problems (name, code, severity, message, fix).`,
		Example: `  ocmt validate
  ocmt validate --env-file /etc/ocmt/.env --strict
  ocmt validate --output json`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&options.Strict, "strict", false, "warnings count as found problems")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := app.settings(cmd)
		if err != nil {
			return err
		}
		ctx, cancel := app.stop.Context(cmd.Context())
		defer cancel()
		return run(ctx, settings, options)
	}
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound)
	return cmd
}

func runValidate(app *App, settings *config.Settings, options *validateOptions) error {
	report := newValidateReport(settings, options.Strict)
	printValidateReport(app.printer, report)
	if err := app.printer.Document("validate", report); err != nil {
		return err
	}
	if report.OK {
		return nil
	}
	return &ui.Error{
		Message: "the configured secrets have " + foundText(report),
		Hints:   []string{"mend what is listed, then run ocmt validate again"},
		Code:    ui.ExitFound,
	}
}

// newValidateReport runs every check. Its lists are never nil, for JSON.
func newValidateReport(settings *config.Settings, strict bool) validateDocument {
	report := validateDocument{Settings: describeKeys(settings), Problems: []validateProblem{}}
	for _, problem := range secret.CheckEncryptionKeys(settings.Keys.KeySet()) {
		report.Problems = append(report.Problems, validateProblem{
			Name: problem.Name, Code: problem.Code, Severity: problem.Severity.String(),
			Message: problem.Message, Fix: problem.Fix,
		})
	}
	for _, file := range settings.Files {
		report.Problems = append(report.Problems, checkFileMode(file)...)
	}
	for _, problem := range report.Problems {
		if problem.Severity == secret.Error.String() {
			report.Errors++
		} else {
			report.Warnings++
		}
	}
	report.OK = report.Errors == 0 && (!strict || report.Warnings == 0)
	return report
}

// describeKeys lists the key settings with where each was found.
func describeKeys(settings *config.Settings) []validateSetting {
	keys := settings.Keys
	list := []validateSetting{
		describeKey(settings, config.NameKey, keys.Current),
		{Name: config.NameKeyVersion, Source: settings.Source(config.NameKeyVersion).String()},
	}
	for _, suffix := range slices.Sorted(maps.Keys(keys.Older)) {
		list = append(list, describeKey(settings, config.NameOlderKey+suffix, keys.Older[suffix]))
	}
	return list
}

func describeKey(settings *config.Settings, name string, text config.Secret) validateSetting {
	shown := name
	if secret.Resembles(name) {
		shown = config.NameOlderKey + "[not shown]"
	}
	described := validateSetting{Name: shown, Source: settings.Source(name).String()}
	if key, err := crypto.ParseKey(text.Reveal()); err == nil {
		described.Fingerprint = key.Fingerprint()
	}
	return described
}

// checkFileMode finds files with secrets that others can read. Docker mounts
// secrets readable by every account of the container, which has but one as a
// rule: there it is only worth a warning.
func checkFileMode(file config.File) []validateProblem {
	if !file.Secret || !file.ReadableByOthers() && !file.ReadableByGroup() {
		return nil
	}
	problem := validateProblem{
		Name: file.Path, Code: "file_mode", Severity: secret.Error.String(),
		Message: fmt.Sprintf("holds secrets and every account of this machine can read it (mode %04o)", file.Mode),
		Fix:     "chmod 600 " + strconv.Quote(file.Path),
	}
	if !file.ReadableByOthers() {
		problem.Severity = secret.Warning.String()
		problem.Message = fmt.Sprintf("holds secrets and its group can read it (mode %04o)", file.Mode)
	}
	if mountedSecret(file.Path) {
		problem.Severity = secret.Warning.String()
		problem.Fix = "give the secret a mode of 0400 where it is mounted"
	}
	return []validateProblem{problem}
}

func mountedSecret(path string) bool {
	clean := filepath.ToSlash(filepath.Clean(path))
	return strings.HasPrefix(clean, "/run/secrets/") || strings.HasPrefix(clean, "/var/run/secrets/")
}

func printValidateReport(printer *ui.Printer, report validateDocument) {
	table := ui.Table{Columns: []ui.Column{{Title: "SETTING"}, {Title: "FOUND IN", Flexible: true}, {Title: "FINGERPRINT"}}}
	for _, setting := range report.Settings {
		table.Rows = append(table.Rows, ui.Row(setting.Name, setting.Source, setting.Fingerprint))
	}
	printer.Table(table)
	for _, problem := range report.Problems {
		tone := ui.Caution
		if problem.Severity == secret.Error.String() {
			tone = ui.Bad
		}
		printer.Line("\n%s %s %s", printer.Paint(tone, problem.Severity+":"), ui.Clean(problem.Name), ui.Clean(problem.Message))
		if problem.Fix != "" {
			printer.Line("  fix: %s", ui.Clean(problem.Fix))
		}
	}
	switch {
	case len(report.Problems) == 0:
		printer.Line("\n%s", printer.Paint(ui.Good, "No problem found."))
	case report.OK: // else the error that follows counts them
		printer.Line("\nFound %s.", foundText(report))
	}
}

func foundText(report validateDocument) string {
	return ui.Count(int64(report.Errors), "error", "errors") + " and " + ui.Count(int64(report.Warnings), "warning", "warnings")
}
