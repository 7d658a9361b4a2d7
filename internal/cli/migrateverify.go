package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// verifyDocument is the JSON form of a verification.
type verifyDocument struct {
	To     int  `json:"version"`
	Proven bool `json:"proven"`
	*migrate.Verification
	Doubts []obstacle `json:"doubts"`
}

func newMigrateVerifyCommand(app *App) *cobra.Command {
	options := &engineOptions{OnError: onErrorReport, AllowDowngrade: true}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Open every value with the current key alone",
		Long: `Open every encrypted value with the key of the current version (or --to-version)
and no other, and list what does not open. It writes nothing. Status 0 means
that no value needs an older key.

JSON document ocmt/migrate-verify/v1: version, proven, opened, plaintext,
under_other_versions, under_other_versions_list (table, column, version, values,
key), not_opened, not_opened_list, absent, doubts.`,
		Example: `  ocmt migrate verify
  ocmt migrate verify --output json`,
		Args: noArgs,
	}
	addSelectionFlags(cmd, options)
	addEmptyFlag(cmd, options)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigrateVerify(cmd.Context(), cmd, app, options) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func runMigrateVerify(ctx context.Context, cmd *cobra.Command, app *App, options *engineOptions) error {
	engine, err := app.engine(cmd, options)
	if err != nil {
		return err
	}
	defer engine.store.Close()
	result, err := engine.verify(ctx, engine.request)
	if err != nil {
		return err
	}
	printVerification(app.printer, engine.request, result)
	if err := app.printer.Document("migrate-verify", newVerifyDocument(engine.request, result)); err != nil {
		return err
	}
	return verdict(engine.request, result)
}

func newVerifyDocument(request migrate.Request, result *migrate.Verification) verifyDocument {
	if result.List == nil {
		result.List = []migrate.SetAside{}
	}
	if result.Absent == nil {
		result.Absent = []string{}
	}
	if result.Elsewhere == nil {
		result.Elsewhere = []migrate.Elsewhere{}
	}
	return verifyDocument{To: request.To, Proven: result.Proven(), Verification: result, Doubts: obstacles(result.Doubts)}
}

func printVerification(printer *ui.Printer, request migrate.Request, result *migrate.Verification) {
	if len(result.Obstacles) > 0 {
		return // nothing was looked at, so there is nothing to say of it
	}
	printer.Line("\n%s with the key of version %d alone; %s in the clear, as OCMT writes them.",
		ui.Count(result.Opened, "value opens", "values open"), request.To, ui.Count(result.Plaintext, "value stands", "values stand"))
	for _, version := range slices.Sorted(maps.Keys(result.Versions)) {
		printer.Line("%s under version %d.", ui.Count(result.Versions[version], "value is", "values are"), version)
	}
	if len(result.Elsewhere) > 0 {
		printer.Line("\nUnder other versions:")
		table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VERSION"}, {Title: "VALUES"}, {Title: "A ROW"}}}
		for _, found := range result.Elsewhere {
			table.Rows = append(table.Rows, ui.Row(found.Table+"."+found.Column, strconv.Itoa(found.Version), ui.Number(found.Values), found.Key))
		}
		printer.Table(table)
	}
	printSetAside(printer, "Not opened:", result.SetAside, result.List)
}

// verdict is nil where everything is proven.
func verdict(request migrate.Request, result *migrate.Verification) error {
	if result.Proven() {
		return nil
	}
	if len(result.Obstacles) > 0 {
		code := ui.ExitFailed
		if slices.ContainsFunc(result.Obstacles, func(o migrate.Obstacle) bool { return o.Code == migrate.CodeStandby }) {
			code = ui.ExitRefused
		}
		return &ui.Error{Code: code, Message: "the values could not be looked at", Hints: obstacleHints(result.Obstacles)}
	}
	var parts []string
	var others int64
	newer := false
	for version, count := range result.Versions {
		others += count
		newer = newer || version > request.To
	}
	if others == 0 && result.SetAside == 0 {
		return &ui.Error{Code: ui.ExitRefused, Message: "nothing is proven of what is not there: values were expected, and there are none", Hints: obstacleHints(result.Doubts)}
	}
	if others > 0 {
		parts = append(parts, ui.Count(others, "value is", "values are")+" under another version")
	}
	if result.SetAside > 0 {
		parts = append(parts, ui.Count(result.SetAside, "value does", "values do")+" not open")
	}
	hints := []string{fmt.Sprintf("ocmt migrate run brings older values to version %d; keep every old key until this finds nothing", request.To)}
	if newer {
		hints = append(hints, "values under a newer version were written by servers that have it: set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION here as they have them")
	}
	return &ui.Error{Code: ui.ExitFound, Message: strings.Join(parts, " and "), Hints: append(hints, obstacleHints(result.Doubts)...)}
}
