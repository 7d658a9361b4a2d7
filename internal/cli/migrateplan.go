package cli

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// planDocument is the JSON form of a plan.
type planDocument struct {
	From      *int             `json:"from_version"` // null: every older one
	To        int              `json:"to_version"`
	Pending   int64            `json:"values_to_move"`
	Columns   []migrate.Census `json:"columns"`
	Absent    []string         `json:"absent"`
	Obstacles []obstacle       `json:"obstacles"`
	// Discovery is null where the catalogue's own tables could not be read.
	Discovery *migrate.Discovery `json:"discovery"`
}

type obstacle struct {
	Code    string `json:"code"`
	Where   string `json:"where"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

func newMigratePlanCommand(app *App) *cobra.Command {
	options := &engineOptions{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would do, and what would stop it",
		Long: `Count every encrypted value by key version, open a sample of each with the key
that is set for it, and look for what would stop a run: a wrong, swapped or
missing key, missing rights, a read-only server, a column too narrow, encrypted
values in columns that nothing lists. It writes nothing.

JSON document ocmt/migrate-plan/v1: from_version, to_version, values_to_move,
columns (table, column, versions, legacy, plaintext, not_read, values), absent,
obstacles (code, where, message, fix), discovery (as migrate columns).`,
		Example: `  ocmt migrate plan
  ocmt migrate plan --from-version 0 --output json`,
		Args: noArgs,
	}
	addPlanFlags(cmd, options)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigratePlan(cmd.Context(), cmd, app, options) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func runMigratePlan(ctx context.Context, cmd *cobra.Command, app *App, options *engineOptions) error {
	engine, err := app.engine(cmd, options)
	if err != nil {
		return err
	}
	plan, err := engine.plan(ctx)
	if err != nil {
		return err
	}
	printPlan(app.printer, plan)
	if err := app.printer.Document("migrate-plan", newPlanDocument(plan)); err != nil {
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
	document := planDocument{From: plan.Request.From, To: plan.Request.To, Pending: plan.Pending(),
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
	printer.Line("\n%s to move from %s to version %d.", ui.Count(plan.Pending(), "value", "values"), leavingName(plan.Request), plan.Request.To)
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
