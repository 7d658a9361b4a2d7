package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

func newStatusCommand(app *App, run func(context.Context, *config.Settings, *noOptions) error) *cobra.Command {
	if run == nil {
		run = app.runStatus
	}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say where the deployment stands, and what is next",
		Long: `Say which database this is, which key versions there are and how many values
each has, whether a run is at work, which secrets are due, and what is next, as
a command. It opens no value, changes nothing, and says what it could not look
at. ocmt rotate status tells the story of the key alone, and ocmt migrate status
tells how far a run is. Where record, store and settings do not have one and the
same key, or the database has none of OCMT's tables, it says that first, and
nothing else is advised (exit status 3).

` + describeDocument("status"),
		Example: `  ocmt status
  ocmt status --output json`,
		Args: noArgs,
	}
	cmd.RunE = runWithSettings(app, &noOptions{}, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

// deploymentStatus is what ocmt status writes.
type deploymentStatus struct {
	Database statusDatabase  `json:"database"`
	Rotation rotation.Status `json:"rotation"`
}

// statusDatabase is the database of a status, by its address.
type statusDatabase struct {
	Host    string `json:"host"` // or the folder of a socket
	Port    uint16 `json:"port"`
	Name    string `json:"name"`
	Account string `json:"account"`
	Answers bool   `json:"answers"`
	Running bool   `json:"running"` // a run is at work on it
}

func (a *App) runStatus(ctx context.Context, settings *config.Settings, _ *noOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	engine := a.newEngineOn(settings, db, engineRequest{})
	defer engine.close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	status, failure := engine.lookAtDeployment(ctx)
	if ctx.Err() != nil {
		return causeOf(ctx, ctx.Err())
	}
	// Without the database everything else would be a guess: the error stands alone.
	if failure == nil {
		printDeployment(a.printer, status, a.deps.Now())
	}
	if err := a.printer.Document("status", status); err != nil || failure != nil {
		return cmp.Or(err, failure)
	}
	return wrongKey(status.Rotation)
}

// lookAtDeployment returns where the deployment stands. The error says that the database did not answer at all.
func (e *engine) lookAtDeployment(ctx context.Context) (deploymentStatus, error) {
	found, err := e.lookAtStory(ctx, storeFlag{})
	if err != nil {
		return deploymentStatus{}, err
	}
	return deploymentStatus{Rotation: found.status, Database: newStatusDatabase(e.db, found)}, found.failure
}

// newStatusDatabase returns which database it is.
func newStatusDatabase(db *database, found story) statusDatabase {
	target := db.Target()
	return statusDatabase{Host: target.Host, Port: target.Port, Name: target.Database, Account: cmp.Or(found.account, target.Account), Answers: found.failure == nil, Running: found.running}
}

// printDeployment shows where the deployment stands.
func printDeployment(printer *ui.Printer, status deploymentStatus, now time.Time) {
	printDatabase(printer, status.Database)
	printRotateStatus(printer, status.Rotation, now)
}

// printDatabase says which database it is.
func printDatabase(printer *ui.Printer, database statusDatabase) {
	printer.Line("Database %s at %s:%d as %s.", database.Name, database.Host, database.Port, database.Account)
}

// firstLook is how long the first page waits for the database.
const firstLook = time.Second

// showFirstPage shows what ocmt is, and where the deployment stands if its database answers at once. It
// is never an error that it does not: whoever asks for this page may have no deployment yet.
func (a *App) showFirstPage(cmd *cobra.Command) error {
	a.carried = newCarrier(cmd)
	if err := a.useFlagsOnly(cmd); err != nil {
		return err
	}
	settings, err := a.settings(cmd)
	if a.globals.output == "json" || err == nil && settings.Output == "json" {
		if err != nil {
			return err
		}
		a.carried.store = newStoreCarrier(cmd, settings)
		return a.runStatus(cmd.Context(), settings, &noOptions{})
	}
	if err != nil {
		a.usePrinter(false)
	}
	if failed := writePage(cmd); failed != nil {
		return failed
	}
	if err != nil {
		a.printer.Line("\nThe settings here cannot be read, so nothing is known of a deployment: ocmt validate says why.")
		return nil
	}
	if !settings.DatabaseURL.IsSet() {
		a.printer.Line("\nDATABASE_URL is not set here, so nothing is known of a deployment. To see a whole rotation: ocmt demo")
		return nil
	}
	a.carried.store = newStoreCarrier(cmd, settings)
	return a.showStanding(cmd.Context(), settings)
}

// writePage writes the help page of ocmt without its exit statuses: this page is to be read.
func writePage(cmd *cobra.Command) error {
	_, err := io.WriteString(cmd.OutOrStdout(), cmd.Long+"\n\n"+usageText(cmd))
	return err
}

// showStanding shows where the deployment stands, or that the database did not answer at once.
func (a *App) showStanding(ctx context.Context, settings *config.Settings) error {
	a.printer.Heading("Where this deployment stands")
	db, err := a.openDatabase(settings)
	if err != nil {
		a.printer.Line("DATABASE_URL cannot be read: ocmt status says why.")
		return nil
	}
	engine := a.newEngineOn(settings, db, engineRequest{})
	defer engine.close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	asking, late := context.WithTimeout(ctx, firstLook)
	defer late()
	status, failure := engine.lookAtDeployment(asking)
	var connect *postgres.ConnectError
	switch {
	case ctx.Err() != nil:
		return causeOf(ctx, ctx.Err())
	case asking.Err() != nil:
		a.printer.Line("The database at %s:%d did not tell all within a second: ocmt status waits for it.", status.Database.Host, status.Database.Port)
	case errors.As(failure, &connect):
		a.printer.Line("The database at %s:%d cannot be reached: ocmt status says why.", status.Database.Host, status.Database.Port)
	case failure != nil:
		a.printer.Line("The database could not be looked at: ocmt status says why.")
	default:
		printDeployment(a.printer, status, a.deps.Now())
	}
	return nil
}
