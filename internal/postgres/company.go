package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// others counts the client connections of other programs to this database that
// work, or did in the last seconds. The state of a connection that the account may
// not see comes as NULL, and so does its type; where the server keeps no states,
// as disabled. The server's own processes have no account. A pool may put the
// client's address behind the name of a program.
const others = `select count(*) from pg_stat_activity
	where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null
	and split_part(application_name, ' - ', 1) <> split_part(current_setting('application_name'), ' - ', 1)
	and coalesce(backend_type, 'client backend') = 'client backend'
	and (state is null or state in ('active', 'disabled') or state_change > now() - interval '10 seconds')`

// Others implements migrate.Store.
func (s *Store) Others(ctx context.Context) (int, error) {
	return s.count(ctx, others, "counting who else is at work in the database")
}

// room is how many connections more the server, the database and the account
// take.
const room = `select least(
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - (select count(*) from pg_stat_activity where usesysid is not null),
	(select nullif(datconnlimit, -1) from pg_database where datname = current_database())
		- (select count(*) from pg_stat_activity where datname = current_database() and usesysid is not null),
	(select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user)
		- (select count(*) from pg_stat_activity where usename = current_user))`

// Room returns how many connections more could be made.
func (s *Store) Room(ctx context.Context) (free int, err error) {
	return s.count(ctx, room, "asking how many connections the server takes")
}

// count asks a question that is answered by one number.
func (s *Store) count(ctx context.Context, sql, purpose string) (count int, err error) {
	err = s.with(ctx, func(conn *pgconn.PgConn) error {
		rows, err := rowsOf(ctx, conn, sql)
		if err != nil {
			return fmt.Errorf("%s: %w", purpose, err)
		}
		count = int(number(rows[0][0]))
		return nil
	})
	return count, err
}
