package pgrotation

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// Moment implements rotation.ValueLooker.
func (s *Store) Moment(ctx context.Context) (moment rotation.Moment, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select pg_is_in_recovery(), (extract(epoch from clock_timestamp()) * 1000000)::bigint")
		if err != nil {
			return err
		}
		moment.Standby, moment.At = rows[0][0] == "t", time.UnixMicro(postgres.ParseNumber(rows[0][1])).UTC()
		if moment.Database.Name, moment.Database.System, err = postgres.ReadIdentity(ctx, conn); err != nil {
			return err
		}
		if moment.Running, err = postgres.IsLocked(ctx, conn); err != nil {
			return err
		}
		moment.Runs, err = countRuns(ctx, conn)
		return err
	})
	if err != nil {
		return moment, fmt.Errorf("asking the database what it is: %w", err)
	}
	return moment, nil
}

// countRuns counts the entries of the record of runs, none where there is no record that the account may read.
func countRuns(ctx context.Context, conn *pgconn.PgConn) (int64, error) {
	may, err := postgres.QueryRows(ctx, conn, "select coalesce(has_table_privilege(to_regclass('$encryption_migrations'), 'SELECT'), false)")
	if err != nil || may[0][0] != "t" {
		return 0, err
	}
	rows, err := postgres.QueryRows(ctx, conn, "select count(*) from $encryption_migrations")
	if err != nil {
		return 0, err
	}
	return postgres.ParseNumber(rows[0][0]), nil
}

// Activity implements rotation.ValueLooker. Partitions and heirs count with their table.
func (s *Store) Activity(ctx context.Context, tables []migrate.Table) (rows []int64, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		for _, table := range tables {
			found, err := postgres.QueryRows(ctx, conn, `select coalesce(sum(pg_stat_get_tuples_inserted(relid) + pg_stat_get_tuples_updated(relid)), 0)::bigint
				from (`+postgres.TreeOf("to_regclass($1)::oid")+`) tree`, postgres.Quote(table.Schema, table.Name))
			if err != nil {
				return err
			}
			rows = append(rows, postgres.ParseNumber(found[0][0]))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("asking how much is written: %w", err)
	}
	return rows, nil
}

// columnsOfValue is how many columns a row of Values has: column, version, digest, since.
const columnsOfValue = 4

// errForm says that the server answered with other columns than were asked for.
var errForm = errors.New("the server answers in an unexpected form")

// Values implements rotation.ValueLooker. It reads a table in one statement, because a row that an UPDATE moves from
// a part that is still to be read to one that was read would be missed, and its value taken for a new one at the next
// look. No transaction outlasts the statement.
func (s *Store) Values(ctx context.Context, table migrate.Table, asked rotation.ValueScope, visit func(rotation.SeenValue)) error {
	conn, err := s.db.AcquireReader(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := conn.BeginRead(ctx); err != nil {
		return postgres.ExplainError(err)
	}
	result := conn.PgConn().ExecParams(ctx, valuesSQL(table, asked), nil, nil, nil, []int16{1})
	var failed error
	for result.NextRow() {
		value, err := parseValue(result.Values())
		if err != nil {
			failed = err
			continue
		}
		visit(value)
	}
	_, err = result.Close()
	if ended := conn.EndRead(ctx); err == nil {
		err = ended
	}
	if err != nil {
		return postgres.ExplainError(err)
	}
	return failed
}

// parseValue reads a row in its binary form.
func parseValue(row [][]byte) (value rotation.SeenValue, err error) {
	if len(row) != columnsOfValue || len(row[0]) != 4 || len(row[1]) != 4 || len(row[2]) != 8 || len(row[3]) != 1 {
		return value, errForm
	}
	return rotation.SeenValue{
		Column:  int(int32(binary.BigEndian.Uint32(row[0]))), //nolint:gosec // it is an int4
		Version: int(int32(binary.BigEndian.Uint32(row[1]))), //nolint:gosec // it is an int4
		Digest:  binary.BigEndian.Uint64(row[2]),
		Since:   row[3][0] == 1,
	}, nil
}

// valuesSQL returns the statement that reads the values of a table, each as the number of its column, its version, a
// digest, and whether its row was written since a transaction.
//
// The usual labels are compared as they are, which takes a tenth of the time of the regular expressions of Label. The
// label is in the first 100 characters, so that a large text costs little more than its digest.
func valuesSQL(table migrate.Table, asked rotation.ValueScope) string {
	columns := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		columns[i] = "(" + strconv.Itoa(i) + ", t." + postgres.Quote(column.Name) + `::text collate "C")`
	}
	version := "case"
	for _, usual := range asked.Versions {
		version += fmt.Sprintf(" when starts_with(v.stored, 'v%d:') then %[1]d", usual)
	}
	since := postgres.WrittenBy("t.xmin", "<=", asked.Since)
	if table.Spread != nil { // each node numbers its own transactions, so any row may have been written since
		since = "true"
	}
	return "select v.place, " + version + " else " + Label("left(v.stored, 100)") + ` end,
		hashtextextended(v.stored, 0), ` + since + `
		from ` + postgres.Quote(table.Schema, table.Name) + ` t cross join lateral (values ` + strings.Join(columns, ", ") + `) v(place, stored)
		where v.stored is not null`
}
