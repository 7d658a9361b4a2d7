package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

const (
	demoUsers    = 10_000
	minDemoUsers = 20 // the servers never leave the rows of fewer alone
	maxDemoUsers = 1_000_000
	demoServers  = 4
	demoEvery    = 5 * time.Millisecond // time between two writes of a server
)

// demoOptions are the flags of ocmt demo.
type demoOptions struct {
	Users int
	Keep  bool
	Stop  string
}

// Validate bounds the size of the database, and refuses to keep and to end servers at once.
func (o *demoOptions) Validate() error {
	if o.Users < minDemoUsers || o.Users > maxDemoUsers {
		return fmt.Errorf("--users must lie between %d and %d", minDemoUsers, maxDemoUsers)
	}
	if o.Keep && o.Stop != "" {
		return errors.New("--keep and --stop exclude each other")
	}
	return nil
}

func newDemoCommand(app *App, run func(context.Context, *demoOptions) error) *cobra.Command {
	if run == nil {
		run = app.runDemo
	}
	options := &demoOptions{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a whole rotation on a throwaway database",
		Long: `Start a throwaway PostgreSQL and Redis, fill an OCMT database with the secrets
of many users under version 0, let four servers go on writing, and rotate: the
commands run as they are printed. At the end every value is opened with the new
key alone, what the servers wrote is compared with what is there, and the
throwaway servers are removed.

With --keep PostgreSQL and Redis stay up, with a second database that is still
under version 0, for you to rotate by hand. The demo prints what to type, and
leaves an env file of mode 0600 with the settings that servers would have.

It needs the programs of PostgreSQL and Redis on this machine. It reads none of
your settings and reaches no other server.

` + describeDocument("demo") + "\n\nWith --stop: " + describeDocument("demo-stop"),
		Example: "  ocmt demo\n  ocmt demo --users 1000\n  ocmt demo --keep\n  ocmt demo --stop /tmp/ocmt-kept-XXXXXXXXXX",
		Args:    noArgs,
	}
	cmd.Flags().IntVar(&options.Users, "users", demoUsers, "how many users the database has")
	cmd.Flags().BoolVar(&options.Keep, "keep", false, "leave the servers up, with a database to rotate by hand")
	cmd.Flags().StringVar(&options.Stop, "stop", "", "end the servers that --keep has left: the folder that it has named")
	_ = cmd.MarkFlagDirname("stop") // it fails only for a flag that is not there
	cmd.RunE = runWithFlags(app, cmd, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func (a *App) runDemo(ctx context.Context, options *demoOptions) error {
	soft, cancel := a.stop.Context(ctx)
	defer cancel()
	if options.Stop != "" {
		return causeOf(soft, a.stopDemo(soft, options.Stop))
	}
	d := &demo{app: a, document: demoDocument{Users: options.Users}}
	defer d.remove()
	err := d.run(soft, ctx)
	if err == nil && options.Keep {
		err = d.keep(soft)
	}
	d.remove()
	if err = causeOf(soft, err); errors.Is(err, ui.ErrInterrupted) {
		return &ui.Error{Message: "the demo was interrupted; its servers are gone, with their data", Code: ui.ExitInterrupted}
	}
	if err != nil {
		return err
	}
	d.conclude()
	return a.printer.Document("demo", d.document)
}

// stopDemo ends the servers that an earlier demo has left.
func (a *App) stopDemo(ctx context.Context, folder string) error {
	display := a.printer.Activity("ending the servers")
	defer display.End()
	err := testenv.EndKept(ctx, filepath.Clean(a.path(folder)))
	if errors.Is(err, testenv.ErrNotKept) {
		return &ui.Error{Message: fmt.Sprintf("no servers of a demo are kept in %q, and nothing was touched", folder), Code: ui.ExitUsage,
			Hints: []string{"give --stop the folder that ocmt demo --keep has named; where it is gone, so are its servers"}}
	}
	if err != nil {
		return err
	}
	display.End()
	a.printer.Line("%s", a.printer.Paint(ui.Good, "Done. The servers of the demo have ended, and their data is removed."))
	return a.printer.Document("demo-stop", demoStopDocument{Folder: folder, Ended: true})
}
