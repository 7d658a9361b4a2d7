package pgmigrate

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// explainPlan returns the lines of the plan of a statement under settings. It returns none
// where the server refuses the statement: it may lack the system columns of PostgreSQL, or the
// account may lack a right.
func explainPlan(ctx context.Context, conn *pgconn.PgConn, settings, sql string) ([]string, error) {
	results, err := conn.Exec(ctx, postgres.Begin("")+"; "+settings+"; explain "+sql+"; rollback").ReadAll()
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		if _, err := conn.Exec(ctx, "rollback").ReadAll(); err != nil {
			return nil, explainError(err)
		}
		if class := answer.Code[:min(2, len(answer.Code))]; class == "42" || class == "0A" {
			return nil, nil
		}
	}
	if err != nil {
		return nil, explainError(err)
	}
	var lines []string
	for _, result := range results {
		for _, row := range result.Rows {
			lines = append(lines, string(row[0]))
		}
	}
	return lines, nil
}

// isPageScan reports whether a plan is a TID range scan and nothing else. A plan with the scan
// further down, as of a distributed table, reads a heap on another server.
func isPageScan(plan []string) bool {
	return len(plan) > 0 && strings.HasPrefix(plan[0], "Tid Range Scan ")
}

// isInOrder reports whether a plan reads rows in the order of an index, and does not sort them.
// A sort above the scan of several servers merges the few rows that each has sent, and is
// ignored.
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

// isDistributed reports whether a plan sorts above scans of several servers, each in order.
func isDistributed(plan []string) bool {
	for at, line := range plan {
		if strings.Contains(line, "Custom Scan (Citus") {
			return isInOrder(plan[at+1:])
		}
	}
	return false
}

// readsInOrder asks the server's planner whether an index has the keys of a table in their
// order. Without one, each read would sort the whole table.
func readsInOrder(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) (bool, error) {
	plan, err := explainPlan(ctx, conn, "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off",
		"select t."+postgres.Quote(table.Key)+" from "+postgres.Quote(table.Schema, table.Name)+" t order by t."+postgres.Quote(table.Key)+" limit 1")
	return isInOrder(plan), err
}
