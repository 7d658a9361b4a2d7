package migrate_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// writers imitate servers that go on writing during a run. Each owns its rows
// and keeps its own record of what the database acknowledged.
type writers struct {
	version  atomic.Int64
	switched sync.RWMutex // held for writing while the version changes
	records  [4]map[string]string
	stop     chan struct{}
	group    sync.WaitGroup
	writes   atomic.Int64
}

// change makes the writers use another version. When it returns, no write under the version
// before is in flight.
func (w *writers) change(version int64) {
	w.switched.Lock()
	defer w.switched.Unlock()
	w.version.Store(version)
}

func (w *writers) start(t *testing.T, d *database, ring *crypto.Keyring) {
	t.Helper()
	w.stop = make(chan struct{})
	for i := range w.records {
		conn, err := pgx.Connect(context.Background(), d.url)
		if err != nil {
			t.Fatal(err)
		}
		w.group.Go(func() {
			defer func() { _ = conn.Close(context.Background()) }()
			for n := 0; ; n++ {
				select {
				case <-w.stop:
					return
				default:
				}
				if err := w.one(conn, ring, w.records[i], i, n); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
}

func (w *writers) one(conn *pgx.Conn, ring *crypto.Keyring, record map[string]string, writer, n int) error {
	w.switched.RLock()
	defer w.switched.RUnlock()
	defer w.writes.Add(1)
	ctx := context.Background()
	under, err := ring.WithCurrent(int(w.version.Load()))
	if err != nil {
		return err
	}
	plain := fmt.Sprintf("writer %d, write %d", writer, n)
	c, err := under.Seal([]byte(plain), rand.Reader)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("w%d-%d", writer, n%200)
	_, there := record[key]
	switch {
	case !there:
		_, err = conn.Exec(ctx, "insert into secrets (key, value_encrypted) values ($1, $2)", key, c.String())
	case n%7 == 0:
		if _, err = conn.Exec(ctx, "delete from secrets where key = $1", key); err == nil {
			delete(record, key)
		}
		return err
	default:
		_, err = conn.Exec(ctx, "update secrets set value_encrypted = $2, updated_at = now() where key = $1", key, c.String())
	}
	if err == nil {
		record[key] = plain
	}
	return err
}

// switching is a Reporter that switches the servers to the new version in the third pass, so
// that the passes before it run against writes under the old version.
type switching struct {
	silent
	writers *writers
	phases  atomic.Int64
}

func (s *switching) Phase(string) {
	if s.phases.Add(1) == 3 {
		s.writers.change(1)
	}
}

// If this fails, a user has lost what they stored while the operator rotated, or
// the run called itself done while values under the old key were left.
func TestServersWriteMeanwhile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := newDatabase(t)
	v := readVectors(t)
	ring := v.ring(t, 1, 0, 1)
	still := map[place]string{}
	for n := range 2000 {
		plain := fmt.Sprintf("still %d", n)
		still[d.insert("secrets.value_encrypted", seal(t, ring, 0, n%2 == 0, plain))] = plain
	}
	w := &writers{}
	for i := range w.records {
		w.records[i] = map[string]string{}
	}
	w.start(t, d, ring)
	stopped := sync.OnceFunc(func() { close(w.stop); w.group.Wait() })
	defer stopped()

	runner := d.runner(ring)
	runner.Reporter = &switching{writers: w}
	result, err := runner.Run(ctx, d.plan(ring, d.request()))
	if err != nil {
		t.Fatal(err)
	}
	if result.Left != 0 || result.SetAside != 0 {
		t.Errorf("%d left and %d set aside, want none", result.Left, result.SetAside)
	}
	if under := d.texts("select count(*)::text from secrets where value_encrypted not like 'v1:%'")[0]; under != "0" {
		t.Errorf("%s values are still under version 0 after the run", under)
	}
	stopped()
	if w.writes.Load() == 0 {
		t.Fatal("the writers wrote nothing")
	}
	for _, record := range w.records {
		for key, plain := range record {
			still[place{"secrets", "value_encrypted", key}] = plain
		}
	}
	d.checkOpens(still, v.ring(t, 1, 1))
	if count := d.texts("select count(*)::text from secrets")[0]; count != fmt.Sprint(len(still)) {
		t.Errorf("%s rows are there, want %d", count, len(still))
	}
}

// stubborn is a Reporter that lets no pass begin before the servers have written
// something new for it to find, however slow the machine is.
type stubborn struct {
	silent
	t       *testing.T
	writers *writers
}

func (s *stubborn) Phase(string) {
	for enough := s.writers.writes.Load() + 20; s.writers.writes.Load() < enough; {
		if s.t.Failed() {
			return
		}
	}
}

// If this fails, a run against a server that nobody switched reports success, and
// the old key is retired while values are still written under it.
func TestNamesServerThatWasNotSwitched(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ring := readVectors(t).ring(t, 1, 0, 1)
	w := &writers{}
	for i := range w.records {
		w.records[i] = map[string]string{}
	}
	w.start(t, d, ring)
	defer func() { close(w.stop); w.group.Wait() }()
	for w.writes.Load() < 100 { // until there is something to move
		if t.Failed() {
			return
		}
	}
	runner := d.runner(ring)
	runner.Reporter = &stubborn{t: t, writers: w}
	result, err := runner.Run(context.Background(), d.plan(ring, d.request()))
	if err != nil {
		t.Fatal(err)
	}
	if result.Left == 0 || result.Complete() {
		t.Error("the run says that nothing is left while a server writes under version 0")
	}
}

var _ migrate.Reporter = (*switching)(nil)
