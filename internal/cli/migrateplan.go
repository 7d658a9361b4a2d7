package cli

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// planDocument is the JSON form of a plan.
type planDocument struct {
	migrate.Outline
	Pending   int64            `json:"values_to_move"`
	Columns   []migrate.Census `json:"columns"`
	Absent    []string         `json:"absent"`
	Obstacles []obstacle       `json:"obstacles"`
	// Discovery is null where the catalogue's own tables could not be read.
	Discovery *migrate.Discovery `json:"discovery"`
}

// planOptions are the flags of ocmt migrate plan.
type planOptions struct {
	engineOptions
	Out   fileFlag // file to write
	Force bool     // replace it
}

type obstacle struct {
	Code    string `json:"code"`
	Where   string `json:"where"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

func newMigratePlanCommand(app *App) *cobra.Command {
	options := &planOptions{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would do, and what would stop it",
		Long: `Count every encrypted value by key version, open a sample of each with the key
that is set for it, and look for what would stop a run: a wrong, swapped or
missing key, missing rights, a read-only server, a column too narrow, encrypted
values in columns that nothing lists. It writes nothing.

With --out the plan is also written into a file: ocmt migrate run --plan and
rotate --plan hold a run to it, and refuse where the database, its columns,
their triggers or the keys are others than it says.

JSON document ocmt/migrate-plan/v1: from_version, to_version, database, keys
(fingerprints), tables (what each is like and what it costs),
replication_slots, values_to_move, columns (table, column, versions, legacy,
plaintext, not_read, values), absent, obstacles (code, where, message, fix),
discovery (as migrate columns).`,
		Example: `  ocmt migrate plan
  ocmt migrate plan --from-version 0 --out plan.json`,
		Args: noArgs,
	}
	addPlanFlags(cmd, &options.engineOptions)
	cmd.Flags().Var(&options.Out, "out", "also write the plan into this new file, mode 0600")
	cmd.Flags().BoolVar(&options.Force, "force", false, "replace the file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigratePlan(cmd.Context(), cmd, app, options) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func runMigratePlan(ctx context.Context, cmd *cobra.Command, app *App, options *planOptions) error {
	if options.Force && options.Out == "" {
		return usageError(cmd, "--force is for --out, and there is none")
	}
	engine, err := app.engine(cmd, &options.engineOptions)
	if err != nil {
		return err
	}
	defer engine.store.Close()
	plan, err := engine.plan(ctx)
	if err != nil {
		return err
	}
	printPlan(app.printer, plan)
	printCost(app.printer, plan.Outline)
	document := newPlanDocument(plan)
	if options.Out != "" {
		if err := app.writePlan(options, document); err != nil {
			return err
		}
	}
	if err := app.printer.Document("migrate-plan", document); err != nil {
		return err
	}
	if len(plan.Obstacles) > 0 {
		return &ui.Error{Message: "a run would refuse to start: found " + ui.Count(int64(len(plan.Obstacles)), "obstacle", "obstacles"),
			Hints: obstacleHints(plan.Obstacles), Code: ui.ExitFound}
	}
	return nil
}

func obstacleHints(list []migrate.Obstacle) []string {
	hints := make([]string, len(list))
	for i, o := range list {
		hints[i] = o.Where + ": " + o.Message + ": " + o.Fix
	}
	return hints
}

func newPlanDocument(plan *migrate.Plan) planDocument {
	document := planDocument{Outline: plan.Outline, Pending: plan.Pending(),
		Columns: plan.Census, Absent: plan.Absent, Obstacles: obstacles(plan.Obstacles), Discovery: plan.Discovery}
	if document.Columns == nil {
		document.Columns = []migrate.Census{}
	}
	if document.Absent == nil {
		document.Absent = []string{}
	}
	return document
}

// obstacles is their JSON form.
func obstacles(list []migrate.Obstacle) []obstacle {
	documents := make([]obstacle, len(list))
	for i, o := range list {
		documents[i] = obstacle(o)
	}
	return documents
}

// printPlan shows what was found and what will happen.
func printPlan(printer *ui.Printer, plan *migrate.Plan) {
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VALUES"}, {Title: "BY KEY VERSION"}, {Title: "PLAINTEXT"}, {Title: "NOT READ"}}}
	for _, c := range plan.Census {
		table.Rows = append(table.Rows, ui.Row(c.Table+"."+c.Column, ui.Number(c.Values), byVersion(c), ui.Number(c.Plaintext), ui.Number(c.NotRead)))
	}
	printer.Table(table)
	if len(plan.Absent) > 0 {
		printer.Line("Not in this database: %s.", ui.Clean(strings.Join(plan.Absent, ", ")))
	}
	printUnread(printer, plan.Discovery)
	printKnown(printer, plan.Discovery)
	if plan.Outline.Unaudited != "" {
		printer.Line("No entry in OCMT's audit log will be made: %s.", ui.Clean(plan.Outline.Unaudited))
	}
	printer.Line("\n%s to move from %s to version %d.", ui.Count(plan.Pending(), "value", "values"), leavingName(plan.Request), plan.Request.To)
}

// printCost says what a run would cost, and who else would notice it.
func printCost(printer *ui.Printer, outline migrate.Outline) {
	var rows, wal int64
	var seconds float64
	var triggers []string
	for _, table := range outline.Tables {
		rows, wal, seconds = rows+table.RowsToWrite, wal+table.WALBytes, seconds+table.Seconds
		for _, trigger := range table.Triggers {
			triggers = append(triggers, table.String()+" "+trigger)
		}
	}
	if rows == 0 {
		return
	}
	printer.Line("Some %s to write, %s MiB of WAL, %s.", ui.Count(rows, "row", "rows"), ui.Number((wal+1<<20-1)>>20),
		ui.Duration(time.Duration(seconds*float64(time.Second))))
	if len(triggers) > 0 {
		printer.Line("Triggers that fire at every row: %s.", ui.Clean(strings.Join(triggers, ", ")))
	}
	if len(outline.Slots) > 0 {
		printer.Line("Logical replication slots that would carry the writes: %s.", ui.Clean(strings.Join(outline.Slots, ", ")))
	}
}

// printUnread says what of the database was not looked through for values that
// nothing lists. It does not stop a run: an account that may read the encrypted
// columns alone is a good account.
func printUnread(printer *ui.Printer, discovery *migrate.Discovery) {
	if discovery == nil || len(discovery.Unread) == 0 {
		return
	}
	printer.Line("Not looked through for encrypted values that nothing lists: %s; ocmt migrate columns --discover says why.",
		ui.Count(int64(len(discovery.Unread)), "part of the database", "parts of the database"))
}

// printKnown tells of columns that are said to be under other keys, and are not.
func printKnown(printer *ui.Printer, discovery *migrate.Discovery) {
	if discovery == nil {
		return
	}
	for _, find := range discovery.Known {
		if len(find.OpenedBy) > 0 {
			printer.Line("Listed under known and not moved, yet values open with the keys that are set: %s%s.", ui.Clean(find.String()), opensNote(find))
		}
	}
}

// leavingName says what a request leaves.
func leavingName(request migrate.Request) string {
	if request.From != nil {
		return "version " + strconv.Itoa(*request.From)
	}
	if request.Backwards {
		return "a newer version"
	}
	return "an older version"
}

// byVersion writes a census as "v0 1,200 (300 legacy)  v1 5".
func byVersion(c migrate.Census) string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(c.ByVersion)) {
		part := "v" + strconv.Itoa(version) + " " + ui.Number(c.ByVersion[version])
		if version == 0 && c.Legacy > 0 {
			part += " (" + ui.Number(c.Legacy) + " legacy)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "  ")
}
