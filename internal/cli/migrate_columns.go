package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// columnsOptions are the flags of ocmt migrate columns.
type columnsOptions struct {
	Discover, Full bool
}

// Validate refuses options that contradict each other.
func (o *columnsOptions) Validate() error {
	if o.Full && !o.Discover {
		return errors.New("--full is for --discover, which was not given")
	}
	return nil
}

func newMigrateColumnsCommand(app *App, run func(context.Context, *config.Settings, *columnsOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateColumns
	}
	options := &columnsOptions{}
	cmd := &cobra.Command{
		Use:   "columns",
		Short: "List the encrypted columns of this database",
		Long: `List the columns that the engine works on, as this database has them: those of
every OCMT release, under their name or the one before it, and those that
ocmt.yaml adds under columns.

--discover looks through every text, varchar, char, json, jsonb and bytea column
of the database, arrays and domains as well, for values that are shaped like
ciphertexts and that none of those columns holds, and ends with 3 where it finds
any or could not read a table. It takes a sample of each table; --full takes
everything. Where keys are set it says whether they open what was found: that
is the proof that the values need these keys. What ocmt.yaml lists under known
is left out.

` + describeDocument("migrate-columns"),
		Example: `  ocmt migrate columns
  ocmt migrate columns --discover --full
  ocmt migrate columns --output json`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&options.Discover, "discover", false, "look for encrypted values in other columns")
	cmd.Flags().BoolVar(&options.Full, "full", false, "with --discover: look at every value, not at a sample")
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

func (a *App) runMigrateColumns(ctx context.Context, settings *config.Settings, options *columnsOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ring, err := keyringIfSet(settings, options)
	if err != nil {
		return err
	}
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	found, err := db.tables.Describe(ctx, fullCatalogue(settings))
	if err != nil {
		return causeOf(ctx, err)
	}
	written := newColumnsDocument(found)
	printColumns(a.printer, found, written)
	if options.Discover {
		if written.Discovery, err = a.discover(ctx, db, ring, settings, options.Full); err != nil {
			return causeOf(ctx, err)
		}
		printDiscovery(a.printer, written.Discovery, ring != nil)
	}
	if err := a.printer.Document("migrate-columns", written); err != nil {
		return err
	}
	return foundInColumns(found.Findings, written.Discovery)
}

// keyringIfSet puts the keys together where any are set. Only a search has a use for
// them, and it works without.
func keyringIfSet(settings *config.Settings, options *columnsOptions) (*crypto.Keyring, error) {
	if !options.Discover || !settings.HasKeys() {
		return nil, nil
	}
	return settings.Keyring(nil)
}

// discover looks for values that the catalogue does not list, with progress.
func (a *App) discover(ctx context.Context, db *database, ring *crypto.Keyring, settings *config.Settings, full bool) (*discover.Report, error) {
	pacing := a.newPacing(settings)
	progress := a.newProgress("searching", "values", pacing)
	defer progress.end()
	defer pacing.WatchActivity(ctx, db)()
	request := discover.Request{Catalogue: fullCatalogue(settings), Known: knownColumns(settings), Depth: discover.Sample}
	if ring != nil {
		request.Labels = ring.Versions()
	}
	if full {
		request.Depth, request.Workers = discover.Full, migrate.DefaultWorkers(a.deps.Cores)
	}
	report, err := discover.Search(ctx, pacing.PaceSearchers(db.searchers), ring, request, progress)
	if err != nil {
		return nil, err
	}
	return report, nil
}

func printColumns(printer *ui.Printer, found *migrate.Description, document columnsDocument) {
	shown := ui.Table{Columns: []ui.Column{{Title: "TABLE"}, {Title: "COLUMN", Flexible: true}, {Title: "KEY"}, {Title: "PLAINTEXT TOO"}}}
	for _, column := range document.Columns {
		too := "no"
		if column.PlaintextAllowed {
			too = "yes"
		}
		shown.Rows = append(shown.Rows, ui.Row(column.Schema+"."+column.Table, column.Column, column.Key, too))
	}
	printer.Table(shown)
	for _, name := range found.Absent {
		printer.Line("not in this database: %s", name)
	}
}
