package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

const (
	demoUsers    = 10_000
	maxDemoUsers = 1_000_000
	demoServers  = 4
	demoEvery    = 5 * time.Millisecond // time between two writes of a server
)

// demoOptions are the flags of ocmt demo.
type demoOptions struct{ Users int }

// Validate bounds the size of the database.
func (o *demoOptions) Validate() error {
	if o.Users < 1 || o.Users > maxDemoUsers {
		return fmt.Errorf("--users must lie between 1 and %d", maxDemoUsers)
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
commands run as you would type them. At the end everything that the servers
wrote is compared with what is there, and the throwaway servers are removed.

It needs the programs of PostgreSQL and Redis on this machine. It reads none of
your settings and reaches no other server.

` + describeDocument("demo"),
		Example: "  ocmt demo\n  ocmt demo --users 1000",
		Args:    noArgs,
	}
	cmd.Flags().IntVar(&options.Users, "users", demoUsers, "how many users the database has")
	cmd.RunE = runWithFlags(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func (a *App) runDemo(ctx context.Context, options *demoOptions) error {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	d := &demo{app: a, document: demoDocument{Users: options.Users}}
	defer d.remove()
	if err := d.run(ctx); err != nil {
		return causeOf(ctx, err)
	}
	return a.printer.Document("demo", d.document)
}

// demo is the state of one ocmt demo.
type demo struct {
	app      *App
	postgres *testenv.Postgres
	redis    *testenv.Redis
	address  string // of the database
	ring     *crypto.Keyring
	environ  []string
	document demoDocument
}

func (d *demo) run(ctx context.Context) error {
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.fill(ctx); err != nil {
		return err
	}
	d.app.printer.Heading("Four servers go on writing, with both keys and version 1")
	servers, err := sampledata.StartServers(ctx, d.address, d.ring, demoServers, demoEvery)
	if err != nil {
		return err
	}
	failed := d.showCommands(ctx)
	if err := servers.Stop(); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return d.compare(ctx, servers)
}

// showCommands runs what an operator would type.
func (d *demo) showCommands(ctx context.Context) error {
	for _, command := range []string{
		"ocmt validate",
		"ocmt rotate --from-version 0",
		"ocmt migrate verify",
		"ocmt rotate --from-version 0",
		"ocmt migrate status",
	} {
		if err := d.show(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) start(ctx context.Context) (err error) {
	d.app.printer.Heading("Starting a throwaway PostgreSQL and Redis")
	if d.postgres, err = testenv.StartPostgres(ctx, false); err != nil {
		return err
	}
	if d.redis, err = testenv.StartRedis(ctx); err != nil {
		return err
	}
	name, err := d.postgres.CreateDatabase(ctx, testdata.Schema)
	if err != nil {
		return err
	}
	d.address = d.postgres.URL("postgres", name)
	return nil
}

func (d *demo) fill(ctx context.Context) error {
	keys := map[int]crypto.Key{}
	for version := range 2 {
		key, err := crypto.GenerateKey(d.app.deps.Random)
		if err != nil {
			return err
		}
		keys[version] = key
	}
	old, err := crypto.NewKeyring(0, keys)
	if err != nil {
		return err
	}
	if d.ring, err = old.WithCurrent(1); err != nil {
		return err
	}
	d.environ = []string{"DATABASE_URL=" + d.address, "REDIS_URL=" + d.redis.URL(), "ENCRYPTION_KEY_VERSION=1",
		"ENCRYPTION_KEY=" + keys[1].Reveal(), "ENCRYPTION_KEY_V0=" + keys[0].Reveal(), "PATH=/usr/bin:/bin"}
	counts, err := sampledata.Fill(ctx, d.address, old, d.document.Users)
	if err != nil {
		return err
	}
	d.document.Sealed, d.document.Plaintext = counts.Sealed, counts.Plaintext
	d.app.printer.Line("%s: %s under version 0 (%s in the legacy form), %s in the clear.",
		ui.Count(int64(counts.Users), "user", "users"), ui.Count(int64(counts.Sealed), "value", "values"),
		ui.Number(int64(counts.Legacy)), ui.Count(int64(counts.Plaintext), "gateway token", "gateway tokens"))
	return nil
}

// show runs a command as an operator would, in this process, and expects it to succeed. The
// command asks nothing, because the operator has asked for the demo.
func (d *demo) show(ctx context.Context, command string) error {
	d.app.printer.Line("\n%s", d.app.printer.Paint(ui.Strong, "$ "+command))
	deps := d.app.deps
	deps.Environ, deps.Harden = d.environ, nil
	if d.app.printer.JSON() {
		deps.Streams.Out = io.Discard
	}
	code := Main(ctx, append(strings.Fields(command)[1:], "--yes"), deps)
	d.document.Steps = append(d.document.Steps, demoStep{Command: command, Exit: code})
	switch code {
	case int(ui.ExitDone):
		return nil
	case int(ui.ExitInterrupted):
		return ui.ErrInterrupted
	}
	return fmt.Errorf("%s ended with status %d", command, code)
}

// compare compares the database with what it acknowledged to the servers.
func (d *demo) compare(ctx context.Context, servers *sampledata.Servers) error {
	alone, err := d.ring.Only(1)
	if err != nil {
		return err
	}
	compared, lost, err := servers.Check(ctx, d.address, alone)
	if err != nil {
		return err
	}
	d.document.Writes, d.document.Compared, d.document.Lost = servers.Writes(), compared, lost
	d.app.printer.Heading("What the servers wrote meanwhile")
	d.app.printer.Line("%s; %s compared with what the database holds now, %s lost.",
		ui.Count(int64(servers.Writes()), "write", "writes"), ui.Count(int64(compared), "value", "values"), ui.Number(int64(lost)))
	if lost > 0 {
		return fmt.Errorf("%s that the database had acknowledged are lost", ui.Count(int64(lost), "value", "values"))
	}
	return nil
}

// remove ends the throwaway servers and removes their data.
func (d *demo) remove() {
	if d.postgres != nil {
		d.postgres.Stop()
	}
	if d.redis != nil {
		d.redis.Stop()
	}
}
