// Package screens_test records what an operator sees, on terminals of several kinds and in pipes, and compares it with
// the files under testdata/screens. go test ./internal/cli/screens -update writes them: read each before it is kept.
package screens_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/procsec"
	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/testenv/tmux"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// TestMain makes this test binary answer to the name ocmt, so that the real program is on the terminals.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ocmt": func() {
			deps := cli.SystemDeps("test", procsec.LimitMemory(os.Getenv))
			deps.Host, deps.Process = "db-admin", 4711 // their lengths decide where lines break
			os.Exit(cli.Main(context.Background(), os.Args[1:], deps))
		},
	})
}

// template is the database that the others are copies of.
const template = "template_ocmt"

// users is how many users each database has.
const users = 60

// keys are the keys of the versions. They are the same in each run, so that their fingerprints are.
var keys = sync.OnceValues(func() (map[int]crypto.Key, error) {
	keys := map[int]crypto.Key{}
	for version := range 4 {
		sum := sha256.Sum256(fmt.Appendf(nil, "the key of version %d of the screens", version))
		key, err := crypto.ParseKey(hex.EncodeToString(sum[:]))
		if err != nil {
			return nil, err
		}
		keys[version] = key
	}
	return keys, nil
})

// server is the one PostgreSQL of these tests, with the template in it.
var server = sync.OnceValues(func() (*testenv.Postgres, error) {
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false, testenv.ListenTCP, "autovacuum = off")
	if err != nil {
		return nil, err
	}
	const rules = "local all all trust|host all locked 127.0.0.1/32 scram-sha-256|host all all 127.0.0.1/32 trust"
	admin := server.URL("postgres", "postgres")
	if err := testenv.Exec(ctx, admin,
		"do $$ begin execute 'copy (select unnest(string_to_array(''"+rules+"'', ''|''))) to ' || quote_literal(current_setting('hba_file')); end $$",
		"select pg_reload_conf()", "create role locked login password 'invented-for-the-screens'", "create role reader login",
		"grant pg_read_all_stats to reader", "create database "+template); err != nil {
		return nil, err
	}
	known, err := keys()
	if err != nil {
		return nil, err
	}
	ring, err := crypto.NewKeyring(0, known)
	if err != nil {
		return nil, err
	}
	if err := testenv.Exec(ctx, server.URL("postgres", template), testdata.Schema, "grant select on all tables in schema public to reader"); err != nil {
		return nil, err
	}
	if _, err = sampledata.Fill(ctx, server.URL("postgres", template), ring, users); err != nil {
		return nil, err
	}
	return server, testenv.Exec(ctx, server.URL("postgres", template), "analyze")
})

// copying keeps two tests from copying the template at once, which PostgreSQL refuses.
var copying sync.Mutex

// deployment is an OCMT database whose values are under version 0, and a folder that ocmt runs in.
type deployment struct {
	t       *testing.T
	server  *testenv.Postgres
	name    string
	dir     string
	environ []string
}

// databases counts the databases. Their names are of one length, so that lines break alike.
var databases atomic.Int64

// folderAs is what a folder is called in the golden files. Folders have names as long as this one, so that lines break where they do on
// the screen.
const folderAs = "/srv/ocmt"

// makeFolder makes the folder of one deployment.
func makeFolder(t *testing.T) string {
	t.Helper()
	for {
		folder := fmt.Sprintf("/tmp/%04x", rand.N(1<<16))
		err := os.Mkdir(folder, 0o700)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(folder) })
		return folder
	}
}

// deploy makes a deployment.
func deploy(t *testing.T) *deployment {
	t.Helper()
	server, err := server()
	if err != nil {
		t.Fatal(err)
	}
	known, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, server: server, name: fmt.Sprintf("prod_%d", 10+databases.Add(1)), dir: makeFolder(t)}
	copying.Lock()
	defer copying.Unlock()
	if err := testenv.Exec(t.Context(), server.URL("postgres", "postgres"), "create database "+d.name+" template "+template); err != nil {
		t.Fatal(err)
	}
	d.environ = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TMPDIR=" + d.dir, "USER=olga", "LANG=C.UTF-8", "TZ=UTC", "SHELL=/bin/sh",
		"GOCOVERDIR=" + os.Getenv("GOCOVERDIR"), "GORACE=atexit_sleep_ms=0",
		"DATABASE_URL=" + server.TCPURL("postgres", d.name), "ENCRYPTION_KEY_VERSION=1",
		"ENCRYPTION_KEY=" + known[1].Reveal(), "ENCRYPTION_KEY_V0=" + known[0].Reveal()}
	return d
}

// set sets a variable; "NAME=" takes it away.
func (d *deployment) set(variables ...string) { d.environ = append(d.environ, variables...) }

// exec runs statements in the database.
func (d *deployment) exec(statements ...string) {
	d.t.Helper()
	if err := testenv.Exec(d.t.Context(), d.server.URL("postgres", d.name), statements...); err != nil {
		d.t.Fatal(err)
	}
}

// hold runs a statement in a transaction that stays open until release is called or the test ends.
func (d *deployment) hold(statement string) (release func()) {
	d.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, d.server.TCPURL("postgres", d.name)+"&application_name=ocmt-server")
	if err != nil {
		d.t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = conn.Close(ctx) })
	d.t.Cleanup(release)
	if _, err := conn.Exec(ctx, "begin"); err != nil {
		d.t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		d.t.Fatal(err)
	}
	return release
}

// run runs a command line of a shell to its end, and returns what it printed, both outputs in one pipe, and its exit
// status.
func (d *deployment) run(line string) (said string, code int) {
	d.t.Helper()
	command := exec.Command("sh", "-c", line)
	command.Env, command.Dir = d.environ, d.dir
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strings.TrimRight(string(out), "\n"), exit.ExitCode()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.TrimRight(string(out), "\n"), 0
}

// must runs a command line that has to succeed.
func (d *deployment) must(line string) {
	d.t.Helper()
	if said, code := d.run(line); code != 0 {
		d.t.Fatalf("%s ended with %d:\n%s", line, code, said)
	}
}

// open starts a command on a terminal.
func (d *deployment) open(line string, columns int, term string) *tmux.Screen {
	d.t.Helper()
	return tmux.Open(d.t, tmux.Program{Args: []string{"sh", "-c", "exec " + line}, Environ: d.environ, Dir: d.dir, Term: term, Columns: columns})
}

// openAs starts a command on a terminal of a form.
func (d *deployment) openAs(line, form string) *tmux.Screen {
	d.t.Helper()
	switch form {
	case wide:
		return d.open(line, 200, "")
	case dumb:
		return d.open(line, 80, "dumb")
	}
	return d.open(line, 80, "")
}

// begun is a screen as it is kept, of a command that has not ended.
func begun(line, text string) string { return "$ " + line + "\n" + text }

// shown is a screen as it is kept: the command, what it printed, and how it ended.
func shown(line, text string, code int) string {
	return fmt.Sprintf("$ %s\n%s\n[exit status %d]", line, text, code)
}
