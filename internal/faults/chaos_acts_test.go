package faults_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
)

func (c *chaos) servers() (primary, standby *testenv.Postgres) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.primary, c.standby
}

// connect returns a connection to the primary, nil where there is none now.
func (c *chaos) connect() *pgx.Conn {
	primary, _ := c.servers()
	conn, err := pgx.Connect(context.Background(), primary.URL("postgres", c.name))
	if err != nil {
		return nil
	}
	return conn
}

// repeat does something again and again, each time with a pause of up to twice so long. What
// fails, fails: the next time there may be a server, or the table.
func (c *chaos) repeat(pause time.Duration, act func(context.Context, *pgx.Conn) error) {
	ctx := context.Background()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(ctx)
		}
	}()
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(time.Duration(dice(int64(2*pause)) + 1)):
		}
		c.quiet.RLock()
		if conn == nil || conn.IsClosed() {
			conn = c.connect()
		}
		if conn != nil {
			if err := act(ctx, conn); err != nil {
				_, _ = conn.Exec(ctx, "rollback")
			}
		}
		c.quiet.RUnlock()
	}
}

// did counts an act, if it was done.
func (c *chaos) did(kind int, err error) error {
	if err == nil {
		c.acts[kind].Add(1)
	}
	return err
}

// write stores a secret, as a server does.
func (c *chaos) write(ctx context.Context, conn *pgx.Conn) error {
	sql := []string{"update secrets set value_encrypted = $2 where key = $1", "update alert_channels set config_encrypted = $2 where name = $1",
		"insert into secrets (key, value_encrypted) values ($1, $2) on conflict (key) do update set value_encrypted = excluded.value_encrypted"}
	_, err := conn.Exec(ctx, sql[dice(int64(len(sql)))], secretName(int(dice(500))), c.seal())
	return c.did(0, err)
}

// writeSlowly leaves its transaction open for a while.
func (c *chaos) writeSlowly(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "begin"); err != nil {
		return err
	}
	if err := c.write(ctx, conn); err != nil {
		return err
	}
	time.Sleep(time.Duration(dice(int64(400 * time.Millisecond))))
	_, err := conn.Exec(ctx, []string{"commit", "commit", "rollback"}[dice(3)])
	return c.did(1, err)
}

// prepare leaves a prepared transaction for a while.
func (c *chaos) prepare(ctx context.Context, conn *pgx.Conn) error {
	name := fmt.Sprintf("chaos %d", dice(1<<40))
	if _, err := conn.Exec(ctx, "begin"); err != nil {
		return err
	}
	if err := c.write(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "prepare transaction '"+name+"'"); err != nil {
		return err
	}
	time.Sleep(time.Duration(dice(int64(600 * time.Millisecond))))
	_, err := conn.Exec(ctx, []string{"commit", "rollback"}[dice(2)]+" prepared '"+name+"'")
	return c.did(2, err)
}

// rewrite makes new files of a table.
func (c *chaos) rewrite(ctx context.Context, conn *pgx.Conn) error {
	sql := []string{"vacuum full secrets", "cluster secrets using secrets_pkey", "vacuum full alert_channels", "vacuum full notes"}
	_, err := conn.Exec(ctx, sql[dice(int64(len(sql)))])
	return c.did(3, err)
}

// alter changes a table's form, and with it its files.
func (c *chaos) alter(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "alter table secrets add column more text default clock_timestamp()::text")
	if err == nil {
		_, err = conn.Exec(ctx, "alter table secrets drop column more")
	}
	return c.did(4, err)
}

// rename takes a table's name away for a moment.
func (c *chaos) rename(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "alter table alert_channels rename to channels"); err != nil {
		return err
	}
	time.Sleep(time.Duration(dice(int64(20 * time.Millisecond))))
	_, err := conn.Exec(ctx, "alter table channels rename to alert_channels")
	return c.did(5, err)
}

// copyAside copies values to a place that nothing lists, and the next time takes them away. The
// judge may come in between.
func (c *chaos) copyAside(ctx context.Context, conn *pgx.Conn) error {
	sql := []string{"insert into notes (body) select value_encrypted from secrets order by random() limit 3", "delete from notes"}
	_, err := conn.Exec(ctx, sql[c.acts[6].Load()%2])
	return c.did(6, err)
}

// keepHistory has a trigger copy what is replaced, then takes the trigger away, and then the
// copies.
func (c *chaos) keepHistory(ctx context.Context, conn *pgx.Conn) error {
	sql := []string{"create or replace trigger keep after update on secrets for each row execute function keep()",
		"drop trigger if exists keep on secrets", "truncate history"}
	_, err := conn.Exec(ctx, sql[c.acts[7].Load()%3])
	return c.did(7, err)
}

func (c *chaos) startStandby() {
	standby, err := testenv.StartStandby(c.t.Context(), c.primary, chaosSettings)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(standby.Stop)
	c.mu.Lock()
	c.standby = standby
	c.mu.Unlock()
}

// failOver makes a primary of the standby again and again, and a standby of that one. The
// primary is shut down in order, so that nothing that was committed is lost.
func (c *chaos) failOver() {
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(12*time.Second + time.Duration(dice(int64(8*time.Second)))):
		}
		c.quiet.RLock()
		err := c.failOverOnce()
		c.quiet.RUnlock()
		if err != nil {
			select {
			case <-c.stop:
			default:
				c.t.Error(err)
			}
			return
		}
	}
}

func (c *chaos) failOverOnce() error {
	ctx := context.Background()
	primary, standby := c.servers()
	if err := primary.ShutDown(ctx); err != nil {
		return err
	}
	if err := standby.Promote(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	c.primary, c.standby = standby, primary
	c.mu.Unlock()
	if err := c.endPrepared(standby); err != nil {
		return err
	}
	next, err := testenv.StartStandby(ctx, standby, chaosSettings)
	if err != nil {
		return err
	}
	c.t.Cleanup(next.Stop)
	c.mu.Lock()
	c.standby = next
	c.mu.Unlock()
	return c.did(8, nil)
}

// endPrepared ends prepared transactions whose makers lost their connection, and gives a table
// its name back.
func (c *chaos) endPrepared(server *testenv.Postgres) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.URL("postgres", c.name))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "select gid from pg_prepared_xacts")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		_, _ = conn.Exec(ctx, "commit prepared '"+name+"'") // its maker may be quicker
	}
	_, _ = conn.Exec(ctx, "alter table channels rename to alert_channels")
	_, _ = conn.Exec(ctx, "drop trigger if exists keep on secrets")
	_, _ = conn.Exec(ctx, "truncate history, notes")
	return nil
}
