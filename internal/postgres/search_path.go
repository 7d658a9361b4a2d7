package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// OwnPath is the search path on which every name without a schema is one of PostgreSQL's own. On the path of an
// account, whoever may make objects in a schema could put operators and functions before those that are meant,
// and they would run with the rights of the account.
const OwnPath = "pg_catalog, pg_temp"

// SetOwnPath are the statements that make OwnPath the search path of a transaction, and let no policy of row security
// run in it. A policy is an expression of whoever owns its table, and runs with the rights of the account that reads.
// So the server refuses to read a table of which a policy would hide rows from the account.
const SetOwnPath = "set local search_path = " + OwnPath + "; set local row_security = off"

// Begin returns the statements that begin a transaction of a mode on OwnPath.
func Begin(mode string) string { return "begin " + mode + "; " + SetOwnPath }

// SearchPath is the search path that the account had when its connection was made. The connection itself uses
// OwnPath, so that the path serves only to find out which tables the account means.
type SearchPath struct {
	Setting string   // as it is set
	Schemas []string // those that are there and may be used, in their order
	List    string   // the same as the server writes an array
	Home    string   // where a table without a schema would be made; "" for nowhere
}

// pathKey is where a connection to the server keeps its pathState.
const pathKey = "ocmt.path"

// pathState is what is known of the search path of a connection.
type pathState struct {
	SearchPath
	direct bool              // OwnPath is set for the whole connection
	rows   string            // row_security, as the account has it
	tables map[string]string // paths of tables that were found, by their names
}

// askPathSQL names PostgreSQL's own functions in full, because it runs on the path of the account.
const askPathSQL = `select pg_catalog.pg_backend_pid(), pg_catalog.current_setting('search_path'), pg_catalog.array_to_json(pg_catalog.current_schemas(false)),
	pg_catalog.current_schemas(false), pg_catalog.current_schema(), pg_catalog.current_setting('row_security')`

// leavePath asks a new connection for the path of its account, and gives it OwnPath. Behind a pool the setting would
// stay with a connection of somebody else, so each transaction makes it for itself there.
//
// A pool tells its client a process number of its own, by which it is known.
func leavePath(ctx context.Context, conn *pgconn.PgConn) (*pathState, error) {
	if known, asked := conn.CustomData()[pathKey].(*pathState); asked {
		return known, nil
	}
	answer := conn.ExecParams(ctx, askPathSQL, nil, nil, nil, nil).Read()
	if answer.Err != nil {
		return nil, fmt.Errorf("asking the server for its process: %w", ExplainError(answer.Err))
	}
	row := answer.Rows[0]
	found := &pathState{direct: string(row[0]) == strconv.FormatUint(uint64(conn.PID()), 10), tables: map[string]string{}, rows: string(row[5]),
		SearchPath: SearchPath{Setting: string(row[1]), List: string(row[3]), Home: string(row[4])}}
	if err := json.Unmarshal(row[2], &found.Schemas); err != nil {
		return nil, fmt.Errorf("reading the search path: %w", err)
	}
	if found.direct {
		if _, err := conn.Exec(ctx, "set search_path = "+OwnPath+"; set row_security = off").ReadAll(); err != nil {
			return nil, fmt.Errorf("setting the search path: %w", ExplainError(err))
		}
	}
	conn.CustomData()[pathKey] = found
	return found, nil
}

// PathOf returns the search path that the account of a connection has.
func PathOf(conn *pgconn.PgConn) SearchPath {
	if known, asked := conn.CustomData()[pathKey].(*pathState); asked {
		return known.SearchPath
	}
	return SearchPath{List: "{}"}
}

// TriggersOnPathOf is a condition for the end of an UPDATE or a DELETE, or of an INSERT that selects. It is true, and
// makes the path of the account, and what it says of row security, those of the transaction when it is evaluated: after all names of the statement have been
// looked up on OwnPath, and before its first row is written. So the triggers of the table find what they name, as they
// do for the servers. A statement that follows in the same transaction needs SetOwnPath first.
func TriggersOnPathOf(conn *pgconn.PgConn) string {
	setting := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(PathOf(conn).Setting)
	rows := "on"
	if known, asked := conn.CustomData()[pathKey].(*pathState); asked && known.rows == "off" {
		rows = "off"
	}
	return "(select pg_catalog.set_config('row_security', '" + rows + "', true) || pg_catalog.set_config('search_path', E'" + setting + "', true)) is not null"
}

// isOnOwnPath reports whether a statement that is sent now runs on OwnPath: the connection keeps the setting, or a
// transaction is open, which has begun with it.
func isOnOwnPath(conn *pgconn.PgConn) bool {
	known, asked := conn.CustomData()[pathKey].(*pathState)
	return asked && known.direct || conn.TxStatus() != 'I'
}

// ExecOnOwnPath runs a statement on OwnPath and behind the limits of its connection, in one transaction and one round
// trip. Its results have the form that is asked for.
func ExecOnOwnPath(ctx context.Context, conn *pgconn.PgConn, sql string, params [][]byte, form []int16) *pgconn.Result {
	if isOnOwnPath(conn) {
		return conn.ExecParams(ctx, sql, params, nil, nil, form).Read()
	}
	calls := []string{"pg_catalog.set_config('search_path', '" + OwnPath + "', true)", "pg_catalog.set_config('row_security', 'off', true)"}
	for _, limit := range limitsOf(conn) {
		calls = append(calls, "pg_catalog.set_config('"+limit.name+"', '"+limit.value+"', true)")
	}
	batch := &pgconn.Batch{}
	batch.ExecParams("select "+strings.Join(calls, ", "), nil, nil, nil, nil)
	batch.ExecParams(sql, params, nil, nil, form)
	results, err := conn.ExecBatch(ctx, batch).ReadAll()
	if err != nil || len(results) < 2 {
		return &pgconn.Result{Err: err}
	}
	return results[1]
}

// namedTable matches a table that a statement names by $ and its name, alone or as a whole literal. Names and other
// literals are matched first, so that nothing in them is taken for one.
var namedTable = regexp.MustCompile(`"(?:[^"]|"")*"|'\$[a-z][a-z_]*'|'(?:[^']|'')*'|\$[a-z][a-z_]*`)

// quotedTable matches a literal that is the name of such a table.
var quotedTable = regexp.MustCompile(`^'\$[a-z][a-z_]*'$`)

// NameTables puts the paths of tables into a statement that names them by $ and their names, such as
// "select … from $users", or "to_regclass('$users')".
func NameTables(ctx context.Context, conn *pgconn.PgConn, sql string) (string, error) {
	var failed error
	named := namedTable.ReplaceAllStringFunc(sql, func(part string) string {
		quoted := quotedTable.MatchString(part)
		if !quoted && part[0] != '$' {
			return part
		}
		path, err := TablePath(ctx, conn, strings.Trim(part, "'$"))
		if err != nil && failed == nil {
			failed = err
		}
		if quoted {
			return QuoteLiteral(path)
		}
		return path
	})
	return named, failed
}

// tablePathSQL finds a relation as the server does by a name without a schema: in the first schema that has one.
const tablePathSQL = `select n.nspname, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relname = $1 and n.nspname = any($2::text[]) order by array_position($2::text[], n.nspname::text) limit 1`

// TablePath returns a table as SQL writes it with its schema: the one in which the search path of the account finds
// it, or else the one in which it would be made. A table that could run code of another role is a *ForeignCodeError.
func TablePath(ctx context.Context, conn *pgconn.PgConn, name string) (string, error) {
	state, err := leavePath(ctx, conn)
	if err != nil {
		return "", err
	}
	if path := state.tables[name]; path != "" {
		return path, nil
	}
	path, oid, err := findTable(ctx, conn, state, name)
	if err != nil || oid == "" {
		return path, err
	}
	if err := refuseForeignCode(ctx, conn, oid); err != nil {
		return "", err
	}
	state.tables[name] = path
	return path, nil
}

// NamePath is TablePath for whoever looks first what the relation is, and whose code it can run.
func NamePath(ctx context.Context, conn *pgconn.PgConn, name string) (string, error) {
	state, err := leavePath(ctx, conn)
	if err != nil {
		return "", err
	}
	path, _, err := findTable(ctx, conn, state, name)
	return path, err
}

// findTable returns the path of a table and its OID, "" where it is not there.
func findTable(ctx context.Context, conn *pgconn.PgConn, state *pathState, name string) (path, oid string, err error) {
	rows, err := QueryRows(ctx, conn, tablePathSQL, name, TextArray(state.Schemas))
	switch {
	case err != nil:
		return "", "", fmt.Errorf("looking for the table %s: %w", name, err)
	case len(rows) > 0:
		return Quote(rows[0][0], name), rows[0][1], nil
	case state.Home != "":
		return Quote(state.Home, name), "", nil
	}
	return Quote(name), "", nil
}
