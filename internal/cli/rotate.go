package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// rotateDocument is the JSON form of ocmt rotate.
type rotateDocument struct {
	Run      runDocument     `json:"run"`
	Verified *verifyDocument `json:"verified"` // null after a dry run, and where the run was cut off
	// Retirable are the versions that nothing in the database is under.
	Retirable []int `json:"retirable_versions"`
}

func newRotateCommand(app *App) *cobra.Command {
	options := &engineOptions{}
	cmd := &cobra.Command{
		Use:   "rotate --from-version N",
		Short: "Bring every secret in the database under the new key, and prove it",
		Long: `Show the plan, ask, move every value from version N to the version of
ENCRYPTION_KEY (or --to-version), then open every value with the new key alone
and say which key may be retired. The servers keep running: each must have both
keys and the new ENCRYPTION_KEY_VERSION before this begins, since a server on
the old version cannot read the new values.

JSON document ocmt/rotate/v1: run (as migrate run), verified (as migrate
verify; null after a dry run and where the run was cut off), retirable_versions.`,
		Example: `  ocmt rotate --from-version 0
  ocmt rotate --from-version 0 --dry-run
  ocmt rotate --from-version 1 --to-version 2 --yes --output json`,
		Args: noArgs,
	}
	addRunFlags(cmd, options)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runRotate(cmd.Context(), cmd, app, options) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	cmd.AddCommand(newRotateRollbackCommand(app))
	return cmd
}

func runRotate(ctx context.Context, cmd *cobra.Command, app *App, options *engineOptions) error {
	if !options.From.set {
		return usageError(cmd, "--from-version is needed: the key version to leave")
	}
	engine, err := app.engine(cmd, options)
	if err != nil {
		return err
	}
	defer engine.store.Close()
	return engine.rotate(ctx, options.DryRun)
}

// rotate runs, verifies everything, and says what is next. Where it is cut off its
// document says what was done until then.
func (e *engine) rotate(ctx context.Context, dry bool) error {
	plan, result, err := e.run(ctx, dry)
	if result == nil {
		return err
	}
	document := rotateDocument{Run: newRunDocument(e.request, result), Retirable: []int{}}
	var verified *migrate.Verification
	if err == nil && !dry {
		verified, err = e.prove(ctx, plan, result, &document)
	}
	if failed := e.app.printer.Document("rotate", document); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	if err := outcome(e.request, result); err != nil || verified == nil {
		return err
	}
	return partly(verdict(e.request, verified))
}

// prove verifies everything after a run, and records and shows which key may go.
func (e *engine) prove(ctx context.Context, plan *migrate.Plan, result *migrate.Result, document *rotateDocument) (*migrate.Verification, error) {
	verified, err := e.verify(ctx, e.whole())
	if err != nil {
		return nil, err
	}
	proof := newVerifyDocument(e.request, verified)
	document.Verified = &proof
	printVerification(e.app.printer, e.request, verified)
	retirable := e.retirable(plan, result, verified)
	if len(retirable) > 0 {
		if err := e.store.Retire(ctx, retirable); err != nil {
			return nil, err
		}
	}
	document.Retirable = retirable
	if e.request.Backwards {
		printRollback(e.app.printer, e.request)
	} else {
		printRetirement(e.app.printer, plan, retirable)
	}
	return verified, nil
}

// partly gives what the verification found, or doubts, the status of a rotation
// that is done in part: at its end it is too late to refuse.
func partly(err error) error {
	var found *ui.Error
	if errors.As(err, &found) && (found.Code == ui.ExitFound || found.Code == ui.ExitRefused) {
		found.Code = ui.ExitPartial
	}
	return err
}

// whole is the request without its narrowing: a key may be retired only if
// nothing anywhere needs it.
func (e *engine) whole() migrate.Request {
	request := e.request
	request.Tables, request.Columns = nil, nil
	return request
}

// retirable lists the left version if nothing is under it. A value that does not
// open might be under any key, so one is enough to keep them all; and so is a
// column that was said to be under another key and is not.
func (e *engine) retirable(plan *migrate.Plan, result *migrate.Result, verified *migrate.Verification) []int {
	if e.request.Backwards || !result.Complete() {
		return []int{} // nothing is proven, or what was gone back from is what comes next
	}
	from := *e.request.From
	if verified.SetAside > 0 || len(verified.Obstacles) > 0 || len(verified.Doubts) > 0 || verified.Versions[from] > 0 || len(plan.Discovery.KnownUnder(from)) > 0 {
		return []int{}
	}
	return []int{from}
}

// printRetirement is the last screen: what may go, and what must keep the key.
func printRetirement(printer *ui.Printer, plan *migrate.Plan, retirable []int) {
	printer.Heading("Next")
	request := plan.Request
	name := "ENCRYPTION_KEY_V" + strconv.Itoa(*request.From)
	if len(retirable) == 0 {
		printer.Line("Keep %s on every server: something in the database may still need it.", name)
		for _, find := range plan.Discovery.KnownUnder(*request.From) {
			printer.Line("%s is listed under known, yet opens with it: list it under columns in ocmt.yaml, or bring it\nunder the new key with the program that writes it.", ui.Clean(find.String()))
		}
		return
	}
	printer.Line("%s", fmt.Sprintf(`Nothing in the database is under version %d. Once every server runs with
ENCRYPTION_KEY_VERSION=%d, %s may be removed from the servers.
Keep that key offline: database backups made before this run still need it.
Watch users.gateway_token: a server without the right key does not fail there, it
takes the encrypted text itself for the token. Run ocmt migrate verify before you
remove the key.`, *request.From, request.To, name))
}
