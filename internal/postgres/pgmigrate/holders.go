package pgmigrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Holders implements migrate.HolderLister. A transaction that has written to a table holds
// a lock on it until it ends. Partitions and heirs are locked themselves. Where every table is
// meant, a lock on what nobody else can see yet counts too: it may be a table that the transaction
// has made and filled.
func (s *Store) Holders(ctx context.Context, tables []migrate.Table) (holders []migrate.Holder, err error) {
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = postgres.Quote(table.Schema, table.Name)
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, `with recursive tree(relid) as (select to_regclass(n)::oid from unnest($1::text[]) n
				union select i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid)
			select distinct l.virtualtransaction,
			case when l.pid is null then coalesce('prepared transaction ' || quote_literal(p.gid) || ' of ' || p.owner || ', since ' || to_char(p.prepared, 'YYYY-MM-DD HH24:MI:SS'), 'a prepared transaction')
			else 'process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') || coalesce(' of ' || a.usename, '')
				|| coalesce(', since ' || to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS'), '') end,
			case when l.pid is null then coalesce('COMMIT PREPARED ' || quote_literal(p.gid) || ' or ROLLBACK PREPARED ' || quote_literal(p.gid), 'COMMIT PREPARED or ROLLBACK PREPARED') else 'SELECT pg_terminate_backend(' || l.pid || ')' end
			from pg_locks l left join pg_stat_activity a on a.pid = l.pid
			left join pg_locks x on l.pid is null and x.pid is null and x.virtualtransaction = l.virtualtransaction
				and x.locktype = 'transactionid' and x.mode = 'ExclusiveLock'
			left join pg_prepared_xacts p on p.transaction = x.transactionid
			where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
			and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
			and case when cardinality($1::text[]) > 0 then l.relation in (select relid from tree)
				else l.relation >= 16384 and not exists (select from pg_class c where c.oid = l.relation and (c.relkind not in ('r', 'm', 'p') or c.relpersistence = 't')) end
			and l.pid is distinct from pg_backend_pid()`, postgres.TextArray(names))
		if err != nil {
			return fmt.Errorf("asking who has written to the tables: %w", err)
		}
		for _, row := range rows {
			holders = append(holders, migrate.Holder{ID: row[0], Name: row[1], End: row[2]})
		}
		return nil
	})
	return holders, err
}
