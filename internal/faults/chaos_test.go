package faults_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// chaos is a deployment in which everything happens at once: servers write, tables are
// rewritten, altered and renamed, transactions stay open or are prepared, copies come and go,
// and the primary fails over to its standby.
type chaos struct {
	t    *testing.T
	name string // of the database
	keys []crypto.Key

	writes atomic.Int32 // the version that the servers write under
	stop   chan struct{}
	group  sync.WaitGroup
	acts   [9]atomic.Int64 // what was done, by kind

	// quiet is held for reading by whatever happens, from its beginning to its end, and for
	// writing by the judge.
	quiet sync.RWMutex

	mu      sync.Mutex // guards the servers
	primary *testenv.Postgres
	standby *testenv.Postgres
}

const chaosSettings = "max_prepared_transactions = 16"

// chaosTables are made beside those of OCMT.
const chaosTables = `create table notes (id serial primary key, body text);
	create table history (id serial primary key, body jsonb);
	create function keep() returns trigger language plpgsql as $$ begin insert into history (body) values (jsonb_build_object('old', old.value_encrypted)); return null; end $$`

// If this fails, an operator is told that a key may go while a value in the database still needs
// it: the most dangerous sentence of this tool is not true.
func TestChaos(t *testing.T) {
	t.Parallel()
	c := &chaos{t: t, stop: make(chan struct{}), primary: startServer(t, false, chaosSettings)}
	var err error
	if c.name, err = c.primary.CreateDatabase(t.Context(), testdata.Schema, chaosTables); err != nil {
		t.Fatal(err)
	}
	c.makeKeys()
	c.fill(400)
	c.startStandby()
	defer c.group.Wait()
	defer close(c.stop) // before the servers end
	for _, every := range []struct {
		pause time.Duration
		act   func(context.Context, *pgx.Conn) error
	}{
		{2 * time.Millisecond, c.write}, {3 * time.Millisecond, c.write}, {20 * time.Millisecond, c.writeSlowly},
		{900 * time.Millisecond, c.prepare}, {700 * time.Millisecond, c.rewrite}, {1100 * time.Millisecond, c.alter},
		{1700 * time.Millisecond, c.rename}, {1000 * time.Millisecond, c.copyAside}, {700 * time.Millisecond, c.keepHistory},
	} {
		c.group.Go(func() { c.repeat(every.pause, every.act) })
	}
	c.group.Go(c.failOver)
	c.rotateUntil(time.Now().Add(time.Duration(pick(1, 20)) * time.Minute))
}

// rotateUntil rotates there, and sometimes back, and judges each time that a key may go.
func (c *chaos) rotateUntil(end time.Time) {
	said, least := 0, pick(2, 10)
	// On a machine with other work it takes longer until it was said often enough.
	atLast := end.Add(5 * time.Minute)
	for from, round := 0, 1; (time.Now().Before(end) || said < least && time.Now().Before(atLast)) && from < len(c.keys)-1; round++ {
		limit := end
		if said < least {
			limit = atLast
		}
		to := from + 1
		c.writes.Store(int32(to))
		if !c.untilSaid(limit, to, from, to, "rotate", "--from-version", strconv.Itoa(from)) {
			break
		}
		said++
		if round%3 > 0 {
			from = to
			continue
		}
		c.run(to, from, "rotate", "rollback", "--to-version", strconv.Itoa(from))
		c.writes.Store(int32(from))
		if !c.untilSaid(limit, from, to, from, "rotate", "rollback", "--to-version", strconv.Itoa(from)) {
			break
		}
		said++
	}
	done := make([]int64, len(c.acts))
	for i := range done {
		done[i] = c.acts[i].Load()
	}
	c.t.Logf("a key may go: said %d times; acts %v", said, done)
	if said < least {
		c.t.Errorf("it was said %d times that a key may go, so that this test shows little", said)
	}
	for i, n := range done {
		if n == 0 {
			c.t.Errorf("act %d never happened", i)
		}
	}
}

// untilSaid runs ocmt until it says that a key may go, and judges that. It reports false where
// the time was up before.
func (c *chaos) untilSaid(end time.Time, current, other, to int, args ...string) bool {
	for time.Now().Before(end) {
		if said := c.run(current, other, args...); strings.Contains(said, "may be removed") {
			c.judge(to, said)
			if proven := c.run(current, other, "migrate", "verify", "--output", "json"); strings.Contains(proven, `"proven": true`) {
				c.judge(to, proven)
			}
			return true
		}
	}
	return false
}

// run runs ocmt with the key of a version as the current one, and with another one.
func (c *chaos) run(current, other int, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	primary, standby := c.servers()
	command := exec.CommandContext(ctx, program(c.t), append(args, "--allow-empty")...)
	command.Dir = c.t.TempDir()
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + command.Dir, "USER=tester", "GORACE=atexit_sleep_ms=0",
		"OCMT_STATEMENT_TIMEOUT=2s", "OCMT_LOCK_TIMEOUT=1s", "OCMT_PACE=full", "DATABASE_URL=" + bothHosts(c.t, primary, standby, c.name),
		"ENCRYPTION_KEY=" + c.keys[current].Reveal(), fmt.Sprintf("ENCRYPTION_KEY_VERSION=%d", current),
		fmt.Sprintf("ENCRYPTION_KEY_V%d=%s", other, c.keys[other].Reveal())}
	said, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	if raw := raw.FindString(string(said)); raw != "" && !slices.Contains(args, "json") { // a document has evidence
		c.t.Errorf("it says %q, which is for programmers:\n%s", raw, said)
	}
	return string(said)
}

// bothHosts is the address of a primary and of its standby.
func bothHosts(t *testing.T, primary, standby *testenv.Postgres, name string) string {
	hosts, ports := []string{}, []string{}
	for _, server := range []*testenv.Postgres{primary, standby} {
		path := socket(t, server)
		at := strings.LastIndexByte(path, '/')
		hosts, ports = append(hosts, path[:at]), append(ports, path[strings.LastIndexByte(path, '.')+1:])
	}
	return fmt.Sprintf("host=%s port=%s dbname=%s user=postgres sslmode=disable", strings.Join(hosts, ","), strings.Join(ports, ","), name)
}

// anyCiphertext matches each value of this deployment, wherever it stands.
var anyCiphertext = regexp.MustCompile(`v([0-9]+):([A-Za-z0-9+/]{22}==):([A-Za-z0-9+/]{22}==):([A-Za-z0-9+/=]+)`)

// judge waits until nothing happens any more, and looks at every text of the database without
// any code of the tool: all must open with one key.
func (c *chaos) judge(version int, said string) {
	c.quiet.Lock()
	defer c.quiet.Unlock()
	ctx := context.Background()
	conn := c.connect()
	if conn == nil {
		c.t.Fatal("no connection although nothing happens")
	}
	defer func() { _ = conn.Close(ctx) }()
	gcm := newGCM(c.t, c.keys[version])
	rows, err := conn.Query(ctx, `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'm') and n.nspname !~ '^pg_|^information_schema$' order by 1`)
	if err != nil {
		c.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		c.t.Fatal(err)
	}
	found := 0
	for _, table := range tables {
		rows, err := conn.Query(ctx, "select t::text from "+table+" t")
		if err != nil {
			c.t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			c.t.Fatal(err)
		}
		for _, text := range texts {
			for _, parts := range anyCiphertext.FindAllStringSubmatch(text, -1) {
				found++
				if parts[1] != strconv.Itoa(version) || !opens(gcm, parts[2:]) {
					c.t.Fatalf("a value of %s is under version %s, and it was said that only version %d is needed:\n%s", table, parts[1], version, said)
				}
			}
		}
	}
	if found < 100 {
		c.t.Errorf("the judge found %d values, so that it looks at the wrong thing", found)
	}
}

func newGCM(t *testing.T, key crypto.Key) cipher.AEAD {
	t.Helper()
	bytes, err := hex.DecodeString(key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(bytes)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, 16)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

// opens reports whether IV, tag and body open.
func opens(gcm cipher.AEAD, parts []string) bool {
	var bytes [3][]byte
	for i := range bytes {
		var err error
		if bytes[i], err = base64.StdEncoding.DecodeString(parts[i]); err != nil {
			return false
		}
	}
	_, err := gcm.Open(nil, bytes[0], append(bytes[2], bytes[1]...), nil)
	return err == nil
}

// makeKeys makes more keys than there are rotations.
func (c *chaos) makeKeys() {
	for range pick(500, 5000) {
		key, err := crypto.GenerateKey(rand.Reader)
		if err != nil {
			c.t.Fatal(err)
		}
		c.keys = append(c.keys, key)
	}
}

// seal returns a value as a server writes it now.
func (c *chaos) seal() string {
	version := int(c.writes.Load())
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: c.keys[version]})
	if err != nil {
		panic(err)
	}
	sealed, err := ring.Seal([]byte("MARKED-PLAINTEXT of chaos"), rand.Reader)
	if err != nil {
		panic(err)
	}
	return sealed.String()
}

// dice returns a number below most.
func dice(most int64) int64 {
	n, err := rand.Int(rand.Reader, big.NewInt(most))
	if err != nil {
		panic(err)
	}
	return n.Int64()
}

func (c *chaos) fill(rows int) {
	conn := c.connect()
	defer func() { _ = conn.Close(context.Background()) }()
	for n := range rows {
		if _, err := conn.Exec(context.Background(), "insert into secrets (key, value_encrypted) values ($1, $2)", secretName(n), c.seal()); err != nil {
			c.t.Fatal(err)
		}
		if _, err := conn.Exec(context.Background(), "insert into alert_channels (name, channel_type, config_encrypted) values ($1, 'mail', $2)", secretName(n), c.seal()); err != nil {
			c.t.Fatal(err)
		}
	}
}
