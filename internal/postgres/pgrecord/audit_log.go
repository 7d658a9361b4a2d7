package pgrecord

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ExplainUnaudited implements migrate.PlanRecord. A run without the right to add to the
// audit log goes on, and its operator must know that it leaves no entry.
func (r *Record) ExplainUnaudited(ctx context.Context) (reason string, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) (err error) {
		reason, err = explainUnaudited(ctx, conn)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("asking the database what it is: %w", err)
	}
	return reason, nil
}

func explainUnaudited(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	there, may, err := checkAuditLogRights(ctx, conn)
	switch {
	case err != nil:
		return "", err
	case !there:
		return "there is no audit_log here", nil
	case may:
		return "", nil
	}
	rows, err := postgres.QueryRows(ctx, conn, "select current_user")
	if err != nil {
		return "", err
	}
	who := postgres.Quote(rows[0][0])
	return "the account may not add to audit_log: GRANT INSERT ON audit_log TO " + who +
		"; GRANT USAGE ON SEQUENCE audit_log_id_seq TO " + who, nil
}

// checkAuditLogRights reports whether there is an audit log, and whether the account may
// add to it. The number of an entry comes from a sequence with rights of its own.
func checkAuditLogRights(ctx context.Context, conn *pgconn.PgConn) (there, may bool, err error) {
	rows, err := postgres.QueryRows(ctx, conn, `select to_regclass('audit_log') is not null,
		coalesce(has_table_privilege(to_regclass('audit_log'), 'INSERT'), false) and not exists (
			select from pg_attribute a, pg_get_serial_sequence(to_regclass('audit_log')::text, a.attname) as s
			where a.attrelid = to_regclass('audit_log') and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
			and s is not null and not has_sequence_privilege(s, 'USAGE'))`)
	if err != nil {
		return false, false, fmt.Errorf("asking for the rights on audit_log: %w", err)
	}
	return rows[0][0] == "t", rows[0][1] == "t", nil
}

// appendToAuditLog adds an entry to OCMT's audit log, where there is one that the account
// may write. The operator stands in the details: the log's own column takes only
// the ids of OCMT's users.
func (l *Ledger) appendToAuditLog(ctx context.Context, conn *pgconn.PgConn, outcome migrate.LedgerOutcome) error {
	if _, may, err := checkAuditLogRights(ctx, conn); err != nil || !may {
		return err
	}
	details, err := json.Marshal(map[string]any{
		"tool": "ocmt", "operator": l.record.operator, "to_version": l.entry.To,
		"columns": len(l.entry.Columns), "status": outcome.Status,
	})
	if err != nil {
		return fmt.Errorf("writing the details of the audit entry: %w", err)
	}
	if _, err = postgres.QueryRows(ctx, conn, `insert into audit_log ("timestamp", action, details) values (now(), 'encryption.migrated', $1::jsonb)`, string(details)); err != nil {
		return fmt.Errorf("adding to the audit log: %w", err)
	}
	return nil
}
