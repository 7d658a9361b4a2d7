package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// QueryRows runs a statement on OwnPath and returns its rows as texts, "" for NULL. NameTables puts in the paths of
// tables.
func QueryRows(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([][]string, error) {
	sql, err := NameTables(ctx, conn, sql)
	if err != nil {
		return nil, err
	}
	params := make([][]byte, len(args))
	for i, arg := range args {
		params[i] = []byte(arg)
	}
	result := ExecOnOwnPath(ctx, conn, sql, params, nil)
	if result.Err != nil {
		return nil, ExplainError(result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = make([]string, len(row))
		for j, text := range row {
			rows[i][j] = string(text)
		}
	}
	return rows, nil
}

// QueryColumn runs a statement and returns its first column, never nil.
func QueryColumn(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([]string, error) {
	rows, err := QueryRows(ctx, conn, sql, args...)
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row[0]
	}
	return list, err
}

// Quote returns a name, of one or several parts, as SQL writes it.
func Quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// TextArray returns a list as PostgreSQL reads an array of texts.
func TextArray(list []string) string {
	escaped := make([]string, len(list))
	for i, text := range list {
		escaped[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	}
	return "{" + strings.Join(escaped, ",") + "}"
}

// ParseNumber reads a whole number that the server wrote.
func ParseNumber(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// NamesRows is the condition that an index i names one row each: it is over one column, unique and
// whole. The column itself, a, must not be NULL.
const NamesRows = "i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null and a.attnotnull"

// TreeOf selects, as relid, a table and everything that is a partition or an heir of it. The root is
// an expression of type oid.
func TreeOf(root string) string {
	return "with recursive tree(relid) as (select " + root + " union select i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid) select relid from tree"
}
