package migrate_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgmigrate"
)

// rests counts rests instead of taking them.
type rests struct{ count atomic.Int64 }

func (n *rests) sleep(time.Duration) { n.count.Add(1) }

// paced runs a whole rotation at a pace and returns how often it rested.
func (d *database) paced(pace migrate.Pace, others int) int64 {
	d.t.Helper()
	ctx := context.Background()
	ring := readVectors(d.t).ring(d.t, 1, 0, 1)
	for i := range 300 {
		d.exec("insert into secrets (key, value_encrypted) values (gen_random_uuid(), $1)", seal(d.t, ring, 0, i%2 == 0, fmt.Sprintf("secret %d", i)))
	}
	taken := &rests{}
	pacing := migrate.NewPacing(pace, time.Now, taken.sleep)
	defer pacing.WatchActivity(ctx, d.db)()
	for pace == migrate.PaceAuto && pacing.Gentle() != (others > 0) {
		d.exec("select pg_sleep(0.01)") // until the other connections were counted
	}
	taken.count.Store(0)
	runner := d.runner(ring)
	runner.Pacing = pacing
	result, err := runner.Run(ctx, d.plan(ring, d.request()))
	if err != nil || result.Moved != 300 || !result.Complete() {
		d.t.Fatalf("the run moved %d of 300 values: %v", result.Moved, err)
	}
	return taken.count.Load()
}

// If this fails, live servers wait behind a run that could give way to them, or a run alone in
// the database is slow.
func TestRunGivesWayWhileOthersWork(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec("set application_name = 'ocmt-test'") // as one of the run's own connections
	if rests := d.paced(migrate.PaceAuto, 0); rests > 0 {
		t.Errorf("the run rested %d times with nobody there", rests)
	}
	other, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	if _, err := other.Exec(context.Background(), "select"); err != nil {
		t.Fatal(err)
	}
	if rests := d.paced(migrate.PaceAuto, 1); rests < 300/64 {
		t.Errorf("the run rested %d times beside another connection", rests)
	}
	if rests := d.paced(migrate.PaceFull, 1); rests > 0 {
		t.Errorf("the run rested %d times though it was told not to", rests)
	}
	if rests := d.paced(migrate.PaceGentle, 0); rests < 300/64 {
		t.Errorf("the run rested %d times though it was told to", rests)
	}
}

// If this fails, an operator reads that others are at work in the database, and waits for connections that were only
// made, or for ocmt itself; or reads that nobody is at work, beside a transaction or servers that write a value now and then.
func TestOthersAtWork(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := newDatabase(t)
	d.exec("set application_name = 'ocmt-test'") // as one of the run's own connections
	d.exec("begin")
	if others, err := countOthers(d.db, 0); err != nil || others != 0 {
		t.Fatalf("%d others before the test has begun: %v", others, err)
	}
	other, err := pgx.Connect(ctx, d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(ctx) }()
	expect := func(situation string, atWork, counted int) {
		t.Helper()
		if others, err := d.db.CountOthers(ctx); err != nil || others != counted {
			t.Errorf("%s: the pace counts %d others, want %d: %v", situation, others, counted, err)
		}
		if others, err := d.db.LookAtOthers(ctx); err != nil || others != (postgres.Others{AtWork: atWork}) {
			t.Errorf("%s: %+v, want %d at work: %v", situation, others, atWork, err)
		}
	}
	expect("a connection that was only made", 0, 0)
	for _, step := range []struct {
		sql             string
		atWork, counted int
	}{{"begin", 1, 1}, {"select 1 / 0", 1, 1}, {"rollback", 1, 1}} {
		if _, err := other.Exec(ctx, step.sql); err != nil && step.sql != "select 1 / 0" {
			t.Fatal(err)
		}
		expect(step.sql, step.atWork, step.counted)
	}
	pid, ended := strconv.Itoa(int(other.PgConn().PID())), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = other.Exec(ctx, "select pg_sleep(60)")
	}()
	for others := (postgres.Others{}); others.AtWork == 0 && err == nil; {
		others, err = d.db.LookAtOthers(ctx)
	}
	if err != nil {
		t.Error(err)
	}
	d.exec("rollback")
	d.exec("select pg_terminate_backend(" + pid + ")")
	<-ended
}

// If this fails, an account that may not see the state of others takes them for absent, and runs
// at full speed beside live servers.
func TestHiddenOthersCount(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec("select 1")
	d.exec("create role " + d.conn.Config().Database + "_blind login")
	t.Cleanup(func() { d.exec("drop role " + d.conn.Config().Database + "_blind") })
	db := d.as(d.conn.Config().Database + "_blind")
	if others, err := countOthers(db, 1); err != nil || others != 1 {
		t.Errorf("saw %d others, want the one whose state is hidden: %v", others, err)
	}
}

// countOthers counts until there are as many as wanted, or time is up: the process of the
// connection that made the database takes a moment to end.
func countOthers(db *postgres.DB, want int) (others int, err error) {
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); {
		if others, err = db.CountOthers(context.Background()); err != nil || others == want {
			return others, err
		}
	}
	return others, err
}

// If this fails, a run takes its own connections for live servers, because the
// server writes their name in another way, and is slow to the end.
func TestOwnConnectionsAreNotOthers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, name := range []string{"ocmt", "rotation für ocmt", strings.Repeat("long", 30)} {
		d := newDatabase(t) // a database of its own has no connection with the name before
		db, err := postgres.New(d.url, postgres.Options{ApplicationName: name})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgmigrate.New(db).Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		d.exec("select 1")
		if others, err := countOthers(db, 1); err != nil || others != 1 {
			t.Errorf("as %q: %d others, want only that of the test: %v", name, others, err)
		}
		conn.Close(ctx)
		db.Close()
	}
}

// If this fails, a run on a server with few connections to spare takes them all, and
// the live servers get none.
func TestWorkersLeaveRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cores, room, want int }{
		{1, 100, 1}, {2, 100, 2}, {64, 100, 4}, {8, 9, 2}, {8, 3, 1}, {8, 0, 1}, {8, -5, 1},
	} {
		if got := migrate.WorkersFor(c.cores, c.room); got != c.want {
			t.Errorf("%d cores and room for %d connections: %d workers, want %d", c.cores, c.room, got, c.want)
		}
	}
	d := newDatabase(t)
	before, err := d.db.FreeConnections(context.Background())
	if err != nil || before < 1 {
		t.Fatalf("room for %d connections: %v", before, err)
	}
	d.exec("alter database " + d.conn.Config().Database + " connection limit 3")
	d.exec("create role many_" + d.conn.Config().Database + " login")
	// Connections that have just ended still count for a moment.
	limited := d.as("many_" + d.conn.Config().Database)
	if now, err := limited.Reserve(context.Background(), 1); err != nil || now > 3 {
		t.Errorf("room for %d connections where the database takes 3: %v", now, err)
	}
	if now, err := d.db.FreeConnections(context.Background()); err != nil || now < 3 {
		t.Errorf("room for %d connections for a superuser, whom the limit does not concern: %v", now, err)
	}
}

// slowCounter answers when it is told to.
type slowCounter struct {
	asked  chan struct{}
	answer chan struct{}
}

// CountOthers implements migrate.ActivityCounter.
func (c slowCounter) CountOthers(ctx context.Context) (int, error) {
	select {
	case c.asked <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case <-c.answer:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// If this fails, a server that hangs looks like a run that is slow, or one that answers is said to
// hang.
func TestSilenceIsMeasured(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	pacing := migrate.NewPacing(migrate.PaceAuto, func() time.Time { return time.Unix(1_700_000_000+now.Load(), 0) }, func(time.Duration) {})
	if got := pacing.Silence(); got != 0 {
		t.Errorf("silent for %s before anything was asked", got)
	}
	counter := slowCounter{make(chan struct{}), make(chan struct{})}
	stop := pacing.WatchActivity(t.Context(), counter)
	<-counter.asked
	now.Add(8)
	if got := pacing.Silence(); got != 8*time.Second {
		t.Errorf("silent for %s, want 8s", got)
	}
	counter.answer <- struct{}{}
	<-counter.asked // the next question, which is asked now
	if got := pacing.Silence(); got != 0 {
		t.Errorf("silent for %s after an answer", got)
	}
	now.Add(3)
	stop()
	if got := pacing.Silence(); got != 0 {
		t.Errorf("silent for %s after the end", got)
	}
	var none *migrate.Pacing
	if none.Silence() != 0 || none.Limit() != 0 {
		t.Error("without a pacing, there is a silence or a limit")
	}
}

// If this fails, a run that a plan file or an order has limited does not keep to it on its own screen.
func TestLimitIsKnown(t *testing.T) {
	t.Parallel()
	pacing := migrate.NewPacing(migrate.PaceFull, time.Now, func(time.Duration) {})
	pacing.SetLimit(500)
	if got := pacing.Limit(); got != 500 {
		t.Errorf("limit %d, want 500", got)
	}
}

// If this fails, the line and the JSON say different things of what a run waits for.
func TestWaitWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wait         migrate.Wait
		text, phrase string
	}{
		{migrate.Wait{}, "", ""},
		{migrate.Wait{Kind: migrate.WaitPause, What: "ada on db1 since 20:14:05 UTC"}, "ocmt migrate resume (paused by ada on db1 since 20:14:05 UTC)", "paused by ada on db1 since 20:14:05 UTC"},
		{migrate.Wait{Kind: migrate.WaitLag, What: "standby s1", Figures: "which is 12s behind (allowed: 10s)"}, "standby s1, which is 12s behind (allowed: 10s)", "waiting for standby s1"},
	} {
		if got := test.wait.String(); got != test.text {
			t.Errorf("text %q, want %q", got, test.text)
		}
		if got := test.wait.Phrase(); got != test.phrase {
			t.Errorf("phrase %q, want %q", got, test.phrase)
		}
	}
}
