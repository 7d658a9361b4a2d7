package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// blockersSQL lists the server processes that hold what connections of this program wait for. The
// program is known by its account, its name and its address; a pool may append the client's address to
// the name. A prepared transaction has the process number 0.
const blockersSQL = `with own as (select client_addr, usesysid, split_part(application_name, ' - ', 1) as name from pg_stat_activity where pid = pg_backend_pid()),
	waiting as (select a.pid from pg_stat_activity a, own where a.datname = current_database() and a.wait_event_type = 'Lock' and a.usesysid = own.usesysid
		and split_part(a.application_name, ' - ', 1) = own.name and a.client_addr is not distinct from own.client_addr),
	blocking as (select distinct b.pid from waiting, unnest(pg_blocking_pids(waiting.pid)) b(pid))
	select b.pid, case when b.pid = 0 then 'a prepared transaction'
		else 'process ' || b.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') || coalesce(' of ' || a.usename, '')
			|| coalesce(', since ' || to_char(a.xact_start at time zone 'UTC', 'FMDD Mon HH24:MI "UTC"'), '') end,
		case when b.pid = 0 then 'COMMIT PREPARED or ROLLBACK PREPARED' else 'SELECT pg_terminate_backend(' || b.pid || ')' end
	from blocking b left join pg_stat_activity a on a.pid = b.pid
	where b.pid not in (select pid from waiting) order by a.xact_start`

// Blockers returns the transactions that hold locks which connections of this program wait for now, the
// oldest first.
func Blockers(ctx context.Context, conn *pgconn.PgConn) ([]Writer, error) {
	rows, err := QueryRows(ctx, conn, blockersSQL)
	if err != nil {
		return nil, fmt.Errorf("asking who holds the locks: %w", err)
	}
	return writersOf(rows), nil
}
