package pgaudit

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Undated implements review.Database. A filter's times are passed over: these rows have none.
func (t *Timeline) Undated(ctx context.Context, filter review.Filter, most int) (list []review.Undated, err error) {
	layout, err := t.layout(ctx)
	if err != nil {
		return nil, err
	}
	filter.Since, filter.Until = time.Time{}, time.Time{}
	err = t.read(ctx, t.limit, func(conn *pgconn.PgConn) error {
		for _, table := range layout.tables {
			if table.notNull || !table.answers(filter) {
				continue
			}
			one, err := table.undated(ctx, conn, filter, most)
			if err != nil {
				return fmt.Errorf("looking for rows without a time in %s: %w", table.source, err)
			}
			if one.Count != 0 {
				list = append(list, one)
			}
		}
		return nil
	})
	return list, err
}

// undated counts the rows of a table that have no time. A large table without an index that serves is
// not read for it.
func (l timelineTable) undated(ctx context.Context, conn *pgconn.PgConn, filter review.Filter, most int) (found review.Undated, err error) {
	found = review.Undated{Source: l.source, Rows: []review.Entry{}}
	indexed := l.order == review.ByTime || l.order == review.ByTenant && !l.apart()
	if l.large && !indexed {
		found.Count = -1
		return found, nil
	}
	parts := []string{""}
	if l.order == review.ByTenant && indexed {
		tenant := l.column(review.Tenant)
		parts = []string{tenant + " is null and ", tenant + " = any(array(" + l.tenantsSQL() + ")) and "}
	}
	for _, part := range parts {
		p := &timelinePredicate{}
		l.addFilter(p, filter)
		where := " from " + l.path() + " t where " + part + l.column(review.Time) + " is null and " + p.sql()
		rows, err := postgres.QueryColumn(ctx, conn, "select count(*)"+where, p.params...)
		if err != nil {
			return found, err
		}
		if rows[0] == "0" {
			continue
		}
		found.Count += postgres.ParseNumber(rows[0])
		sql := "select " + l.selectList(true) + where + " order by " + l.column(review.ID) + " desc limit " + strconv.Itoa(most-len(found.Rows))
		result := conn.ExecParams(ctx, sql, p.values(), nil, nil, nil).Read()
		if result.Err != nil {
			return found, postgres.ExplainError(result.Err)
		}
		for _, values := range result.Rows {
			found.Rows = append(found.Rows, review.NewEntry(timelineRow(l.source, values)))
		}
	}
	return found, nil
}

// Habits implements review.Database.
func (t *Timeline) Habits(ctx context.Context, filter review.Filter, from, to time.Time, visit func(review.Habit)) error {
	layout, err := t.layout(ctx)
	if err != nil {
		return err
	}
	filter.Since, filter.Until = from, to
	return t.read(ctx, t.limit, func(conn *pgconn.PgConn) error {
		for _, table := range layout.tables {
			if table.column(review.User) == "" || !table.answers(filter) {
				continue
			}
			if err := table.boundKeys(ctx, conn, filter); err != nil {
				return fmt.Errorf("looking for a time in %s: %w", table.source, err)
			}
			if err := table.countHabits(ctx, conn, filter, visit); err != nil {
				return fmt.Errorf("counting what users did in %s: %w", table.source, err)
			}
		}
		return nil
	})
}

// countHabits hands over the habits of one table. No row of the result is kept.
func (l timelineTable) countHabits(ctx context.Context, conn *pgconn.PgConn, filter review.Filter, visit func(review.Habit)) error {
	user := l.column(review.User)
	branch := l.branch(filter, user+" is not null", "1")
	reader := conn.ExecParams(ctx, "select "+l.text(review.User)+", "+cmp.Or(l.hostText(), "null::text")+", extract(hour from "+l.utcTime()+")::int, count(*) from "+
		l.path()+" t where "+branch.timelinePredicate.sql()+" group by 1, 2, 3", branch.values(), nil, nil, nil)
	for reader.NextRow() {
		row := reader.Values()
		visit(review.Habit{User: string(row[0]), Address: string(row[1]), Hour: int(postgres.ParseNumber(string(row[2]))), Rows: postgres.ParseNumber(string(row[3]))})
	}
	_, err := reader.Close()
	return postgres.ExplainError(err)
}
