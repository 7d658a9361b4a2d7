package faults_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// holder is a transaction of somebody else.
type holder struct {
	t *testing.T
	pgx.Tx
}

func (d *deployment) hold(sql string) holder {
	d.t.Helper()
	h := holder{t: d.t}
	var err error
	if h.Tx, err = d.connect().Begin(context.Background()); err != nil {
		d.t.Fatal(err)
	}
	if _, err := h.Exec(context.Background(), sql); err != nil {
		d.t.Fatal(err)
	}
	return h
}

func (h holder) free() {
	h.t.Helper()
	if err := h.Rollback(context.Background()); err != nil { // it was held all the time
		h.t.Fatal(err)
	}
}

// If this fails, a run that meets a statement that takes too long has lost
// something, or its operator cannot tell which limit it met.
func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(400, 0)
	held := d.hold("select from secrets where key = 'secret 7' for update")
	d.rotate("--lock-timeout", "1h", "--statement-timeout", "500ms").
		ends(1, "longer than the statement timeout", "next: raise --statement-timeout")
	held.free()
	d.goOn()
}

// If this fails, one row that a server holds for a while ends a whole rotation,
// or is left under the old key while the run says that it is done.
func TestRowLockedForAWhile(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(400, 0)
	held := d.hold("select from secrets where key in ('secret 7', 'secret 300') for update")
	run := d.rotate("--lock-timeout", "500ms")
	run.untilWaiting()
	// Where a second wait begins, the first has met the limit.
	waits := map[int]bool{}
	eventually(t, "a second wait for the row", func() bool {
		if d.waiting() > 0 {
			began, err := d.ask(`select coalesce(max(extract(epoch from query_start) * 10), 0)::bigint from pg_stat_activity
				where datname = current_database() and application_name like 'ocmt%' and wait_event_type = 'Lock'`)
			if err == nil && began > 0 {
				waits[began] = true
			}
		}
		return run.over() || len(waits) > 1
	})
	held.free()
	run.ends(0, "changed or locked by the servers meanwhile and met again")
	d.allMoved()
	d.goOn()
}

// If this fails, a row that is never freed keeps a run going for ever, or is
// passed over in silence and lost with the old key.
func TestRowLockedThroughout(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(400, 0)
	held := d.hold("select from secrets where key = 'secret 7' for update")
	d.rotate("--lock-timeout", "50ms").ends(4, "locked by another transaction all the time", "pg_stat_activity", "Remove no key")
	if moved := d.check(); moved == 0 || moved == 400 {
		t.Errorf("%d rows are moved, want all but those that are written with the one that is held", moved)
	}
	held.free()
	d.goOn()
}

// If this fails, a server that updates rows in another order than the run does
// ends the rotation, or has its own write undone by it.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	// One page, which is written three rows at a time, the larger ones first, and
	// among the equally large in the order of their places.
	d.fill(48, 0)
	first, second := secretName(31), secretName(32)
	// The run asks for a deadlock later than the other side begins to wait, and so
	// is the one that gives way; should it not, the other one is.
	d.exec("alter database " + d.name + " set deadlock_timeout = '3s'")
	write := func(h holder, name string) error {
		_, err := h.Exec(context.Background(), "update secrets set value_encrypted = $2 where key = $1", name, d.seal(1, plaintextOf(name+" anew", 0)))
		return err
	}
	other := d.hold("set local deadlock_timeout = '60s'")
	if err := write(other, second); err != nil {
		t.Fatal(err)
	}
	run := d.rotate("--lock-timeout", "1h", "--statement-timeout", "2h")
	run.untilWaiting()
	err := write(other, first)
	if err == nil {
		err = other.Commit(context.Background())
	}
	if err == nil {
		for _, name := range []string{first, second} {
			d.record.set(place{"secrets", "value_encrypted", name}, plaintextOf(name+" anew", 0))
		}
		run.ends(0, "changed or locked by the servers meanwhile and met again")
	} else {
		t.Logf("the other side gave way: %v", err)
		_ = other.Rollback(context.Background())
		run.ends(0)
	}
	eventually(t, "the server to count a deadlock", func() bool {
		return d.number("select deadlocks from pg_stat_database where datname = current_database()") > 0
	})
	d.allMoved()
	d.goOn()
}

// writers are servers on version 1 that go on writing: each has rows of its own,
// and the record knows what the database acknowledged.
type writers struct {
	stop   chan struct{}
	group  sync.WaitGroup
	writes atomic.Int64
}

// startWriters starts so many of them at an address. Before each write they read what
// the others write, so that serializable transactions conflict.
func (d *deployment) startWriters(address string, count int, begin string) *writers {
	d.t.Helper()
	w := &writers{stop: make(chan struct{})}
	for i := range count {
		config, err := pgx.ParseConfig(address)
		if err != nil {
			d.t.Fatal(err)
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing stays prepared, for pools
		conn, err := pgx.ConnectConfig(context.Background(), config)
		if err != nil {
			d.t.Fatal(err)
		}
		w.group.Go(func() {
			defer func() { _ = conn.Close(context.Background()) }()
			for n := 0; ; n++ {
				select {
				case <-w.stop:
					return
				default:
				}
				if err := d.writeOne(conn, begin, i, n, count); err != nil {
					d.t.Errorf("writer %d: %v", i, err)
					return
				}
				w.writes.Add(1)
			}
		})
	}
	d.t.Cleanup(w.end)
	return w
}

// writeOne writes one row again until the server takes it, every third time a new
// one, which it removes the time after.
func (d *deployment) writeOne(conn *pgx.Conn, begin string, writer, n, writers int) error {
	name := secretName((n*writers + writer) % 200)
	sql := "update secrets set value_encrypted = $2, updated_at = now() where key = $1"
	plain := plaintextOf(fmt.Sprintf("%s, write %d", name, n), 0)
	switch n % 3 {
	case 1:
		name, sql = fmt.Sprintf("writer %d", writer), "insert into secrets (key, value_encrypted) values ($1, $2)"
	case 2:
		name, sql = fmt.Sprintf("writer %d", writer), "delete from secrets where key = $1 and $2 <> ''"
	}
	at := place{"secrets", "value_encrypted", name}
	for {
		err := d.inTransaction(conn, begin, func(tx pgx.Tx) error {
			var read int
			if err := tx.QueryRow(context.Background(), "select count(*) from secrets where key like 'secret 1%'").Scan(&read); err != nil {
				return err
			}
			_, err := tx.Exec(context.Background(), sql, name, d.seal(1, plain))
			return err
		})
		var answer *pgconn.PgError
		switch {
		case errors.As(err, &answer) && (answer.Code == "40001" || answer.Code == "40P01"):
			continue // not written, and the servers of OCMT try again too
		case err != nil:
			return err
		case n%3 == 2:
			d.record.remove(at)
		default:
			d.record.set(at, plain)
		}
		return nil
	}
}

func (d *deployment) inTransaction(conn *pgx.Conn, begin string, work func(pgx.Tx) error) error {
	ctx := context.Background()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		_ = tx.Rollback(ctx)
		return err
	}
	return tx.Commit(ctx)
}

// end ends the writers and returns when the last one has ended.
func (w *writers) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.group.Wait()
}

// If this fails, a deployment whose accounts work in serializable transactions
// cannot be rotated, or loses writes to the rotation.
func TestSerializationFailure(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(pick(3000, 20_000), 0)
	d.exec("alter database " + d.name + " set default_transaction_isolation = 'serializable'")
	w := d.startWriters(d.server.URL("postgres", d.name), 2, "begin")
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	eventually(t, "the servers to write", func() bool { return run.over() || w.writes.Load() > 100 })
	run.hurry()
	run.ends(0)
	w.end()
	d.allMoved()
	d.goOn()
}

// If this fails, a plan waits for hours behind a table that somebody holds locked, and says nothing.
func TestTableLockedDuringPlan(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(20, 0)
	holder := d.hold("lock table secrets in access exclusive mode")
	d.rotate("--lock-timeout", "300ms", "--dry-run").ends(1, "is locked by backend", "pg_terminate_backend")
	holder.free()
	d.goOn()
}
