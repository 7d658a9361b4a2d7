package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverCounters are counters of the server and of the table. WAL and heap are in bytes.
type serverCounters struct {
	wal, heap, updates, hot int64
	cpu                     time.Duration // of the server's processes that have ended
}

// readCounters reads the counters once no other connection is left.
func readCounters(ctx context.Context, url string) (s serverCounters, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return s, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var folder string
	if err := conn.QueryRow(ctx, "select current_setting('data_directory')").Scan(&folder); err != nil {
		return s, err
	}
	server, err := readPostmasterPID(folder)
	if err != nil {
		return s, err
	}
	if err := awaitOthers(ctx, conn, server); err != nil {
		return s, err
	}
	if _, err := conn.Exec(ctx, "select pg_stat_clear_snapshot(), pg_stat_force_next_flush()"); err != nil {
		return s, err
	}
	err = conn.QueryRow(ctx, `select pg_current_wal_insert_lsn() - '0/0', pg_relation_size('user_integrations'),
		coalesce(sum(n_tup_upd), 0)::bigint, coalesce(sum(n_tup_hot_upd), 0)::bigint
		from pg_stat_user_tables where relname = 'user_integrations'`).Scan(&s.wal, &s.heap, &s.updates, &s.hot)
	if err != nil {
		return s, err
	}
	s.cpu, err = readEndedCPU(server)
	return s, err
}

// endTimeout is the most time that a backend may take to end once its client has disconnected.
const endTimeout = time.Minute

// awaitOthers returns when all other backends have ended and the server has waited for them,
// because only then the system adds the CPU time of a process to that of its parent. A backend
// leaves the list of the server a moment before it ends, so that list is compared with the
// system's list of the server's children. A round trip is enough of a pause between two queries.
func awaitOthers(ctx context.Context, conn *pgx.Conn, server int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endTimeout, fmt.Errorf("after %s the server still has processes of earlier connections", endTimeout))
	defer cancel()
	for {
		var listed []int
		var others int
		err := conn.QueryRow(ctx, `select array_agg(pid), count(*) filter (where pid <> pg_backend_pid()
			and backend_type in ('client backend', 'parallel worker')) from pg_stat_activity`).Scan(&listed, &others)
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for connections to end: %w", context.Cause(ctx))
		}
		if err != nil {
			return fmt.Errorf("waiting for connections to end: %w", err)
		}
		children, err := listChildren(server)
		if err != nil {
			return err
		}
		ending := slices.ContainsFunc(children, func(pid int) bool { return !slices.Contains(listed, pid) })
		if others == 0 && !ending {
			return nil
		}
	}
}
