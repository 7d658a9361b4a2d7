package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// reportedEvents are the actions of entries by the events of the command line.
var reportedEvents = map[string]string{
	"secret-rotated":  chain.ActionSecretRotated,
	"backup-verified": chain.ActionBackupVerified,
	"incident-opened": chain.ActionIncidentOpened,
	"incident-closed": chain.ActionIncidentClosed,
}

// eventNames returns the events in the order of the alphabet.
func eventNames() []string { return slices.Sorted(maps.Keys(reportedEvents)) }

// utcTimeFlag is a flag that holds a time with its zone.
type utcTimeFlag struct{ time.Time }

// Set reads a time of RFC 3339. One before 1970 is a slip, and the zero time stands for none.
func (f *utcTimeFlag) Set(text string) error {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return formError("it must be a time with its zone, such as 2026-03-01T04:30:00Z")
	}
	if at.Before(time.Unix(0, 0)) {
		return formError("it must be a time since 1970")
	}
	f.Time = at
	return nil
}

// String returns the time, or nothing.
func (f *utcTimeFlag) String() string {
	if f.IsZero() {
		return ""
	}
	return f.Format(time.RFC3339)
}

// Type names the kind of value in help texts.
func (f *utcTimeFlag) Type() string { return "time" }

// auditRecordOptions are the arguments of ocmt audit record. Args is as the operator wrote them.
type auditRecordOptions struct {
	Args         []string
	Secret, Note string
	At           utcTimeFlag
	DryRun       bool
}

// secretNameForm is the form of the name of a setting.
var secretNameForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,63}$`)

// maxNote is how many characters a note may have.
const maxNote = 1000

// checkNote refuses a note that is too long.
func checkNote(note string) error {
	if utf8.RuneCountInString(note) > maxNote {
		return fmt.Errorf("--note may have %d characters", maxNote)
	}
	return nil
}

// Validate needs one event.
func (o *auditRecordOptions) Validate() error {
	switch {
	case len(o.Args) != 1 || reportedEvents[o.Args[0]] == "":
		return errors.New("one event is needed: " + strings.Join(eventNames(), ", "))
	case o.isRotation() != (o.Secret != ""):
		return errors.New("secret-rotated needs --secret, and no other event takes it")
	case o.Secret != "" && !secretNameForm.MatchString(o.Secret):
		return errors.New("--secret takes the name of a setting, such as SESSION_SECRET, and never its value")
	}
	return checkNote(o.Note)
}

func (o *auditRecordOptions) isRotation() bool { return o.Args[0] == "secret-rotated" }

// event returns what is to be recorded.
func (o *auditRecordOptions) event() chain.Event {
	event := chain.Event{Action: reportedEvents[o.Args[0]], Subject: o.Secret, Details: map[string]any{"note": o.Note}}
	if !o.At.IsZero() {
		event.Details["happened_at"] = chain.FormatTime(o.At.Time)
	}
	return event
}

func newAuditRecordCommand(app *App, run func(context.Context, *config.Settings, *auditRecordOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditRecord
	}
	options := &auditRecordOptions{}
	cmd := &cobra.Command{
		Use:   "record EVENT",
		Short: "Add to the record what this tool cannot see",
		Long: `Add an entry to the tool's own record about something that was done elsewhere:
secret-rotated, backup-verified, incident-opened, incident-closed.

An entry can be added to, and not undone. On a terminal it asks first; without
one it goes on. A note that has the value of a setting's secret in it, or what
looks like a secret, is refused (exit status 5).

` + describeDocument("audit-record"),
		Example: `  ocmt audit record secret-rotated --secret SESSION_SECRET
  ocmt audit record backup-verified --note 'restored on db-test'
  ocmt audit record incident-opened --at 2026-03-01T04:30:00Z`,
		ValidArgs: eventNames(),
		Args:      cobra.ArbitraryArgs, // Validate reads them
	}
	cmd.Flags().StringVar(&options.Secret, "secret", "", "the name of the setting whose secret was rotated")
	cmd.Flags().StringVar(&options.Note, "note", "", "what whoever reads the entry should know; no secret")
	cmd.Flags().Var(&options.At, "at", "when it was, if not now, such as 2026-03-01T04:30:00Z")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only say what would be added")
	addLockTimeout(cmd)
	body := runWithSettings(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Args = args
		return body(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runAuditRecord(ctx context.Context, settings *config.Settings, options *auditRecordOptions) error {
	if err := a.checkReported(settings, options); err != nil {
		return err
	}
	record, done, err := a.openRecordAlone(settings)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	written, err := a.announceReported(ctx, record, options)
	if err != nil {
		return causeOf(ctx, err)
	}
	if options.DryRun {
		return a.printer.Document("audit-record", written)
	}
	if err := a.printer.Confirm(ctx, ui.Question{Reversible: true, Text: "Add the entry? It can be added to, and not undone."}); err != nil {
		return err
	}
	if written, err = a.addReported(ctx, record, options.event(), written); err != nil {
		return causeOf(ctx, err)
	}
	return a.printer.Document("audit-record", written)
}

// announceReported says what entry is to be added, and where. An entry that cannot be made is a failure here,
// because nothing else is to be done.
func (a *App) announceReported(ctx context.Context, record recordStore, options *auditRecordOptions) (written auditRecordDocument, err error) {
	prospect, err := record.Prospect(ctx)
	switch {
	case err != nil:
		return written, err
	case prospect.Reason != "":
		return written, &ui.Error{Message: "the entry cannot be made: " + prospect.Reason, Missing: prospect.Missing, Hints: []string{prospect.Fix}, Code: ui.ExitFailed}
	case prospect.Made:
		a.tellMade(prospect, options.DryRun)
	}
	event := options.event()
	a.printer.Line("Entry: %s", strings.Join(strings.Fields(event.Action+" "+event.Subject+" "+options.Note), " "))
	return auditRecordDocument{DryRun: options.DryRun, Place: prospect.Place, Action: event.Action, Subject: event.Subject, Note: options.Note}, nil
}

// addReported adds an entry, and says where it stands. An entry that the server refuses is a
// failure here, because nothing else was to be done.
func (a *App) addReported(ctx context.Context, record recordStore, event chain.Event, written auditRecordDocument) (auditRecordDocument, error) {
	if err := record.Add(ctx, event); err != nil {
		return written, err
	}
	entries, _, err := record.Entries(ctx, chain.Query{Actions: []string{event.Action}, Subject: event.Subject, Limit: 1})
	if err != nil {
		return written, err
	}
	if a.isUnrecorded || len(entries) == 0 {
		return written, &ui.Error{Message: "the entry was not made", Code: ui.ExitFailed}
	}
	link := entries[0].Link()
	written.Sequence, written.Hash, written.Happened = link.Sequence, link.Hash, chain.FormatTime(entries[0].Happened())
	a.printer.Line("Added to %s as entry %s. Head: %s", written.Place, ui.Number(link.Sequence), link.Hash)
	return written, nil
}

// checkReported refuses a time to come, and a secret.
func (a *App) checkReported(settings *config.Settings, options *auditRecordOptions) error {
	if options.At.After(a.deps.Now()) {
		return &ui.Error{Message: "--at is in the future", Hints: []string{"record what has been, with its zone"}, Code: ui.ExitUsage}
	}
	for _, text := range []struct{ flag, value string }{{"--note", options.Note}, {"--secret", options.Secret}, {"--operator", settings.Operator}} {
		held := settings.FindSecretIn(text.value)
		if held == "" && text.flag != "--operator" && secret.Redact(text.value) != text.value {
			held = "something that looks like a secret"
		}
		if held != "" {
			return &ui.Error{Message: fmt.Sprintf("%s holds %s, and the record keeps what it is given for ever", text.flag, held),
				Hints: []string{"leave it out; if it stands in the history of a shell, make a new secret"}, Code: ui.ExitRefused}
		}
	}
	return nil
}
