package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// acceptOptions are the flags of ocmt migrate accept.
type acceptOptions struct {
	Table, Column, Key, Reason string
	Withdraw                   bool
}

// Validate needs a value and a reason.
func (o *acceptOptions) Validate() error {
	switch {
	case o.Table == "" || o.Column == "" || o.Key == "":
		return errors.New("--table, --column and --key are needed: they name one value")
	case o.Reason == "" && !o.Withdraw:
		return errors.New("--reason is needed: whoever reads the proof must know why the value was given up")
	case o.Reason != "" && o.Withdraw:
		return errors.New("--reason is not for --withdraw")
	}
	return nil
}

func newMigrateAcceptCommand(app *App, run func(context.Context, *config.Settings, *acceptOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateAccept
	}
	options := &acceptOptions{}
	cmd := &cobra.Command{
		Use:   "accept --table T --column C --key K --reason TEXT",
		Short: "Give up a value that no key opens",
		Long: `Record that a value is lost: who says so, when and why, with a digest of the
stored text. The value stays as it is. It keeps no key any more, and each proof
lists it. When the stored text changes, it counts again.

A value that opens with a key that is set is refused (exit status 5). Try every
key that there is, and a backup of the database, first.

--withdraw takes it back. A row whose key could be a secret is listed by a
digest, sha256:1a2b3c4d5e6f7a8b, which --key takes. The key itself belongs on
standard input: --key -

` + describeDocument("migrate-accept"),
		Example: `  ocmt migrate accept --table t --column c --key 7 --reason 'cut off in 2023'
  ocmt migrate accept --table t --column c --key 7 --withdraw`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&options.Table, "table", "", "the table, as table or schema.table")
	cmd.Flags().StringVar(&options.Column, "column", "", "the column")
	cmd.Flags().StringVar(&options.Key, "key", "", "the key of the row, as verify and rotate list it; - reads it from standard input")
	cmd.Flags().StringVar(&options.Reason, "reason", "", "why the value is given up")
	cmd.Flags().BoolVar(&options.Withdraw, "withdraw", false, "take back that the value was given up")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

// readLine reads the first line of standard input.
func (a *App) readLine() (string, error) {
	const longest = 64 << 10
	text, err := io.ReadAll(io.LimitReader(a.deps.Streams.In, longest))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

func (a *App) runMigrateAccept(ctx context.Context, settings *config.Settings, options *acceptOptions) (err error) {
	var ring *crypto.Keyring
	if !options.Withdraw { // a key that cannot be used is told before the database is asked
		if ring, err = settings.Keyring(nil); err != nil {
			return err
		}
	}
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	if options.Key == "-" {
		if options.Key, err = a.readLine(); err != nil {
			return err
		}
	}
	sources := migrate.AcceptSources{Tables: db.tables, Rows: db.tables, Record: db.record, Clock: migrate.Clock(a.deps.Now)}
	request := migrate.AcceptRequest{Key: options.Key, Operator: settings.Operator, Reason: options.Reason, Request: migrate.Request{
		Tables: []string{options.Table}, Columns: []string{options.Column}, Catalogue: fullCatalogue(settings), MostBytes: migrate.MostRowBytes(a.deps.Memory)}}
	if err := a.tellRecord(ctx, db.chain); err != nil {
		return causeOf(ctx, err)
	}
	if options.Withdraw {
		place, err := migrate.Withdraw(ctx, sources, request)
		if err != nil {
			return causeOf(ctx, err)
		}
		a.printer.Line("The value of %s in that row counts again.", place.String())
		return a.printer.Document("migrate-accept", acceptDocument{Withdrawn: true, Accepted: migrate.Accepted{Place: place}})
	}
	lost, err := migrate.FindLost(ctx, sources, ring, request)
	if err != nil {
		return causeOf(ctx, err)
	}
	asking, answered := a.stop.Context(ctx)
	defer answered()
	if err := a.printer.Confirm(asking, ui.Question{Reversible: true,
		Text: fmt.Sprintf("Give up the value of %s in row %s?", lost.Place, lost.Key)}); err != nil {
		return err
	}
	if err := db.record.Accept(ctx, lost); err != nil {
		return causeOf(ctx, err)
	}
	a.printer.Line("Recorded: the value of %s in row %s is given up. It keeps no key any more; each proof lists it.", lost.String(), lost.Key)
	return a.printer.Document("migrate-accept", acceptDocument{Accepted: lost})
}
