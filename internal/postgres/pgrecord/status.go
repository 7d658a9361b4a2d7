package pgrecord

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

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
}

// IsRunning reports whether a run holds the lock of the database.
func (r *Record) IsRunning(ctx context.Context) (running bool, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		running, err = postgres.IsLocked(ctx, conn)
		return err
	})
	return running, err
}

// recordedMoves is how many entries Status returns.
const recordedMoves = "30"

// Status returns whether a run holds the lock of the database, and the last
// entries of the record, newest first.
func (r *Record) Status(ctx context.Context) (running bool, moves []RecordedMove, err error) {
	moves = []RecordedMove{}
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		var err error
		if running, err = postgres.IsLocked(ctx, conn); err != nil {
			return err
		}
		there, err := postgres.QueryRows(ctx, conn, "select to_regclass('encryption_migrations') is not null")
		if err != nil || there[0][0] != "t" {
			return err
		}
		rows, err := postgres.QueryRows(ctx, conn, `select table_name, column_name, from_version, to_version, rows_total, rows_migrated,
			to_char(started_at, 'YYYY-MM-DD HH24:MI:SSOF'), to_char(completed_at, 'YYYY-MM-DD HH24:MI:SSOF'), status, coalesce(error_message, '')
			from encryption_migrations where status::text <> '`+statusLost+`' order by started_at desc, table_name, column_name limit `+recordedMoves)
		if err != nil {
			return fmt.Errorf("reading encryption_migrations: %w", err)
		}
		for _, row := range rows {
			move := RecordedMove{Place: recordedPlace(row[0], row[1]), From: int(postgres.ParseNumber(row[2])), To: int(postgres.ParseNumber(row[3])),
				Total: postgres.ParseNumber(row[4]), Moved: postgres.ParseNumber(row[5]), Started: row[6], Completed: row[7], Status: row[8], Reason: row[9]}
			if move.Status == string(migrate.RunCompleted) {
				move.ByServers = max(0, move.Total-move.Moved)
			}
			moves = append(moves, move)
		}
		return nil
	})
	return running, moves, err
}
