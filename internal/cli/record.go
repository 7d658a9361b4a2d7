package cli

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// recordStore is the tool's own record: a table, or a file that takes its place.
type recordStore interface {
	pgrecord.Chain
	// Prospect says what will become of entries. The error says why a file is refused.
	Prospect(ctx context.Context) (chain.Prospect, error)
	// Add adds entries that belong to no transaction.
	Add(ctx context.Context, events ...chain.Event) error
	Verify(ctx context.Context, kept string) (chain.Report, error)
	Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error)
}

// author is who the entries of this command are from.
func (a *App) author(settings *config.Settings) chain.Author {
	return chain.Author{Operator: settings.Operator, Host: a.deps.Host, Command: a.command}
}

// openRecord returns the record in the database, or in the file of --record. It opens nothing.
func (a *App) openRecord(settings *config.Settings, db *postgres.DB) recordStore {
	if settings.Record != "" {
		return a.openRecordFile(settings)
	}
	return pgchain.New(db, a.author(settings), a.warnProspect)
}

// openRecordFile returns the record in the file of --record. It opens nothing.
func (a *App) openRecordFile(settings *config.Settings) recordStore {
	return pgchain.NewFile(a.path(settings.Record), a.author(settings), a.deps.Now, func(text string) { a.printer.Warn("%s", text) })
}

// lookAtRecord looks what will become of the entries of this command in the tool's own record, and warns where
// there will be none. It returns what says that the record is made, for the moment before the first change. A file
// that is refused is an error: the operator asked for it.
func (a *App) lookAtRecord(ctx context.Context, record recordStore) (tell func(), err error) {
	prospect, err := a.prospectOf(ctx, record)
	if err != nil {
		return nil, err
	}
	return func() { a.tellMade(prospect, false) }, nil
}

// proposeRecord says, where nothing is changed, what would become of the entries of a run in the tool's own record.
func (a *App) proposeRecord(ctx context.Context, record recordStore) error {
	prospect, err := a.prospectOf(ctx, record)
	if err == nil {
		a.tellMade(prospect, true)
	}
	return err
}

// tellMade says that the first entry makes the record, or that a run would.
func (a *App) tellMade(prospect chain.Prospect, would bool) {
	switch {
	case prospect.Reason != "" || !prospect.Made:
	case would:
		a.tell("The tool's own record is not there: a run would make it, with its first entry: " + ui.Clean(prospect.Place) + ".")
	default:
		a.tell("The tool's own record is made, with the first entry: " + ui.Clean(prospect.Place) + ".")
	}
}

// prospectOf looks what will become of entries, and warns where there will be none.
func (a *App) prospectOf(ctx context.Context, record recordStore) (prospect chain.Prospect, err error) {
	a.doing("looking at the record")
	if prospect, err = record.Prospect(ctx); err != nil {
		return prospect, err
	}
	a.doing("at work") // what the caller does next, unless it says so
	if prospect.Reason != "" {
		a.warnProspect(prospect)
	}
	return prospect, nil
}

// warnProspect warns that there will be no entries, and says what makes them possible. The statements that give rights
// stand at the end of the command, but for programs, which get each warning whole.
func (a *App) warnProspect(prospect chain.Prospect) {
	advice := prospect.Advice()
	if len(prospect.Missing) > 0 && !a.printer.JSON() {
		advice = "give the account the right that stands at the end; or " + prospect.Fix
	}
	if advice != "" {
		advice = ": " + advice
	}
	a.printer.Lack(prospect.Missing...)
	a.warnUnrecorded(prospect.Reason + advice)
}

// tellRecord says, before anything is changed, what will become of the entries of this command in
// the tool's own record. A file that is refused is an error: the operator asked for it.
func (a *App) tellRecord(ctx context.Context, record recordStore) error {
	tell, err := a.lookAtRecord(ctx, record)
	if err == nil {
		tell()
	}
	return err
}

// tell writes a line of the result, or a note where standard output is for a document or a key.
func (a *App) tell(line string) {
	if a.printer.JSON() || a.isOutputTaken {
		a.printer.Note("%s", line)
		return
	}
	a.printer.Line("%s", line)
}

// warnUnrecorded warns once that what the command does leaves no entry.
func (a *App) warnUnrecorded(reason string) {
	a.unrecorded.Do(func() {
		a.isUnrecorded = true
		a.printer.Warn("no entry in the tool's own record: %s", reason)
	})
}

// warnUnaudited warns that what the command did has no entry in OCMT's audit log, if there is a reason.
func (a *App) warnUnaudited(reason finding.Reason) {
	switch {
	case !reason.IsSet():
	case a.printer.JSON():
		a.printer.Warn("no entry was made in audit_log: %s", reason.String())
	default:
		a.printer.Warn("no entry was made in audit_log: %s", reason.Text)
	}
	a.printer.Lack(reason.Missing...)
}

// explainChain explains why the tool's own record was not written or read.
func explainChain(err error) *ui.Error {
	var unreadable *pgchain.ReadError
	var foreign *pgchain.ForeignError
	var refused *pgchain.RefusedError
	switch {
	case errors.As(err, &foreign):
		return &ui.Error{Message: foreign.Error(), Hints: []string{"it is not read, because it can run what others wrote with the rights of this account", foreign.Prospect.Fix}, Code: ui.ExitFailed}
	case errors.As(err, &refused):
		return &ui.Error{Message: refused.Error(), Code: ui.ExitFailed, Hints: []string{
			"somebody keeps entries out of the tool's own record: look at the triggers and constraints of " + refused.Place + ", and find out who made them",
			"--record FILE keeps the entries in a file meanwhile"}}
	case errors.As(err, &unreadable):
		return &ui.Error{Message: unreadable.Error(), Missing: unreadable.Prospect.Missing, Code: ui.ExitFailed}
	case errors.Is(err, chain.ErrNone):
		return &ui.Error{Message: "there is no record of the tool yet, so nothing was looked at", Code: ui.ExitFailed,
			Hints: []string{"a command that changes something makes it; --record FILE names a file that has it"}}
	case errors.Is(err, pgchain.ErrTwoRecords):
		return &ui.Error{Message: err.Error(), Hints: []string{"find out who made the other one, and drop it"}, Code: ui.ExitFailed}
	case errors.Is(err, chain.ErrNoPlainFile), errors.Is(err, chain.ErrForeignOwner), errors.Is(err, chain.ErrOpenToOthers), errors.Is(err, chain.ErrBrokenEnd):
		return &ui.Error{Message: err.Error(), Hints: []string{"--record names a file of this account's own, with mode 0600; it is made where it is not there"}, Code: ui.ExitRefused}
	}
	return nil
}
