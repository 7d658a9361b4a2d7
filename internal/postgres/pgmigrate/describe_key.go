package pgmigrate

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// keyOperatorsSQL asks which operators an index of a column compares its values with, as btree of their type does by
// default: only a superuser makes such a class. It returns none where they are PostgreSQL's own.
const keyOperatorsSQL = `with recursive base(oid, next) as (
		select t.oid, t.typbasetype from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = $1::oid and a.attname = $2
		union all select t.oid, t.typbasetype from base join pg_type t on t.oid = base.next)
	select format_type(base.oid, null), n.nspname from base
	join pg_opclass c on c.opcintype = base.oid and c.opcdefault
	join pg_am m on m.oid = c.opcmethod and m.amname = 'btree'
	join pg_amop p on p.amopfamily = c.opcfamily and p.amoplefttype = base.oid and p.amoprighttype = base.oid and p.amopstrategy = 3
	join pg_operator o on o.oid = p.amopopr join pg_namespace n on n.oid = o.oprnamespace
	where base.next = 0 and n.nspname <> 'pg_catalog' and o.oprname = '='`

// describeKeyOperators fills in the operators that compare keys.
func describeKeyOperators(ctx context.Context, conn *pgconn.PgConn, oid string, table *migrate.Table) error {
	rows, err := postgres.QueryRows(ctx, conn, keyOperatorsSQL, oid, table.Key)
	if err == nil && len(rows) > 0 {
		table.KeyBase, table.KeyOperators = rows[0][0], rows[0][1]
	}
	return err
}
