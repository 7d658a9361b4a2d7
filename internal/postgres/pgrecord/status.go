package pgrecord

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// RecordedMove is one column of a run, as encryption_migrations has it.
type RecordedMove struct {
	migrate.Place
	From      int    `json:"from_version"`
	To        int    `json:"to_version"`
	Total     int64  `json:"total"`
	Moved     int64  `json:"moved"`
	Started   string `json:"started"`
	Completed string `json:"completed"` // "" while it has not ended
	Status    string `json:"status"`
	// ByServers counts values that the servers wrote anew or removed before the run came to
	// them: those that a completed run did not move.
	ByServers int64  `json:"by_servers"`
	Reason    string `json:"reason"` // why it is not completed; "" where it is
	// Lost says that the run ended without a word, so that nobody knows what it has moved: it stands as running and is
	// not at work, or a later run has found it so.
	Lost bool `json:"ended_without_a_word"`
}

// endedWithoutAWord is the reason that a later run records of one that did.
const endedWithoutAWord = "the run ended without a word"

// recordedMoves is how many entries Status returns.
const recordedMoves = "30"

// Status is what is at work on a database, and what was recorded.
type Status struct {
	Work
	Orders []KeptOrders // that are malformed
	Moves  []RecordedMove
	// Unread has the tables of the record that are there and that the account may not read.
	Unread []finding.Finding
}

// Status returns what is at work on the database, and the last entries of the record, newest first.
func (r *Record) Status(ctx context.Context) (status Status, err error) {
	status.Moves = []RecordedMove{}
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		if status.Work, err = queryWork(ctx, conn); err != nil {
			return err
		}
		if status.Unread, err = findUnread(ctx, conn, "encryption_keys", "encryption_migrations"); err != nil {
			return err
		}
		kept, err := queryOrders(ctx, conn, status.Work, "")
		if err != nil {
			return err
		}
		for _, one := range kept {
			if one.Problem != "" {
				status.Orders = append(status.Orders, one)
			}
		}
		status.Moves, err = queryMoves(ctx, conn, status.Work)
		return err
	})
	return status, err
}

// findUnread finds tables of the record that are there and that the account may not read, or not even see because it may
// not use their schema: what is in them must not be taken for nothing.
func findUnread(ctx context.Context, conn *pgconn.PgConn, tables ...string) (found []finding.Finding, err error) {
	for _, table := range tables {
		rows, err := postgres.QueryRows(ctx, conn, `select c.oid is not null and not has_table_privilege(c.oid, 'SELECT'), current_user, coalesce(n.nspname, '')
			from (select to_regclass('$`+table+`')) as asked (relation) left join pg_class c on c.oid = asked.relation left join pg_namespace n on n.oid = c.relnamespace`)
		if err != nil {
			return nil, fmt.Errorf("asking for the rights on %s: %w", table, err)
		}
		var missing []finding.Right
		if rows[0][0] == "t" {
			missing = append(missing, postgres.TableRight("select", rows[0][2], table, rows[0][1]))
		}
		closed, err := postgres.ClosedTables(ctx, conn, []string{table}, []string{"status"})
		if err != nil {
			return nil, err
		}
		for _, one := range closed {
			missing = append(missing, one.ReadRights()...)
		}
		if len(missing) > 0 {
			found = append(found, finding.Finding{Code: finding.MissingLedgerRights, Severity: finding.Error, Where: table,
				Message: fmt.Sprintf("the account %s may not read it", rows[0][1]), Fix: postgres.Grant(missing...), Rights: missing})
		}
	}
	return found, nil
}

// queryMoves returns the last entries of encryption_migrations. An entry with the status running is of the run at
// work where that one brings values to its version, and began no later than the entry. The others are of runs that
// ended without a word.
func queryMoves(ctx context.Context, conn *pgconn.PgConn, work Work) ([]RecordedMove, error) {
	moves := []RecordedMove{}
	may, err := mayRead(ctx, conn, "encryption_migrations")
	if err != nil || !may {
		return moves, err
	}
	rows, err := postgres.QueryRows(ctx, conn, `select table_name, column_name, from_version, to_version, rows_total, rows_migrated,
		to_char(started_at, 'YYYY-MM-DD HH24:MI:SSOF'), to_char(completed_at, 'YYYY-MM-DD HH24:MI:SSOF'), status, coalesce(error_message, ''),
		coalesce((extract(epoch from clock_timestamp() - started_at) * 1000000)::bigint, 0),
		started_at = max(started_at) filter (where status::text = 'running') over (partition by to_version)
		from $encryption_migrations where status::text <> '`+statusLost+`' order by started_at desc, table_name, column_name limit `+recordedMoves)
	if err != nil {
		return nil, fmt.Errorf("reading encryption_migrations: %w", err)
	}
	for _, row := range rows {
		move := RecordedMove{Place: recordedPlace(row[0], row[1]), From: int(postgres.ParseNumber(row[2])), To: int(postgres.ParseNumber(row[3])),
			Total: postgres.ParseNumber(row[4]), Moved: postgres.ParseNumber(row[5]), Started: row[6], Completed: row[7], Status: row[8], Reason: row[9]}
		switch move.Status {
		case string(migrate.RunCompleted):
			move.ByServers = max(0, move.Total-move.Moved)
		case "running":
			age := (time.Duration(postgres.ParseNumber(row[10])) * time.Microsecond).Seconds()
			move.Lost = !work.has(move.To, age, row[11] == "t")
		default:
			move.Lost = strings.HasPrefix(move.Reason, endedWithoutAWord)
		}
		moves = append(moves, move)
	}
	return moves, nil
}

// has reports whether an entry of the record is of the run at work: by the version that it brings values to, by how
// many seconds ago it began, and by whether it is of the last run to that version.
func (w Work) has(to int, age float64, last bool) bool {
	switch {
	case w.Lock == nil || !last:
		return false
	case w.Run != nil && w.Run.To != to:
		return false
	}
	const margin = 1 // the lock was looked at a moment before
	return w.Lock.Held < 0 || age <= w.Lock.Held+margin
}
