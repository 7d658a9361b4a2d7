package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/ui"
)

// endpointFlag is a flag that holds endpoints, as COMPONENT=URL.
type endpointFlag []probe.Named

// Set adds an endpoint.
func (f *endpointFlag) Set(text string) error {
	component, address, found := strings.Cut(text, "=")
	switch component {
	case "management", "admin-ui", "agent", "gateway":
	default:
		found = false
	}
	if !found || address == "" {
		return formError("it must be COMPONENT=URL, and the component management, admin-ui, agent or gateway")
	}
	*f = append(*f, probe.Named{Component: component, Address: address})
	return nil
}

// String returns the endpoints.
func (f *endpointFlag) String() string { return strings.Join(f.Texts(), ",") }

// Texts returns the endpoints, each as it was given.
func (f *endpointFlag) Texts() []string {
	texts := make([]string, len(*f))
	for i, one := range *f {
		texts[i] = one.Component + "=" + one.Address
	}
	return texts
}

// Type names the kind of value in help texts.
func (f *endpointFlag) Type() string { return "component=url" }

// severityFlag is a flag that holds a severity.
type severityFlag audit.Severity

// Set reads the name of a severity.
func (f *severityFlag) Set(text string) error {
	severity, err := audit.ParseSeverity(text)
	if err != nil {
		return formError(audit.ErrSeverity.Error())
	}
	*f = severityFlag(severity)
	return nil
}

// String returns the name.
func (f *severityFlag) String() string { return audit.Severity(*f).String() }

// Type names the kind of value in help texts.
func (f *severityFlag) Type() string { return "severity" }

// auditScope are the flags that say what is looked at.
type auditScope struct {
	Only, Skip nameList
	Paths      []string
	EnvFiles   []string
	Logs, Code []string
	Endpoints  endpointFlag
	Groups     []string
	Live       bool
	Docker     bool
	Horizon    ageFlag
	Baseline   string
	// CheckTimeout bounds each question to the database. One of them reads a whole table of values.
	CheckTimeout time.Duration
}

// folders returns the folders that are looked at: those of --path, or else the current one.
func (s *auditScope) folders() []string {
	if len(s.Paths) == 0 {
		return []string{"."}
	}
	return s.Paths
}

func (o *auditScope) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&o.Only, "only", "ask this check or area alone, such as OCMT-PG-004 or postgresql; may be given again")
	flags.Var(&o.Skip, "skip", "leave this check or area out; may be given again")
	flags.StringArrayVar(&o.Paths, "path", nil, "look at the files and the git repository of this folder (default: the current one); may be given again")
	flags.StringArrayVar(&o.Logs, "log", nil, "look through this log file or folder of them, .gz too; may be given again")
	flags.StringArrayVar(&o.Code, "code", nil, "look through this code for lines that print a secret; may be given again")
	flags.StringArrayVar(&o.EnvFiles, "other-env-file", nil, "the env file of another server, to compare with; may be given again")
	flags.Var(&o.Endpoints, "endpoint", "ask the server at this address, as management=, admin-ui=, agent= or gateway=URL; may be given again")
	flags.BoolVar(&o.Live, "live", false, "also send the configured tokens to the named endpoints, to see whether they are taken")
	flags.BoolVar(&o.Docker, "docker", false, "also ask the Docker socket for running containers")
	flags.StringArrayVar(&o.Groups, "trusted-group", nil, "members of this group may read secrets; may be given again")
	flags.Var(&o.Horizon, "backup-horizon", "age of the oldest backup that is kept; an old key is needed for so long")
	flags.DurationVar(&o.CheckTimeout, "check-timeout", 10*time.Minute, "longest time of one question to the database")
	flags.StringVar(&o.Baseline, "baseline", "", "file of faults that are accepted (default "+audit.BaselineFile+", where there is one)")
}

// auditOptions are the flags of ocmt audit.
type auditOptions struct {
	auditScope
	FailOn         severityFlag
	AllowUnchecked bool
	Details        bool
	SARIF, JUnit   string
	CSV, HTML      string
}

// Validate finds what contradicts itself.
func (o *auditOptions) Validate() error {
	files := map[string]string{}
	for _, file := range o.files() {
		if file.name == "" {
			continue
		}
		if other := files[file.name]; other != "" {
			return fmt.Errorf("%s and %s both write %s", other, file.flag, file.name)
		}
		files[file.name] = file.flag
	}
	return o.validate()
}

func (o *auditScope) validate() error {
	if o.Live && len(o.Endpoints) == 0 {
		return errors.New("--live needs --endpoint: tokens are sent to servers that are named")
	}
	if o.CheckTimeout < time.Second {
		return errors.New("--check-timeout must be at least 1s")
	}
	return nil
}

// reportFile is a file that a report is written into.
type reportFile struct {
	flag, name string
	write      func(w io.Writer, found *audit.Report, version string, extras report.Extras) error
}

// files returns the files that reports can be written into; those that are not asked for have no name.
func (o *auditOptions) files() []reportFile {
	return []reportFile{
		{"--sarif", o.SARIF, func(w io.Writer, found *audit.Report, version string, _ report.Extras) error {
			return report.WriteSARIF(w, found, version)
		}},
		{"--junit", o.JUnit, func(w io.Writer, found *audit.Report, _ string, _ report.Extras) error {
			return report.WriteJUnit(w, found)
		}},
		{"--csv", o.CSV, func(w io.Writer, found *audit.Report, _ string, _ report.Extras) error {
			return report.WriteCSV(w, found)
		}},
		{"--html", o.HTML, report.WriteHTML},
	}
}

func newAuditCommand(app *App, run func(context.Context, *config.Settings, *auditOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAudit
	}
	options := &auditOptions{FailOn: severityFlag(audit.Medium)}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Check how the deployment keeps its secrets",
		Long: `Check how the deployment keeps its secrets: the values in the database, the
settings, rights and logs of PostgreSQL and Redis, files, the git history,
containers, processes and endpoints. It changes nothing.

The database and Redis are asked where DATABASE_URL and REDIS_URL are set,
files and git in the current folder, endpoints only where they are named. A
check passes, finds something, could not look, or does not apply. What could
not be looked at is never a pass: without findings the command then ends with 1.

` + describeDocument("audit"),
		Example: `  ocmt audit
  ocmt audit --only postgresql --details
  ocmt audit --path /srv/ocmt --html report.html
  ocmt audit --endpoint admin-ui=http://127.0.0.1:3000 --live
  ocmt audit explain OCMT-PG-006`,
		Args: noArgs,
	}
	options.addFlags(cmd)
	flags := cmd.Flags()
	flags.Var(&options.FailOn, "fail-on", "end with 3 where a finding is at least this: info, low, medium, high or critical")
	flags.BoolVar(&options.AllowUnchecked, "allow-unchecked", false, "end with 0 although something could not be checked")
	flags.BoolVar(&options.Details, "details", false, "show evidence, places and what to do for each finding")
	flags.StringVar(&options.SARIF, "sarif", "", "also write a SARIF 2.1.0 file, for code hosts")
	flags.StringVar(&options.JUnit, "junit", "", "also write a JUnit file, for CI servers")
	flags.StringVar(&options.CSV, "csv", "", "also write a CSV file")
	flags.StringVar(&options.HTML, "html", "", "also write a report for people, one HTML file")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	cmd.AddCommand(newAuditListCommand(app, nil), newAuditExplainCommand(app, nil), newAuditBaselineCommand(app),
		newAuditLogCommand(app, nil), newAuditVerifyChainCommand(app, nil), newAuditRecordCommand(app, nil))
	return cmd
}

func (a *App) runAudit(ctx context.Context, settings *config.Settings, options *auditOptions) error {
	baseline, err := a.readBaseline(options.Baseline)
	if err != nil {
		return err
	}
	request := audit.Request{FailOn: audit.Severity(options.FailOn), Baseline: baseline, BaselineFile: options.Baseline}
	found, extras, err := a.audit(ctx, settings, &options.auditScope, request, options.HTML != "")
	if err != nil {
		return err
	}
	a.printAudit(found, options.Details)
	if err := a.printer.Document("audit", report.NewDocument(found)); err != nil {
		return err
	}
	for _, file := range options.files() {
		if file.name == "" {
			continue
		}
		var text bytes.Buffer
		if err := file.write(&text, found, buildVersion(a.deps.Version).Version, extras); err != nil {
			return fmt.Errorf("making the report of %s: %w", file.flag, err)
		}
		if err := writePrivateFile(a.path(file.name), text.String(), true, "name another file"); err != nil {
			return fmt.Errorf("writing the report of %s: %w", file.flag, err)
		}
		a.printer.Note("%s written", file.name)
	}
	return auditError(found, options.AllowUnchecked)
}

// audit asks the checks of a scope. The extras are for a page, where one is wanted.
func (a *App) audit(ctx context.Context, settings *config.Settings, scope *auditScope, request audit.Request, page bool) (found *audit.Report, extras report.Extras, err error) {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	request.Only, request.Skip, request.Now, request.CheckTimeout = scope.Only, scope.Skip, a.deps.Now(), scope.CheckTimeout
	asked, _, err := request.Select()
	if err != nil {
		return nil, extras, err
	}
	a.doing("connecting")
	deployment, err := a.openAudit(ctx, settings, scope, asked)
	if err != nil {
		return nil, extras, causeOf(ctx, err)
	}
	defer deployment.close()
	progress := a.printer.Progress("checking", "checks")
	defer progress.End()
	if found, err = audit.Run(ctx, &deployment.sources, request, checkProgress{progress}); err != nil {
		return nil, extras, causeOf(ctx, err)
	}
	found.Inputs = deployment.inputs(ctx, found)
	if page {
		extras = deployment.extras(ctx)
	}
	return found, extras, nil
}

// checkProgress shows which check is at work.
type checkProgress struct{ *ui.Progress }

// Checking implements audit.Reporter.
func (p checkProgress) Checking(id string, done, all int) { p.Update(int64(done), int64(all), id) }

// readBaseline reads the baseline that is named, or the usual one where there is one.
func (a *App) readBaseline(name string) (*audit.Baseline, error) {
	asked := name
	if asked == "" {
		asked = audit.BaselineFile
	}
	text, err := files.ReadRegular(a.path(asked), maxBaseline)
	if name == "" && errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // no baseline accepts nothing
	}
	if err != nil {
		return nil, fmt.Errorf("reading the baseline %s: %w", shownName(asked), withoutPath(err))
	}
	baseline, err := audit.ParseBaseline(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", shownName(asked), err)
	}
	return baseline, nil
}

// maxBaseline is how many bytes a baseline may have.
const maxBaseline = 8 << 20

// withoutPath returns the cause of an error about a file, which repeats the path: that could be a secret.
func withoutPath(err error) error {
	var about *fs.PathError
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// gapHints says what to do about what could not be checked. What a gap names as its cure is a right, a command or
// an entry of the record. Where it names none, as where the database did not answer, nothing that is granted helps.
// Otherwise is the other way out.
func gapHints(found *audit.Report, otherwise string) (hints []string) {
	var granted, others bool
	for i := range found.Results {
		for _, gap := range found.Results[i].Gaps {
			cured := gap.Missing != "" || gap.Grant != ""
			granted, others = granted || cured, others || !cured
		}
	}
	if others {
		hints = append(hints, "mend what the reasons above say, then run the same command again")
	}
	if granted {
		hints = append(hints, "give the rights, entries, settings or flags that are named above, or "+otherwise)
	}
	return hints
}

// auditError returns the error that an audit ends with.
func auditError(found *audit.Report, allowUnchecked bool) error {
	switch found.Verdict() {
	case audit.HasFindings:
		return &ui.Error{Message: ui.Count(int64(found.Counts.Failing), "finding is", "findings are") + " " + found.FailOn.String() + " or worse",
			Hints: []string{"ocmt audit --details shows evidence, places and what to do", "ocmt audit explain ID says why a check matters"}, Code: ui.ExitFound}
	case audit.HasGaps:
		if allowUnchecked {
			return nil
		}
		nothing := "nothing was found, and "
		if found.Counts.Findings > 0 {
			nothing = "nothing of " + found.FailOn.String() + " severity or worse was found, and "
		}
		return &ui.Error{Message: nothing + ui.Count(int64(found.Counts.Gaps), "thing", "things") + " could not be checked",
			Hints: append(gapHints(found, "leave the checks out with --skip"), "--allow-unchecked ends with 0"), Code: ui.ExitFailed}
	default:
		return nil
	}
}
