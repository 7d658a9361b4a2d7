package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/due"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// markDoneOptions are the arguments of ocmt rotate mark-done. Args is as the operator wrote them.
type markDoneOptions struct {
	Args   []string
	Note   string
	At     utcTimeFlag
	DryRun bool
}

// Validate needs a kind that no command changes.
func (o *markDoneOptions) Validate() error {
	if len(o.Args) != 1 {
		return errors.New("one kind is needed: " + strings.Join(handKinds(), ", "))
	}
	switch kind, there := secret.Lookup(o.Args[0]); {
	case !there:
		return errors.New("one kind is needed: " + strings.Join(handKinds(), ", "))
	case kind.VersionSetting != "":
		return fmt.Errorf("%s has a story of its own, which records each step: ocmt rotate says where it is", kind.Name)
	case kind.Setting == "":
		return fmt.Errorf("%s is changed from here: ocmt rotate %s changes and records it", kind.Name, kind.Name)
	case hasCommand(kind):
		return fmt.Errorf("%s is changed from here: ocmt rotate %s changes and records it; ocmt audit record secret-rotated --secret %s records one that was changed by hand", kind.Name, kind.Name, kind.Setting)
	}
	return checkNote(o.Note)
}

// kind returns the kind that was named. Validate has found it.
func (o *markDoneOptions) kind() secret.Kind {
	kind, _ := secret.Lookup(o.Args[0])
	return kind
}

// reported returns the entry that is asked for, as options of ocmt audit record.
func (o *markDoneOptions) reported() *auditRecordOptions {
	return &auditRecordOptions{Args: []string{"secret-rotated"}, Secret: o.kind().Setting, Note: o.Note, At: o.At, DryRun: o.DryRun}
}

// hasCommand reports whether a command of ocmt rotate changes a kind.
func hasCommand(kind secret.Kind) bool {
	return kind.VersionSetting != "" || kind.Column != "" || kind.Address || slices.Contains(serverTokens, kind.Name)
}

// handKinds returns the names of the kinds that no command changes: others make them, or the operator sets them by hand.
func handKinds() (names []string) {
	for _, kind := range secret.Kinds() {
		if !hasCommand(kind) {
			names = append(names, kind.Name)
		}
	}
	return names
}

func newRotateMarkDoneCommand(app *App, run func(context.Context, *config.Settings, *markDoneOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateMarkDone
	}
	options := &markDoneOptions{}
	cmd := &cobra.Command{
		Use:   "mark-done KIND",
		Short: "Record that a secret which no command changes was changed",
		Long: `Add an entry to the tool's own record: a secret that no command here changes is
a new one now. Its maker or you have changed it, and nothing here can see that.
It asks nothing. The entry stays, and the last one about a secret counts: a
wrong one is corrected by another with --at and the time when it was really
changed.

The kinds are:

` + wrapText(strings.Join(handKinds(), ", ")+".", helpWidth) + `

` + describeDocument("rotate-mark-done"),
		Example: `  ocmt rotate mark-done github-client-secret
  ocmt rotate mark-done admin-password
  ocmt rotate mark-done stripe-secret-key --at 2026-03-01T04:30:00Z`,
		ValidArgs: handKinds(),
		Args:      cobra.ArbitraryArgs, // Validate reads them
	}
	cmd.Flags().StringVar(&options.Note, "note", "", "what whoever reads the entry should know; no secret")
	cmd.Flags().Var(&options.At, "at", "when it was, if not now, such as 2026-03-01T04:30:00Z")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only say what would be added")
	body := runWithSettings(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Args = args
		return body(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateMarkDone(ctx context.Context, settings *config.Settings, options *markDoneOptions) error {
	reported := options.reported()
	if err := a.checkReported(settings, reported); err != nil {
		return err
	}
	record, done, err := a.openRecordAlone(settings)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	document := markDoneDocument{Kind: options.kind().Name}
	if document.auditRecordDocument, err = a.announceReported(ctx, record, reported); err != nil {
		return causeOf(ctx, err)
	}
	if options.DryRun {
		return a.printer.Document("rotate-mark-done", document)
	}
	if document.auditRecordDocument, err = a.addReported(ctx, record, reported.event(), document.auditRecordDocument); err != nil {
		return causeOf(ctx, err)
	}
	report, err := due.Look(ctx, record, []secret.Kind{options.kind()}, a.deps.Now())
	if err != nil {
		return causeOf(ctx, err)
	}
	status := report.Kinds[0]
	document.State, document.Changed = status.State, chain.FormatTime(status.Changed)
	if !status.Due.IsZero() {
		document.Due = chain.FormatTime(status.Due)
	}
	a.printer.Line("%s", a.describeDue(status))
	return a.printer.Document("rotate-mark-done", document)
}

// describeDue says what the record has of a kind.
func (a *App) describeDue(status due.Status) string {
	changed := status.Changed.UTC().Format(time.DateOnly)
	switch status.State {
	case due.AfterIncident:
		return fmt.Sprintf("The %s is still due: the incident of %s was opened after the last change that is recorded (%s).", status.Kind.Label, status.Due.UTC().Format(time.DateOnly), changed)
	case due.Overdue:
		return fmt.Sprintf("The %s is still due: the last change that is recorded is of %s.", status.Kind.Label, changed)
	case due.InTime, due.Unknown:
	}
	return fmt.Sprintf("The last change of the %s that is recorded is of %s.", status.Kind.Label, changed)
}
