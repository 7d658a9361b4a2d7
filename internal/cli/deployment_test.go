package cli_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// patience is how long anything may take that ends by itself. It bounds a test
// that hangs; none waits for it.
const patience = 10 * time.Minute

// The race detector makes each process sleep for a second when it ends. Tests
// and scripts here run ocmt more than a thousand times.
func init() {
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
}

// deployment is an OCMT database with the keys of versions 0 and 1, and a folder
// that ocmt runs in.
type deployment struct {
	url  string
	conn *pgx.Conn
	keys [2]crypto.Key
	dir  string
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	return newDeploymentOn(t, testenv.Shared(t))
}

func newDeploymentOn(t *testing.T, server *testenv.Postgres) *deployment {
	t.Helper()
	ctx := context.Background()
	schema, err := os.ReadFile("../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	name, err := server.CreateDatabase(ctx, string(schema))
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{url: server.URL("postgres", name), dir: t.TempDir()}
	for version := range d.keys {
		if d.keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	d.conn = d.connect(t)
	return d
}

func (d *deployment) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (d *deployment) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (d *deployment) number(t *testing.T, sql string) (n int) {
	t.Helper()
	if err := d.conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *deployment) seal(t *testing.T, version int, plaintext string) string {
	t.Helper()
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: d.keys[version]})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ring.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c.String()
}

// plaintextOf is what the secret of that name is sealed from: so many bytes.
func plaintextOf(name string, size int) string {
	text := "plaintext of " + name
	return text + strings.Repeat(".", max(0, size-len(text)))
}

// fill puts so many values under version 0 into the table secrets.
func (d *deployment) fill(t *testing.T, count, size int) {
	t.Helper()
	_, err := d.conn.CopyFrom(context.Background(), pgx.Identifier{"secrets"}, []string{"key", "value_encrypted"},
		pgx.CopyFromSlice(count, func(n int) ([]any, error) {
			name := fmt.Sprintf("secret %d", n)
			return []any{name, d.seal(t, 0, plaintextOf(name, size))}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
}

// checkSealed opens every value of the table secrets with the key that its label
// names, and returns how many are under version 1.
func (d *deployment) checkSealed(t *testing.T, count, size int) (moved int) {
	t.Helper()
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{0: d.keys[0], 1: d.keys[1]})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := d.conn.Query(context.Background(), "select key, value_encrypted from secrets")
	if err != nil {
		t.Fatal(err)
	}
	var name, text string
	found := 0
	_, err = pgx.ForEachRow(rows, []any{&name, &text}, func() error {
		found++
		c, err := crypto.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		plain, err := ring.Open(c)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if string(plain) != plaintextOf(name, size) {
			return fmt.Errorf("%s opens to another plaintext", name)
		}
		moved += c.Version
		return nil
	})
	if err != nil || found != count {
		t.Fatalf("%d of %d values are there and open with the key that their label names: %v", found, count, err)
	}
	return moved
}

// environ is all that ocmt is given, so that no setting of this machine counts.
// What is given later wins.
func (d *deployment) environ(extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TMPDIR=" + d.dir, "USER=tester",
		"GOCOVERDIR=" + os.Getenv("GOCOVERDIR"),
		"GORACE=" + os.Getenv("GORACE"),
		"DATABASE_URL=" + d.url, "ENCRYPTION_KEY_VERSION=1",
		"ENCRYPTION_KEY=" + d.keys[1].Reveal(), "ENCRYPTION_KEY_V0=" + d.keys[0].Reveal(),
	}, extra...)
}

// process is one run of ocmt.
type process struct {
	*exec.Cmd
	out, errors testenv.Output
	ended       chan struct{} // closed when code is known
	code        int
}

// start starts ocmt as a process of its own. It ends with the test.
func (d *deployment) start(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &process{Cmd: exec.CommandContext(ctx, "ocmt", args...), ended: make(chan struct{})}
	p.Env, p.Dir, p.Stdout, p.Stderr = environ, d.dir, &p.out, &p.errors
	if err := p.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.Wait(); errors.As(err, &exit) {
			p.code = exit.ExitCode() // -1: ended by a signal
		} else if err != nil {
			p.code = -2
		}
	}()
	t.Cleanup(func() { cancel(); <-p.ended })
	return p
}

// run runs ocmt to its end.
func (d *deployment) run(t *testing.T, args ...string) *process {
	t.Helper()
	d.waitForIdle(t)
	p := d.start(t, d.environ(), args...)
	<-p.ended
	return p
}

// waitForIdle returns when the server has seen that every run before is gone: it
// may need a moment to give the lock of a run back.
func (d *deployment) waitForIdle(t *testing.T) {
	t.Helper()
	eventually(t, "the connections of the run before to end", func() bool {
		return d.number(t, `select count(*) from pg_stat_activity where datname = current_database()
			and application_name like 'ocmt%'`) == 0
	})
}

// eventually asks again and again until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !so(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

func (d *deployment) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
