package testenv

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// StartStandby copies a running server and starts the copy as a streaming
// standby of it, on a socket of its own. Settings are lines of postgresql.conf,
// such as recovery_min_apply_delay = '5s'. The standby is durable if its primary is.
func StartStandby(ctx context.Context, primary *Postgres, settings ...string) (*Postgres, error) {
	return newPostgres(ctx, primary.packed, primary.durable, func(p *Postgres) error {
		if err := p.copyOf(ctx, primary); err != nil {
			return fmt.Errorf("copying the primary: %w", err)
		}
		return p.launch(ctx, settings)
	})
}

// copyOf fills the folder of the data from a running primary. The packages of other versions have
// no pg_basebackup: there the files are copied between the two calls that begin and end a backup.
func (p *Postgres) copyOf(ctx context.Context, primary *Postgres) error {
	if primary.packed == "" {
		return p.run(ctx, "pg_basebackup", "-h", primary.folder, "-p", strconv.Itoa(primary.port), "-U", "postgres",
			"-D", p.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	}
	conn, err := pgconn.Connect(ctx, primary.URL("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	begin, end := "select pg_backup_start('standby', true)", "select labelfile from pg_backup_stop(false)"
	if version, _, _ := strings.Cut(conn.ParameterStatus("server_version"), "."); version == "13" || version == "14" {
		begin, end = "select pg_start_backup('standby', true, false)", "select labelfile from pg_stop_backup(false, false)"
	}
	if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
		return err
	}
	copied := exec.CommandContext(ctx, "/bin/sh", "-c", `cp -R "$1" "$2" && rm -f "$2"/postmaster.* && chmod 700 "$2"`, "sh", primary.data(), p.data())
	p.account.apply(copied, p.folder)
	if output, err := copied.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	label := conn.ExecParams(ctx, end, nil, nil, nil, nil).Read()
	if label.Err != nil {
		return label.Err
	}
	return errors.Join(p.account.write(filepath.Join(p.data(), "backup_label"), string(label.Rows[0][0])),
		p.account.write(filepath.Join(p.data(), "standby.signal"), ""),
		p.configure(fmt.Sprintf("primary_conninfo = 'host=%s port=%d user=postgres'", primary.folder, primary.port)))
}

// BecomeStandby starts the server again as a read-only standby, like one that follows a
// primary.
func (p *Postgres) BecomeStandby(ctx context.Context) error {
	if err := p.run(ctx, "pg_ctl", "-D", p.data(), "-m", "fast", "-w", "stop"); err != nil {
		return err
	}
	if err := p.account.write(filepath.Join(p.data(), "standby.signal"), ""); err != nil {
		return err
	}
	return p.start(ctx)
}

// Promote makes a primary of a standby, and returns when it accepts writes.
func (p *Postgres) Promote(ctx context.Context) error {
	return p.run(ctx, "pg_ctl", "-D", p.data(), "-t", startSeconds, "-w", "promote")
}

// LSN returns the position up to which a primary has flushed its log. Everything that is
// committed is before it.
func (p *Postgres) LSN(ctx context.Context) (string, error) {
	lsn, err := p.queryValue(ctx, "select pg_current_wal_flush_lsn()")
	if err != nil {
		return "", fmt.Errorf("asking the primary for its position: %w", err)
	}
	return lsn, nil
}

// WaitStreaming waits until a standby streams and has received the log up to an
// LSN. "0/0" is any position. Readers may not see yet what the standby has received: see
// WaitReplayed.
func (p *Postgres) WaitStreaming(ctx context.Context, lsn string) error {
	return p.await(ctx, "stream up to "+lsn, `select coalesce(pg_last_wal_receive_lsn() >= $1::pg_lsn, false)
		and exists (select from pg_stat_wal_receiver where status = 'streaming')`, lsn)
}

// WaitReplayed waits until readers of a standby see what was committed up to an LSN.
func (p *Postgres) WaitReplayed(ctx context.Context, lsn string) error {
	return p.await(ctx, "replay up to "+lsn, "select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)", lsn)
}

var errNotReached = errors.New("it has not yet")

func (p *Postgres) await(ctx context.Context, what, query string, args ...string) error {
	err := poll(ctx, func(ctx context.Context) error {
		answer, err := p.queryValue(ctx, query, args...)
		if err == nil && answer != "t" {
			return errNotReached
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("waiting for the standby to %s: %w", what, err)
	}
	return nil
}

// ShutDown ends the server in order: what was committed reaches the standbys first.
func (p *Postgres) ShutDown(ctx context.Context) error {
	return p.run(ctx, "pg_ctl", "-D", p.data(), "-m", "fast", "-w", "stop")
}
