package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
)

func newAuditBaselineCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Accept findings, with an owner, a reason and a last day",
		Long: `Accept findings, so that an audit does not count them any more: each with an
owner, a reason and a last day. A fault that is new beside an accepted one
counts. An entry that has expired, or that matches nothing, is a finding itself.`,
		Example: `  ocmt audit baseline write --owner me --reason test --expires 2027-03-31
  ocmt audit baseline show`,
	}
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	makeGroup(cmd, newAuditBaselineWriteCommand(app, nil), newAuditBaselineShowCommand(app, nil))
	return cmd
}

// baselineWriteOptions are the flags of ocmt audit baseline write.
type baselineWriteOptions struct {
	auditScope
	Owner, Reason, Expires string
	Force                  bool
	AllowUnchecked         bool
	DryRun                 bool
}

// Validate finds what is missing.
func (o *baselineWriteOptions) Validate() error {
	if strings.TrimSpace(o.Owner) == "" || strings.TrimSpace(o.Reason) == "" || o.Expires == "" {
		return errors.New("--owner, --reason and --expires are all needed: somebody answers for what is accepted, and not for ever")
	}
	if _, err := time.Parse(time.DateOnly, o.Expires); err != nil {
		return errors.New("--expires must be a day, such as 2027-03-31")
	}
	return o.validate()
}

func newAuditBaselineWriteCommand(app *App, run func(context.Context, *config.Settings, *baselineWriteOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditBaselineWrite
	}
	options := &baselineWriteOptions{}
	cmd := &cobra.Command{
		Use:   "write",
		Short: "Accept the findings of an audit",
		Long: `Make an audit, and accept all its findings in the baseline. Entries that are
there and have not expired are kept; those that have expired are left out, and
their findings are accepted anew. --only and --skip say which findings. Where
something could not be checked it writes nothing, unless --allow-unchecked.`,
		Example: `  ocmt audit baseline write --owner me --reason test --expires 2027-03-31`,
		Args:    noArgs,
	}
	options.addFlags(cmd)
	cmd.Flags().StringVar(&options.Owner, "owner", "", "who answers for the findings")
	cmd.Flags().StringVar(&options.Reason, "reason", "", "why they are accepted")
	cmd.Flags().StringVar(&options.Expires, "expires", "", "the last day on which they are accepted, such as 2027-03-31")
	cmd.Flags().BoolVar(&options.Force, "force", false, "accept these findings alone: replace the baseline that is there")
	cmd.Flags().BoolVar(&options.AllowUnchecked, "allow-unchecked", false, "write it although something could not be checked")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "show the baseline and write nothing")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func (a *App) runAuditBaselineWrite(ctx context.Context, settings *config.Settings, options *baselineWriteOptions) error {
	expires, err := time.Parse(time.DateOnly, options.Expires)
	if err != nil {
		return err
	}
	if !a.deps.Now().Before(expires.AddDate(0, 0, 1)) {
		return &ui.Error{Message: "the last day of --expires is over", Code: ui.ExitUsage}
	}
	baseline, err := a.readOldBaseline(options)
	if err != nil {
		return err
	}
	found, _, err := a.audit(ctx, settings, &options.auditScope, audit.Request{Baseline: baseline}, false)
	if err != nil {
		return err
	}
	if found.Counts.Gaps > 0 && !options.AllowUnchecked {
		a.printGaps(found, true)
		return &ui.Error{Message: "the baseline was not written, because " + ui.Count(int64(found.Counts.Gaps), "thing", "things") + " could not be checked",
			Hints: append(gapHints(found, "name what to accept with --only"), "--allow-unchecked writes it all the same"), Code: ui.ExitFailed}
	}
	text, err := baseline.Accept(found, options.Owner, options.Reason, expires)
	if err != nil {
		return err
	}
	if options.DryRun {
		a.printer.Raw(string(text)) // the encoder has quoted what does not print
		return nil
	}
	name := options.Baseline
	if name == "" {
		name = audit.BaselineFile
	}
	if err := writePrivateFile(a.path(name), string(text), options.Force || baseline != nil, "add --force to replace it"); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	a.printer.Line("%s accepted in %s until %s.", ui.Count(int64(found.Counts.Findings), "finding", "findings"), name, options.Expires)
	return nil
}

// readOldBaseline reads the baseline that is added to. There is none where it is to be replaced, or where the
// file that is named is yet to be made.
func (a *App) readOldBaseline(options *baselineWriteOptions) (*audit.Baseline, error) {
	if options.Force {
		return nil, nil //nolint:nilnil // no baseline accepts nothing
	}
	baseline, err := a.readBaseline(options.Baseline)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // the same
	}
	return baseline, err
}

// baselineShowOptions are the flags of ocmt audit baseline show.
type baselineShowOptions struct{ Baseline string }

// Validate finds nothing wrong.
func (o *baselineShowOptions) Validate() error { return nil }

// baselineDocument is what ocmt audit baseline show writes.
type baselineDocument struct {
	Entries []baselineEntry `json:"entries"`
}

type baselineEntry struct {
	audit.Accepted
	Expired bool   `json:"expired"`
	Title   string `json:"title"`
}

func newAuditBaselineShowCommand(app *App, run func(context.Context, *baselineShowOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditBaselineShow
	}
	options := &baselineShowOptions{}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what is accepted, by whom and until when",
		Long: `Show the entries of the baseline. It asks nobody.

` + describeDocument("audit-baseline"),
		Example: `  ocmt audit baseline show`,
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&options.Baseline, "baseline", "", "file of faults that are accepted (default "+audit.BaselineFile+", where there is one)")
	cmd.RunE = runWithFlags(app, cmd, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage)
	return cmd
}

func (a *App) runAuditBaselineShow(_ context.Context, options *baselineShowOptions) error {
	baseline, err := a.readBaseline(options.Baseline)
	if err != nil {
		return err
	}
	document := baselineDocument{Entries: []baselineEntry{}}
	table := ui.Table{Columns: []ui.Column{{Title: "CHECK"}, {Title: "OBJECT"}, {Title: "UNTIL"}, {Title: "OWNER", Flexible: true}, {Title: "REASON", Wrap: true}}}
	for _, one := range baseline.Entries() {
		entry := baselineEntry{Accepted: one, Expired: one.Expired(a.deps.Now())}
		if check, err := audit.Find(one.ID); err == nil {
			entry.Title = check.Title
		}
		document.Entries = append(document.Entries, entry)
		until := one.Expires
		if entry.Expired {
			until += " (expired)"
		}
		table.Rows = append(table.Rows, ui.Row(one.ID, one.Object, until, one.Owner, one.Reason))
	}
	if baseline == nil {
		a.printer.Note("there is no baseline: nothing is accepted")
	}
	a.printer.Table(table)
	return a.printer.Document("audit-baseline", document)
}
