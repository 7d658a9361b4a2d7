package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// columnsOptions are the flags of ocmt migrate columns.
type columnsOptions struct {
	Discover, Full bool
}

// columnsDocument is the JSON form of the catalogue.
type columnsDocument struct {
	Columns   []columnEntry `json:"columns"`
	Absent    []string      `json:"absent"`
	Obstacles []obstacle    `json:"obstacles"`
	// Discovery is there where it was asked for.
	Discovery *migrate.Discovery `json:"discovery,omitempty"`
}

type columnEntry struct {
	Table            string `json:"table"`
	Column           string `json:"column"`
	Key              string `json:"key"`
	PlaintextAllowed bool   `json:"plaintext_allowed"`
	MaxLength        int    `json:"max_length"` // 0: no limit
}

func newMigrateColumnsCommand(app *App) *cobra.Command {
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
everything. Where keys are set it tells whether they open what was found: that
is the proof that it is theirs. What ocmt.yaml lists under known is left out.

JSON document ocmt/migrate-columns/v1: columns (table, column, key,
plaintext_allowed, max_length), absent, obstacles (code, where, message, fix),
and with --discover discovery (unlisted, known, unread, and what was looked at).`,
		Example: `  ocmt migrate columns
  ocmt migrate columns --discover --full
  ocmt migrate columns --output json`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&options.Discover, "discover", false, "look for encrypted values in other columns")
	cmd.Flags().BoolVar(&options.Full, "full", false, "with --discover: look at every value, not at a sample")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if options.Full && !options.Discover {
			return usageError(cmd, "--full is for --discover, which was not given")
		}
		return runMigrateColumns(cmd.Context(), cmd, app, options)
	}
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

func runMigrateColumns(ctx context.Context, cmd *cobra.Command, app *App, options *columnsOptions) error {
	settings, err := app.settings(cmd)
	if err != nil {
		return err
	}
	store, err := app.store(settings)
	if err != nil {
		return err
	}
	defer store.Close()
	ring, err := ringIfSet(settings, options)
	if err != nil {
		return err
	}
	ctx, cancel := app.stop.Context(ctx)
	defer cancel()
	found, err := store.Describe(ctx, catalogue(settings))
	if err != nil {
		return causeOf(ctx, err)
	}
	document := newColumnsDocument(found)
	printColumns(app.printer, found, document)
	if options.Discover {
		if document.Discovery, err = app.discover(ctx, store, ring, settings, options.Full); err != nil {
			return causeOf(ctx, err)
		}
		printDiscovery(app.printer, document.Discovery, ring != nil)
	}
	if err := app.printer.Document("migrate-columns", document); err != nil {
		return err
	}
	return columnsVerdict(found, document.Discovery)
}

// ringIfSet puts the keys together where there are any: only looking for values
// has a use for them, and can do without.
func ringIfSet(settings *config.Settings, options *columnsOptions) (*crypto.Keyring, error) {
	if !options.Discover || !settings.Keys.Current.IsSet() && len(settings.Keys.Older) == 0 {
		return nil, nil
	}
	return settings.Keyring(nil)
}

func newColumnsDocument(found *migrate.Description) columnsDocument {
	document := columnsDocument{Columns: []columnEntry{}, Absent: slices.Concat([]string{}, found.Absent), Obstacles: obstacles(found.Obstacles)}
	for _, table := range found.Tables {
		for _, column := range table.Columns {
			document.Columns = append(document.Columns, columnEntry{Table: table.Name, Column: column.Name, Key: table.Key,
				PlaintextAllowed: column.PlaintextAllowed, MaxLength: column.MaxLength})
		}
	}
	return document
}

func printColumns(printer *ui.Printer, found *migrate.Description, document columnsDocument) {
	shown := ui.Table{Columns: []ui.Column{{Title: "TABLE"}, {Title: "COLUMN", Flexible: true}, {Title: "KEY"}, {Title: "PLAINTEXT TOO"}}}
	for _, column := range document.Columns {
		too := "no"
		if column.PlaintextAllowed {
			too = "yes"
		}
		shown.Rows = append(shown.Rows, ui.Row(column.Table, column.Column, column.Key, too))
	}
	printer.Table(shown)
	for _, name := range found.Absent {
		printer.Line("not in this database: %s", ui.Clean(name))
	}
}

// discover looks for values that the catalogue does not list.
func (a *App) discover(ctx context.Context, store *postgres.Store, ring *crypto.Keyring, settings *config.Settings, full bool) (*migrate.Discovery, error) {
	progress := a.newEngineProgress("looking", "values")
	defer progress.end()
	pacing := a.pacing(settings)
	defer pacing.Watch(ctx, store)()
	discovery, err := migrate.Discover(ctx, pacing.Over(store), ring,
		migrate.DiscoverRequest{Catalogue: catalogue(settings), Known: known(settings), Full: full}, progress)
	if err != nil {
		return nil, err
	}
	hideKeys(discovery)
	return discovery, nil
}

// columnsVerdict is nil where nothing keeps a run from being whole.
func columnsVerdict(found *migrate.Description, discovery *migrate.Discovery) error {
	hints := obstacleHints(found.Obstacles)
	var parts []string
	if len(hints) > 0 {
		parts = append(parts, "a run would refuse to start: found "+ui.Count(int64(len(hints)), "obstacle", "obstacles"))
	}
	if discovery != nil {
		parts = append(parts, discoveryParts(discovery)...)
		hints = append(hints, discoveryHints(discovery)...)
	}
	if len(parts) == 0 {
		return nil
	}
	return &ui.Error{Message: strings.Join(parts, "; "), Hints: hints, Code: ui.ExitFound}
}
