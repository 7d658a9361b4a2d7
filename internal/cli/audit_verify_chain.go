package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/ui"
)

// verifyChainOptions are the flags of ocmt audit verify-chain.
type verifyChainOptions struct {
	Head string
	SQL  bool
}

// Validate refuses what cannot be a head.
func (o *verifyChainOptions) Validate() error {
	switch {
	case o.SQL && o.Head != "":
		return errors.New("--sql looks at nothing, so --head is not for it")
	case o.Head != "" && !chain.IsHash(strings.ToLower(o.Head)):
		return errors.New("--head must be a hash: 64 hexadecimal characters, as this command shows them")
	}
	return nil
}

func newAuditVerifyChainCommand(app *App, run func(context.Context, *config.Settings, *verifyChainOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditVerifyChain
	}
	options := &verifyChainOptions{}
	cmd := &cobra.Command{
		Use:   "verify-chain [--head HASH]",
		Short: "Prove that the record of what this tool did is whole",
		Long: `Look at every entry of the tool's own record: whether it is what was hashed when
it was written, whether it follows the one before it, and whether one is
missing. The first broken link is named (exit status 3).

Who may write to the record can cut off its end, or make it all anew. So keep
the head that this shows in another place, such as the ticket of the rotation.
With --head HASH it must be in the chain; how many entries came after it is
shown.

The record is the table ocmt.record, or with --record the file. It needs
DATABASE_URL or --record, and no key. --sql prints what a DBA runs to make the
table, or to let this account add to it, where it may not.

` + describeDocument("audit-verify-chain"),
		Example: `  ocmt audit verify-chain
  ocmt audit verify-chain --record /var/lib/ocmt/record
  ocmt audit verify-chain --sql`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&options.Head, "head", "", "the head that was kept elsewhere, which must be in the chain")
	cmd.Flags().BoolVar(&options.SQL, "sql", false, "only print the SQL that makes the table for this account")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

func (a *App) runAuditVerifyChain(ctx context.Context, settings *config.Settings, options *verifyChainOptions) error {
	if held := cmp.Or(settings.FindSecretIn(options.Head), settings.FindSecretIn(strings.ToLower(options.Head))); held != "" {
		return &ui.Error{Message: "--head is the secret of " + held + ", and no head", Hints: []string{"if it stands in the history of a shell, make a new one"}, Code: ui.ExitUsage}
	}
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	if options.SQL {
		return causeOf(ctx, a.printRecordSQL(ctx, settings))
	}
	record, done, err := a.openRecordAlone(settings)
	if err != nil {
		return err
	}
	defer done()
	a.doing("reading the record")
	report, err := record.Verify(ctx, options.Head)
	if err != nil {
		return asUnreadable(causeOf(ctx, err))
	}
	place := settings.Record
	if place == "" {
		prospect, err := record.Prospect(ctx)
		if err != nil {
			return causeOf(ctx, err)
		}
		place = prospect.Place
	}
	a.printChain(place, report)
	if err := a.printer.Document("audit-verify-chain", auditChainDocument{Place: place, Intact: report.Break == nil, Report: report}); err != nil {
		return err
	}
	if report.Break == nil {
		return nil
	}
	return &ui.Error{Message: "the record is broken at " + breakText(report.Break), Code: ui.ExitFound, Hints: []string{
		"what stands before is proven; compare the rest with a backup, the audit log of OCMT and the log of the server",
		"keep the record as it is: it is evidence"}}
}

// asUnreadable makes a refusal of a file what it is to a reader: a record that could not be read.
func asUnreadable(err error) error {
	var explained *ui.Error
	if err == nil || !errors.As(explain(err), &explained) || explained.Code != ui.ExitRefused {
		return err
	}
	return &ui.Error{Message: explained.Message, Code: ui.ExitFailed}
}

// openRecordAlone returns the record for a command that needs nothing else. It dials nothing.
func (a *App) openRecordAlone(settings *config.Settings) (record recordStore, done func(), err error) {
	if settings.Record != "" {
		return a.openRecordFile(settings), func() {}, nil
	}
	db, err := a.openDatabase(settings)
	if err != nil {
		return nil, nil, err
	}
	return db.chain, db.Close, nil
}

// printRecordSQL prints the SQL that makes the table.
func (a *App) printRecordSQL(ctx context.Context, settings *config.Settings) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	statements, err := pgchain.New(db.DB, a.author(settings), a.warnProspect).SQL(ctx)
	if err != nil {
		return err
	}
	if statements == "" {
		a.printer.Note("the table is there already, and this account may add to it: nothing is to be done")
	}
	if a.printer.JSON() {
		return a.printer.Document("audit-verify-chain", auditChainDocument{SQL: statements, Report: chain.Report{Head: chain.NoHash, After: -1}})
	}
	a.printer.Raw(statements)
	return nil
}

// breakText says which entry is wrong, and how.
func breakText(found *chain.Break) string {
	return fmt.Sprintf("entry %s: %s", ui.Number(found.Sequence), found.Message)
}

// printChain says what was found.
func (a *App) printChain(place string, report chain.Report) {
	entries := ui.Count(report.Count, "entry", "entries")
	if report.Break != nil {
		a.printer.Line("%s: %s before the break.", place, entries)
		a.printer.Line("%s %s", a.printer.Paint(ui.Bad, "Broken:"), breakText(report.Break))
		return
	}
	a.printer.Line("%s: %s, each as it was written, and none is missing between them.", place, entries)
	a.printer.Line("Head: %s", report.Head)
	if report.Kept == "" {
		a.printer.Line("Keep the head elsewhere: with --head it shows later that nothing was cut off.")
	} else {
		a.printer.Line("The head that was kept is in it; %s came after it.", ui.Count(report.After, "entry", "entries"))
	}
	if report.ClosedOff > 0 {
		a.printer.Line("%s incomplete, as after a crash; a later entry says so.", ui.Count(report.ClosedOff, "line is", "lines are"))
	}
}
