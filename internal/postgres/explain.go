package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// explain returns the lines of the plan of a statement under the settings, or
// none where the server does not take the statement: it may lack the system
// columns of PostgreSQL, or the account may lack a right.
func explain(ctx context.Context, conn *pgconn.PgConn, settings, sql string) ([]string, error) {
	results, err := conn.Exec(ctx, "begin; "+settings+"; explain "+sql+"; rollback").ReadAll()
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		if _, err := conn.Exec(ctx, "rollback").ReadAll(); err != nil {
			return nil, plain(err)
		}
		if class := answer.Code[:min(2, len(answer.Code))]; class == "42" || class == "0A" {
			return nil, nil
		}
	}
	if err != nil {
		return nil, plain(err)
	}
	var lines []string
	for _, result := range results {
		for _, row := range result.Rows {
			lines = append(lines, string(row[0]))
		}
	}
	return lines, nil
}

// isPageScan reports whether a plan is a TID range scan and nothing else. One that
// has it further down, as that of a distributed table has, is of a heap on another
// server.
func isPageScan(plan []string) bool {
	return len(plan) > 0 && strings.HasPrefix(plan[0], "Tid Range Scan ")
}

// isInOrder reports whether a plan reads rows as they come in an order, and does
// not sort them. What stands above a scan of several servers is the merging of
// the few rows that each has sent.
func isInOrder(plan []string) bool {
	for _, line := range plan {
		node := strings.TrimLeft(line, " ->•")
		for _, sorting := range [...]string{"Sort ", "Incremental Sort ", "sort", "top-k"} {
			if strings.HasPrefix(node, sorting) && !strings.HasPrefix(node, "Sort Key") {
				return isDistributed(plan)
			}
		}
	}
	return len(plan) > 0
}

func isDistributed(plan []string) bool {
	for at, line := range plan {
		if strings.Contains(line, "Custom Scan (Citus") {
			return isInOrder(plan[at+1:])
		}
	}
	return false
}

// readsInOrder asks the server's planner whether an index has the keys of a table
// in their order: without one, each read would sort the whole table.
func readsInOrder(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) (bool, error) {
	plan, err := explain(ctx, conn, "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off",
		"select t."+quoted(table.Key)+" from "+quoted(table.Schema, table.Name)+" t order by t."+quoted(table.Key)+" limit 1")
	return isInOrder(plan), err
}
