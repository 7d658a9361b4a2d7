package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// otherClients selects the client connections of other programs to this database. The type of a connection that the
// account may not see is NULL. The server's own processes have no account. A pool may append the client's address to the
// name of a program.
const otherClients = ` from pg_stat_activity
	where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null
	and split_part(application_name, ' - ', 1) <> split_part(current_setting('application_name'), ' - ', 1)
	and coalesce(backend_type, 'client backend') = 'client backend'`

// workedLately is the condition that a connection has ended a statement in the last ten seconds: a server that writes a
// value now and then is between two statements at almost every moment. One that was only made has no statement yet.
const workedLately = `query <> '' and state_change > now() - interval '10 seconds'`

// othersSQL counts those that are active or were lately, and those whose state cannot be seen: where the server keeps no
// states, the state is disabled.
const othersSQL = `select count(*)` + otherClients + `
	and (backend_type is null or state in ('active', 'fastpath function call', 'disabled') or ` + workedLately + `)`

// CountOthers counts the connections of other programs to the database that are active,
// or were a moment ago. Connections whose state the account may not see count too.
func (db *DB) CountOthers(ctx context.Context) (int, error) {
	return db.queryNumber(ctx, othersSQL, "counting who else is at work in the database")
}

// Others are the connections of other programs to the database.
type Others struct {
	AtWork int // active, in a transaction, or with a statement that ended in the last ten seconds
	Hidden int // whose state the account may not see, or the server does not keep
}

// atWorkSQL counts those that are at work, and those whose state cannot be seen. A connection that is being made has no
// state yet, or is starting: it is neither.
const atWorkSQL = `select count(*) filter (where state in ('active', 'fastpath function call') or state like 'idle in transaction%' or ` + workedLately + `),
	count(*) filter (where backend_type is null or state = 'disabled')` + otherClients

// LookAtOthers counts the connections of other programs to the database that are at work, and says how many cannot be
// seen. CountOthers is for pacing: it counts both together, but for a transaction that has been idle for long.
func (db *DB) LookAtOthers(ctx context.Context) (others Others, err error) {
	err = db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := QueryRows(ctx, conn, atWorkSQL)
		if err != nil {
			return fmt.Errorf("counting who else is at work in the database: %w", err)
		}
		others = Others{AtWork: int(ParseNumber(rows[0][0])), Hidden: int(ParseNumber(rows[0][1]))}
		return nil
	})
	return others, err
}

// freeSQL returns how many more connections the server, the database and the account
// allow. The limits of database and account do not hold for a superuser.
// The function below pg_stat_activity is planned in a tenth of the time of the view.
const freeSQL = `with used as materialized (select datid, usesysid from pg_stat_get_activity(null) where usesysid is not null),
	account as materialized (select oid, rolsuper, rolconnlimit from pg_roles where rolname = current_user)
	select least(
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - (select count(*) from used),
	(select nullif(datconnlimit, -1) - (select count(*) from used where datid = d.oid) from pg_database d where datname = current_database() and not (select rolsuper from account)),
	(select nullif(rolconnlimit, -1) - (select count(*) from used where usesysid = a.oid) from account a where not rolsuper))`

// FreeConnections returns how many more connections could be made.
func (db *DB) FreeConnections(ctx context.Context) (int, error) {
	return db.queryNumber(ctx, freeSQL, "asking how many connections the server takes")
}

// queryNumber asks a question whose answer is one number.
func (db *DB) queryNumber(ctx context.Context, sql, purpose string) (number int, err error) {
	err = db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := QueryRows(ctx, conn, sql)
		if err != nil {
			return fmt.Errorf("%s: %w", purpose, err)
		}
		number = int(ParseNumber(rows[0][0]))
		return nil
	})
	return number, err
}
