package pgrotation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// Store looks at the values of a database. It implements rotation.LabelReader.
type Store struct{ db *postgres.DB }

// New returns the view of a database.
func New(db *postgres.DB) *Store { return &Store{db} }

// Label returns the SQL expression for the version that a value's label names, as a number: 0 for the
// legacy form, -1 where there is no label. The server is lenient with the digits and what follows them
// (contract, section 1), and so is this: v01: and v1abc: are version 1.
func Label(value string) string {
	return "case when " + value + ` ~ '^v[0-9]{1,9}[^0-9:][^:]*:|^v[0-9]{1,9}:' then substring(` + value + ` from '^v([0-9]{1,9})')::int
		when ` + value + ` ~ '^[0-9a-fA-F]{24,32}:[0-9a-fA-F]{8,}:' then 0 else -1 end`
}

// Look implements rotation.LabelReader. A table that cannot be read is a gap.
func (s *Store) Look(ctx context.Context, tables []migrate.Table) (*rotation.Look, error) {
	conn, err := s.db.AcquireSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	look := &rotation.Look{Columns: []rotation.LabelCount{}, Gaps: []rotation.Gap{}}
	if err := readMoment(ctx, conn.PgConn(), look); err != nil {
		return nil, fmt.Errorf("asking for the moment of the database: %w", err)
	}
	// Who waits to alter a table is not waited for.
	wait := "set local lock_timeout = " + strconv.FormatInt(s.db.LockTimeout().Milliseconds(), 10)
	if _, err := conn.PgConn().Exec(ctx, wait).ReadAll(); err != nil {
		return nil, fmt.Errorf("limiting the wait for a table: %w", postgres.ExplainError(err))
	}
	for _, table := range tables {
		counts, refused, err := countLabels(ctx, conn.PgConn(), table)
		if err != nil {
			return nil, fmt.Errorf("counting the labels in %s: %w", table, err)
		}
		if refused.IsSet() {
			look.Gaps = append(look.Gaps, rotation.Gap{What: table.String(), Reason: refused})
		}
		look.Columns = append(look.Columns, counts...)
	}
	return look, nil
}

// readMoment fills in when and where the look is. It is the first read of the snapshot.
func readMoment(ctx context.Context, conn *pgconn.PgConn, look *rotation.Look) error {
	origin, err := postgres.ReadOrigin(ctx, conn)
	if err != nil {
		return err
	}
	look.Database = migrate.Identity{Name: origin.Name, System: origin.System}
	look.Standby, look.Oldest, look.Next = origin.Standby, origin.Oldest, origin.Next
	rows, err := postgres.QueryRows(ctx, conn, `select (extract(epoch from clock_timestamp()) * 1000000)::bigint,
		case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end`)
	if err != nil {
		return err
	}
	look.At, look.WAL = time.UnixMicro(postgres.ParseNumber(rows[0][0])).UTC(), rows[0][1]
	return nil
}

// countLabels counts the labels of a table in one scan. It works in a savepoint, which also lets go of the
// table, and returns why it was not read, where it cannot be.
func countLabels(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) (counts []rotation.LabelCount, refused finding.Reason, err error) {
	if _, err := conn.Exec(ctx, "savepoint table_look").ReadAll(); err != nil {
		return nil, refused, postgres.ExplainError(err)
	}
	refused, rows, err := queryLabels(ctx, conn, table)
	var failure *postgres.FailureError
	if errors.As(err, &failure) && (failure.Kind.IsRefusal() || failure.Kind == postgres.InTheWay) {
		refused, err = finding.Reason{Text: failure.Error()}, nil
	}
	if err != nil {
		return nil, refused, err
	}
	if _, err := conn.Exec(ctx, "rollback to savepoint table_look; release savepoint table_look").ReadAll(); err != nil {
		return nil, refused, postgres.ExplainError(err)
	}
	if refused.IsSet() {
		return nil, refused, nil
	}
	counts = make([]rotation.LabelCount, len(table.Columns))
	for i, column := range table.Columns {
		counts[i] = rotation.LabelCount{Place: table.Place(column), Labels: map[int]int64{}}
	}
	for _, row := range rows {
		count, version := &counts[postgres.ParseNumber(row[0])], int(postgres.ParseNumber(row[1]))
		if version < 0 {
			count.Other = postgres.ParseNumber(row[2])
		} else {
			count.Labels[version] = postgres.ParseNumber(row[2])
		}
	}
	return counts, refused, nil
}

// hiddenRows says why the counts of a table would be too low.
const hiddenRows = "row-level security may hide rows from the account"

// queryLabels asks for the counts of a table. It asks for nothing, and says why, where the account may not read it or rows
// may be hidden.
func queryLabels(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) (refused finding.Reason, rows [][]string, err error) {
	columns := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		columns[i] = column.Name
	}
	facts, err := postgres.QueryRows(ctx, conn, `select row_security_active(r), r::oid, current_user,
		(select bool_and(has_column_privilege(r, name, 'select')) from unnest($2::text[]) as read(name)) from (select $1::text::regclass) as one(r)`,
		postgres.Quote(table.Schema, table.Name), postgres.TextArray(columns))
	if err != nil {
		return refused, nil, err
	}
	hidden, relation, account, mayRead := facts[0][0] == "t", facts[0][1], facts[0][2], facts[0][3] == "t"
	switch {
	case !mayRead:
		return finding.Reason{Text: "the account " + account + " may not read it",
			Missing: []finding.Right{postgres.TableRight("select", table.Schema, table.Name, account)}}, nil, nil
	case hidden:
		return finding.Reason{Text: hiddenRows}, nil, nil
	}
	foreign, err := postgres.FindForeignCode(ctx, conn, postgres.Writing, relation)
	if err != nil {
		return refused, nil, err
	}
	if code, found := foreign[relation]; found {
		return finding.Reason{Text: code.Reason()}, nil, nil
	}
	rows, err = postgres.QueryRows(ctx, conn, countingSQL(table))
	return refused, rows, err
}

// countingSQL returns the statement that counts the values of each column of a table by their label. Only
// the beginning of a value is looked at, so that a large one is not read whole.
func countingSQL(table migrate.Table) string {
	places := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		places[i] = fmt.Sprintf("(%d, left(t.%s, 100))", i, postgres.Quote(column.Name))
	}
	return "select v.place, " + Label("v.start") + " as label, count(*) from " + postgres.Quote(table.Schema, table.Name) +
		" t cross join lateral (values " + strings.Join(places, ", ") + ") v(place, start) where v.start is not null group by 1, 2"
}
