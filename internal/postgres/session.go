package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The settings of a connection are these, whatever the server, the database or the account says. Nothing ends a
// connection of ours that waits, or that reads for long: a paused run waits for hours. A process whose machine is
// gone is noticed by the server within two minutes, so that its lock does not stay. On a direct connection the
// settings hold for the session. Behind a pool that hands out transactions a session belongs to many, so that the
// settings go into each transaction and end with it.

// limitsKey is where a connection through a pool keeps what its transactions set, as a []setting.
const limitsKey = "ocmt.limits"

// setting is the name of a setting of the server, and its value.
type setting struct{ name, value string }

// settings are what a session is given, as far as the server knows the names. Times are in milliseconds, those of
// keepalives in seconds.
func (db *DB) settings() []setting {
	return []setting{
		{"lock_timeout", strconv.FormatInt(db.options.LockTimeout.Milliseconds(), 10)},
		{"statement_timeout", strconv.FormatInt(db.options.StatementTimeout.Milliseconds(), 10)},
		{"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},
		{"transaction_timeout", "0"},
		{"jit", "off"}, // questions to the catalogues look dear to the planner, and take a second to compile
		{"tcp_keepalives_idle", "60"},
		{"tcp_keepalives_interval", "10"},
		{"tcp_keepalives_count", "6"},
	}
}

// limitsSQL selects names of settings with the values that they get: those of settings that the server knows, and 0
// for every other limit in time of the server itself that an account may set. Two are left: one is of replication, and
// one of the network, which keepalives are for too. The columns are name and value.
func (db *DB) limitsSQL() string {
	var values []string
	for _, one := range db.settings() {
		values = append(values, "('"+one.name+"', '"+one.value+"')")
	}
	return `select s.name, coalesce(wanted.value, '0') as value from pg_catalog.pg_settings s
		left join (values ` + strings.Join(values, ", ") + `) wanted(name, value) on wanted.name = s.name
		where wanted.name is not null or s.name like '%timeout%' and s.name not like '%.%' and s.context = 'user' and s.vartype = 'integer'
		and s.min_val = '0' and s.setting <> '0' and s.name not in ('tcp_user_timeout', 'wal_sender_timeout')`
}

// prepareSession gives a new connection its settings, and reports whether it is direct.
func (db *DB) prepareSession(ctx context.Context, conn *pgconn.PgConn) (direct bool, err error) {
	path, err := leavePath(ctx, conn)
	if err != nil {
		return false, err
	}
	if path.direct {
		return true, db.setSession(ctx, conn)
	}
	if err := db.tryTransaction(ctx, conn); err != nil {
		return false, err
	}
	rows, err := QueryRows(ctx, conn, db.limitsSQL())
	if err != nil {
		return false, fmt.Errorf("preparing a connection: %w", err)
	}
	limits := []setting{}
	for _, row := range rows {
		if strings.HasSuffix(row[0], "timeout") && row[0] != "idle_session_timeout" || row[0] == "jit" {
			limits = append(limits, setting{row[0], row[1]})
		}
	}
	conn.CustomData()[limitsKey] = limits
	return false, nil
}

// tryTransaction finds out whether a pool keeps a backend for a whole transaction. Behind one that gives it for a
// statement only, settings, locks and snapshots would go to whoever comes next, so nothing may be done there. The first
// connection finds out for all. The error is a *ConnectError.
func (db *DB) tryTransaction(ctx context.Context, conn *pgconn.PgConn) error {
	if db.transactions.Load() {
		return nil
	}
	for _, statement := range []string{"begin", "rollback"} { // in one message they would end before the pool looks
		if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
			return db.connectError(ctx, err)
		}
	}
	db.transactions.Store(true)
	return nil
}

// setSession gives a direct connection its settings.
func (db *DB) setSession(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := QueryRows(ctx, conn, "select pg_catalog.set_config(l.name, l.value, false) from ("+db.limitsSQL()+") l"); err != nil {
		return fmt.Errorf("preparing a connection: %w", err)
	}
	return nil
}

// prepareShort gives a connection for short questions its settings.
func (db *DB) prepareShort(ctx context.Context, conn *pgconn.PgConn) error {
	_, err := db.prepareSession(ctx, conn)
	return err
}

// limitsOf returns what transactions of a connection set, nil where its session has the settings.
func limitsOf(conn *pgconn.PgConn) []setting {
	limits, _ := conn.CustomData()[limitsKey].([]setting)
	return limits
}

// beginSQL returns the statements that begin a transaction on a connection with its settings. They take no snapshot.
func beginSQL(conn *pgconn.PgConn, how string) string {
	sql := Begin(how)
	for _, limit := range limitsOf(conn) {
		sql += "; set local " + limit.name + " = " + limit.value
	}
	return sql
}
