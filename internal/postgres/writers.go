package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Writer is a transaction of somebody else that has written and not ended.
type Writer struct {
	ID   string // stays the same until it ends
	Name string // for people
	End  string // the statement that ends it
}

// Writers returns the transactions that have written to tables and not ended. The tables are named as
// SQL writes them; none means every table. A transaction that has written to a table holds a lock on
// it until it ends. Partitions and heirs are locked themselves. Where every table is meant, a lock on
// what nobody else can see yet counts too: it may be a table that the transaction has made and filled.
// In a Citus cluster every node is asked.
func (db *DB) Writers(ctx context.Context, conn *pgconn.PgConn, tables []string) ([]Writer, error) {
	citus, err := db.IsCitus(ctx, conn)
	if err != nil {
		return nil, err
	}
	if citus {
		return writersOfNodes(ctx, conn, tables)
	}
	rows, err := QueryRows(ctx, conn, writersSQL("$1::text[]", "", "true"), TextArray(tables))
	if err != nil {
		return nil, fmt.Errorf("asking who has written to the tables: %w", err)
	}
	return writersOf(rows), nil
}

// writersOf returns the writers of an answer: identity, name and what ends each.
func writersOf(rows [][]string) []Writer {
	writers := make([]Writer, len(rows))
	for i, row := range rows {
		writers[i] = Writer{ID: row[0], Name: row[1], End: row[2]}
	}
	return writers
}

// writersSQL selects the writers of tables, an expression, and of the OIDs that more selects beside them.
// Only those count that a condition holds for.
func writersSQL(tables, more, condition string) string {
	return `with recursive tree(relid) as (select to_regclass(n)::oid from unnest(` + tables + `) n
			union select i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid)
		select distinct l.virtualtransaction,
		case when l.pid is null then coalesce('prepared transaction ' || quote_literal(p.gid) || ' of ' || p.owner || ', since ' || to_char(p.prepared at time zone 'UTC', 'FMDD Mon HH24:MI "UTC"'), 'a prepared transaction')
		else 'process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') || coalesce(' of ' || a.usename, '')
			|| coalesce(', since ' || to_char(a.xact_start at time zone 'UTC', 'FMDD Mon HH24:MI "UTC"'), '') end,
		case when l.pid is null then coalesce('COMMIT PREPARED ' || quote_literal(p.gid) || ' or ROLLBACK PREPARED ' || quote_literal(p.gid), 'COMMIT PREPARED or ROLLBACK PREPARED') else 'SELECT pg_terminate_backend(' || l.pid || ')' end
		from pg_locks l left join pg_stat_activity a on a.pid = l.pid
		left join pg_locks x on l.pid is null and x.pid is null and x.virtualtransaction = l.virtualtransaction
			and x.locktype = 'transactionid' and x.mode = 'ExclusiveLock'
		left join pg_prepared_xacts p on p.transaction = x.transactionid
		where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
		and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
		and case when cardinality(` + tables + `) > 0 then l.relation in (select relid from tree` + more + `)
			else l.relation >= 16384 and not exists (select from pg_class c where c.oid = l.relation and (c.relkind not in ('r', 'm', 'p') or c.relpersistence = 't')) end
		and l.pid is distinct from pg_backend_pid() and ` + condition
}
