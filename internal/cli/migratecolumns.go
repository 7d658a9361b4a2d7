package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// columnsDocument is the JSON form of the catalogue.
type columnsDocument struct {
	Columns   []columnEntry `json:"columns"`
	Absent    []string      `json:"absent"`
	Obstacles []obstacle    `json:"obstacles"`
}

type columnEntry struct {
	Table            string `json:"table"`
	Column           string `json:"column"`
	Key              string `json:"key"`
	PlaintextAllowed bool   `json:"plaintext_allowed"`
	MaxLength        int    `json:"max_length"` // 0: no limit
}

func newMigrateColumnsCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "columns",
		Short: "List the encrypted columns of this database",
		Long: `List the columns that the engine works on, as this database has them: those of
every OCMT release, under their name or the one before it, and those that
ocmt.yaml adds under columns.

JSON document ocmt/migrate-columns/v1: columns (table, column, key,
plaintext_allowed, max_length), absent, obstacles (code, where, message, fix).`,
		Example: `  ocmt migrate columns
  ocmt migrate columns --output json`,
		Args: noArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigrateColumns(cmd.Context(), cmd, app) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

func runMigrateColumns(ctx context.Context, cmd *cobra.Command, app *App) error {
	settings, err := app.settings(cmd)
	if err != nil {
		return err
	}
	store, err := app.store(settings)
	if err != nil {
		return err
	}
	ctx, cancel := app.stop.Context(ctx)
	defer cancel()
	found, err := store.Describe(ctx, catalogue(settings))
	if err != nil {
		return causeOf(ctx, err)
	}
	document := columnsDocument{Columns: []columnEntry{}, Absent: slices.Concat([]string{}, found.Absent), Obstacles: obstacles(found.Obstacles)}
	shown := ui.Table{Columns: []ui.Column{{Title: "TABLE"}, {Title: "COLUMN", Flexible: true}, {Title: "KEY"}, {Title: "PLAINTEXT TOO"}}}
	for _, table := range found.Tables {
		for _, column := range table.Columns {
			document.Columns = append(document.Columns, columnEntry{Table: table.Name, Column: column.Name, Key: table.Key,
				PlaintextAllowed: column.PlaintextAllowed, MaxLength: column.MaxLength})
			too := "no"
			if column.PlaintextAllowed {
				too = "yes"
			}
			shown.Rows = append(shown.Rows, ui.Row(table.Name, column.Name, table.Key, too))
		}
	}
	app.printer.Table(shown)
	for _, name := range found.Absent {
		app.printer.Line("not in this database: %s", ui.Clean(name))
	}
	if err := app.printer.Document("migrate-columns", document); err != nil {
		return err
	}
	if len(found.Obstacles) > 0 {
		return &ui.Error{Message: "a run would refuse to start: found " + ui.Count(int64(len(found.Obstacles)), "obstacle", "obstacles"),
			Hints: obstacleHints(found.Obstacles), Code: ui.ExitFound}
	}
	return nil
}
