package pgmigrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// logReadersSQL asks for the position in the log of each standby, each slot and the
// archiver. A position that the account may not see is NULL. The position of the archiver
// is known by the name of its last file.
const logReadersSQL = `
	select 'written', '', (pg_current_wal_insert_lsn() - '0/0')::text
	union all
	select 'standby', coalesce(nullif(application_name, ''), host(client_addr), 'local'), case when state is not null then (coalesce(replay_lsn, '0/0') - '0/0')::text end
	from pg_stat_replication where state is null or state <> 'backup'
	union all
	select 'retainer', 'replication slot ' || slot_name, (restart_lsn - '0/0')::text
	from pg_replication_slots where restart_lsn is not null
	union all
	select 'retainer', 'the archiver',
		((('x' || substr(last_archived_wal, 9, 8))::bit(32)::bigint * 4294967296
		+ (('x' || substr(last_archived_wal, 17, 8))::bit(32)::bigint + 1) * pg_size_bytes(current_setting('wal_segment_size'))))::text
	from pg_stat_archiver where current_setting('archive_mode') <> 'off' and last_archived_wal ~ '^[0-9A-F]{24}$'`

// Replication implements migrate.ReplicationReader.
func (s *Store) Replication(ctx context.Context) (state migrate.Replication, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, logReadersSQL)
		if err != nil {
			return fmt.Errorf("asking for the state of replication: %w", err)
		}
		for _, row := range rows {
			if row[2] == "" {
				return fmt.Errorf("the account may not see how far %s is: grant pg_monitor to it", row[1])
			}
			one := migrate.LogReader{Name: row[1], Position: postgres.ParseNumber(row[2])}
			switch row[0] {
			case "written":
				state.Written = one.Position
			case "standby":
				state.Standbys = append(state.Standbys, one)
			default:
				state.Retainers = append(state.Retainers, one)
			}
		}
		return nil
	})
	return state, err
}

// findSubscription finds a subscription that writes to a table, or to a part of it. Each row that the publisher changes
// comes whole, and overwrites what a run has moved here with a value under the key of the publisher.
func findSubscription(ctx context.Context, conn *pgconn.PgConn, oid string, table *migrate.Table) ([]finding.Finding, error) {
	names, err := postgres.QueryColumn(ctx, conn, `select coalesce(min(s.subname), '?') from pg_subscription_rel r left join pg_stat_subscription s on s.subid = r.srsubid
		where r.srrelid in (`+postgres.TreeOf("$1::oid")+`) group by r.srsubid order by 1 limit 1`, oid)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return []finding.Finding{{Code: finding.Subscription, Severity: finding.Error, Where: table.String(),
		Message: "the subscription " + names[0] + " writes to it: what its publisher sends overwrites what a run moves, under the key of the publisher",
		Fix: "rotate the database of the publisher, which sends the new values here too; or end the subscription first, where nothing is to come any more: DROP SUBSCRIPTION " +
			discover.SQLName(names[0])}}, nil
}
