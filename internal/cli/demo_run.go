package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// demoCommands are what an operator would type, word by word. What is printed and what is run are
// both taken from here. They ask nothing, because the operator has asked for the demo.
var demoCommands = [][]string{
	{"ocmt", "status"},
	{"ocmt", "rotate", "--from-version", "0", "--yes"},
	{"ocmt", "migrate", "verify"},
}

// demo is the state of one ocmt demo.
type demo struct {
	app      *App
	postgres *testenv.Postgres
	redis    *testenv.Redis
	folder   string // an empty one, where the commands run
	address  string // of the database
	old      *crypto.Keyring
	ring     *crypto.Keyring // with the new key as the current one
	document demoDocument
}

// run does all up to the verdict. Each command gets the whole context, as it answers Ctrl-C by itself.
func (d *demo) run(ctx, whole context.Context) error {
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.makeKeys(); err != nil {
		return err
	}
	if err := d.fill(ctx); err != nil {
		return err
	}
	d.app.printer.Heading("Four servers go on writing, with both keys and version 1")
	began := d.app.deps.Now()
	servers, err := sampledata.StartServers(ctx, d.address, d.ring, demoServers, demoEvery)
	if err != nil {
		return err
	}
	failed := d.showCommands(whole)
	if err := servers.Stop(); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return d.compare(ctx, servers, d.app.deps.Now().Sub(began))
}

// during shows what is done, and for how long, until the work is done.
func (d *demo) during(doing string, work func() error) error {
	display := d.app.printer.Activity(doing)
	defer display.End()
	return work()
}

func (d *demo) start(ctx context.Context) (err error) {
	d.app.printer.Heading("Starting a throwaway PostgreSQL and Redis")
	if d.folder, err = os.MkdirTemp("", "ocmt-demo-*"); err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	return d.during("starting PostgreSQL and Redis", func() error {
		if d.postgres, err = testenv.StartPostgres(ctx, false); err == nil {
			d.redis, err = testenv.StartRedis(ctx)
		}
		return splitLines(err)
	})
}

// splitLines returns an error whose text has lines, as what other programs say has, with each of them as a cause.
func splitLines(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.FieldsFunc(strings.ReplaceAll(err.Error(), "\t", " "), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 || lines[0] == err.Error() {
		return err
	}
	return &ui.Error{Message: lines[0], Reasons: lines[1:], Code: ui.ExitCodeOf(err)}
}

// makeKeys makes the key of version 0 and the new one of version 1.
func (d *demo) makeKeys() error {
	keys := map[int]crypto.Key{}
	for version := range 2 {
		key, err := crypto.GenerateKey(d.app.deps.Random)
		if err != nil {
			return err
		}
		keys[version] = key
	}
	var err error
	if d.old, err = crypto.NewKeyring(0, keys); err != nil {
		return err
	}
	d.ring, err = d.old.WithCurrent(1)
	return err
}

// fill makes a database under version 0, and takes it as the one of the demo.
func (d *demo) fill(ctx context.Context) error {
	var counts sampledata.Counts
	err := d.during("filling an OCMT database", func() error {
		name, err := d.postgres.CreateDatabase(ctx, testdata.Schema)
		if err != nil {
			return err
		}
		d.address = d.postgres.URL("postgres", name)
		counts, err = sampledata.Fill(ctx, d.address, d.old, d.document.Users)
		return err
	})
	if err != nil {
		return err
	}
	d.document.Sealed, d.document.Plaintext = counts.Sealed, counts.Plaintext
	d.app.printer.Line("%s: %s under version 0 (%s in the legacy form), %s in the clear.",
		ui.Count(int64(counts.Users), "user", "users"), ui.Count(int64(counts.Sealed), "value", "values"),
		ui.Number(int64(counts.Legacy)), ui.Count(int64(counts.Plaintext), "gateway token", "gateway tokens"))
	return nil
}

// environ returns the environment of the commands, as NAME=value lines.
func (d *demo) environ() []string {
	older, _ := d.ring.Key(0)
	newer, _ := d.ring.Key(1)
	return []string{"DATABASE_URL=" + d.address, "REDIS_URL=" + d.redis.URL(), "ENCRYPTION_KEY=" + newer.Reveal(),
		"ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0=" + older.Reveal()}
}

// showCommands runs what an operator would type.
func (d *demo) showCommands(ctx context.Context) error {
	var names []string
	for _, line := range d.environ() {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	d.app.printer.Line("Each command runs in an empty folder, with these settings in its environment and no other: %s.", strings.Join(names, ", "))
	d.app.printer.Line("The servers add and remove values all the while, so the commands do not count the same number of them.")
	for _, command := range demoCommands {
		if err := d.show(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// show runs a command in this process, as a shell would run it in one of its own, and expects it to succeed.
func (d *demo) show(ctx context.Context, argv []string) error {
	command := strings.Join(argv, " ")
	d.app.printer.Line("\n%s", d.app.printer.Paint(ui.Strong, "$ "+command))
	deps := d.app.deps
	deps.Environ, deps.Dir, deps.Harden, deps.Throwaway = d.environ(), d.folder, nil, true
	deps.Streams.Colour = deps.Streams.Colour && !d.app.globals.noColor
	if d.app.printer.JSON() {
		deps.Streams.Out = io.Discard
	}
	code := Main(ctx, argv[1:], deps)
	d.document.Steps = append(d.document.Steps, demoStep{Command: command, Exit: code})
	switch code {
	case int(ui.ExitDone):
		return nil
	case int(ui.ExitInterrupted):
		return ui.ErrInterrupted
	}
	return fmt.Errorf("%s ended with status %d", command, code)
}

// compare opens every value with the new key alone, and compares what the servers wrote with what
// the database acknowledged to them.
func (d *demo) compare(ctx context.Context, servers *sampledata.Servers, took time.Duration) error {
	alone, err := d.ring.Only(1)
	if err != nil {
		return err
	}
	d.app.printer.Heading("What the servers wrote meanwhile")
	var found sampledata.Opened
	err = d.during("opening every value, and comparing what the servers wrote", func() error {
		if found, err = sampledata.OpenAll(ctx, d.address, alone); err != nil {
			return err
		}
		d.document.Compared, d.document.Lost, err = servers.Check(ctx, d.address, alone)
		return err
	})
	if err != nil {
		return err
	}
	d.document.Opened, d.document.Unopened, d.document.Writes = found.Opened, found.Unopened, servers.Writes()
	d.app.printer.Line("%s of %s, in %s.", ui.Count(int64(d.document.Writes), "write", "writes"),
		ui.Count(int64(d.document.Compared), "value", "values"), ui.Duration(took))
	d.app.printer.Line("The last write of each value was compared with what is there now.")
	return d.judge(found)
}

// judge returns an error unless the database holds all that it should.
func (d *demo) judge(found sampledata.Opened) error {
	switch {
	case d.document.Lost > 0:
		return fmt.Errorf("%s that the database had acknowledged are lost", ui.Count(int64(d.document.Lost), "value", "values"))
	case found.Unopened > 0:
		return fmt.Errorf("%s not open with the new key alone", ui.Count(int64(found.Unopened), "value does", "values do"))
	case found.Plaintext != d.document.Plaintext:
		return fmt.Errorf("%s in the clear were filled in, and %s are there",
			ui.Count(int64(d.document.Plaintext), "value", "values"), ui.Number(int64(found.Plaintext)))
	}
	return nil
}

// conclude says how the demo has ended, and what to do next.
func (d *demo) conclude() {
	printer := d.app.printer
	printer.Line("\n%s", printer.Paint(ui.Good, fmt.Sprintf("Done. %s with the new key alone; the servers wrote %s meanwhile and lost none.",
		ui.Count(int64(d.document.Opened), "value opens", "values open"), ui.Count(int64(d.document.Compared), "value", "values"))))
	if d.document.Kept != nil {
		d.tellKept()
		return
	}
	printer.Line("The throwaway servers are gone, with their data.")
	program := cmp.Or(d.app.deps.Program(), programName)
	printer.Line("\nnext: %s   (the same, and leaves you a database to rotate by hand)", ui.Unbroken(quoteWord(program)+" demo --keep"))
	printer.Line("next: %s   (the commands, in groups)", ui.Unbroken(quoteWord(program)+" help"))
}

// remove ends the throwaway servers that are not kept, and removes their data. It may be called twice.
func (d *demo) remove() {
	if d.folder != "" {
		_ = os.RemoveAll(d.folder) // it is empty; nothing is lost where it stays
	}
	if d.document.Kept != nil {
		return
	}
	if d.postgres != nil {
		d.postgres.Stop()
	}
	if d.redis != nil {
		d.redis.Stop()
	}
}
