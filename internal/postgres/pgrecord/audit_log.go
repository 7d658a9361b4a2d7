package pgrecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ExplainUnaudited implements migrate.PlanRecord. A run that cannot add to the audit log goes
// on, and its operator must know that it leaves no entry. The entry is tried and taken back.
func (r *Record) ExplainUnaudited(ctx context.Context) (reason finding.Reason, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) (err error) {
		there, reasonOfRights, err := checkAuditLogRights(ctx, conn)
		if err != nil {
			return err
		}
		readOnly, err := postgres.QueryRows(ctx, conn, "select current_setting('transaction_read_only') = 'on'")
		switch {
		case err != nil:
			return err
		case readOnly[0][0] == "t":
			reason.Text = "the server or the account takes no writes"
			return nil
		case !there:
			reason.Text = "there is no audit_log here"
			return nil
		case reasonOfRights.IsSet():
			reason = reasonOfRights
			return nil
		}
		reason.Text, err = tryBack(ctx, conn, func() error {
			return appendToAuditLog(ctx, conn, actionMigrated, []byte(`{"tool": "ocmt"}`), "")
		})
		return err
	})
	if err != nil {
		return finding.Reason{}, fmt.Errorf("asking the database what it is: %w", err)
	}
	return reason, nil
}

// checkAuditLogRights reports whether there is an audit log, and why the account may not add
// to it. The number of an entry comes from a sequence with rights of its own.
func checkAuditLogRights(ctx context.Context, conn *pgconn.PgConn) (there bool, reason finding.Reason, err error) {
	rows, err := postgres.QueryRows(ctx, conn, `select to_regclass('$audit_log') is not null,
		coalesce(has_table_privilege(to_regclass('$audit_log'), 'INSERT'), false), current_user,
		(select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass('$audit_log')),
		(select min(s) from pg_attribute a, pg_get_serial_sequence(to_regclass('$audit_log')::text, a.attname) as s
			where a.attrelid = to_regclass('$audit_log') and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
			and s is not null and not has_sequence_privilege(s, 'USAGE'))`)
	if err != nil {
		return false, finding.Reason{}, fmt.Errorf("asking for the rights on audit_log: %w", err)
	}
	account, schema, sequence := rows[0][2], rows[0][3], rows[0][4]
	var missing []finding.Right
	if rows[0][1] != "t" {
		missing = append(missing, postgres.TableRight("insert", schema, "audit_log", account))
	}
	if sequence != "" {
		missing = append(missing, finding.Right{Privilege: "usage", On: "sequence " + sequence, Role: postgres.Ident(account)})
	}
	if rows[0][0] == "t" && len(missing) > 0 {
		reason = finding.Reason{Text: "the account may not add to audit_log", Missing: missing}
	}
	return rows[0][0] == "t", reason, nil
}

// auditEntry is what the audit log says of a run.
type auditEntry struct {
	Tool     string            `json:"tool"`
	Operator string            `json:"operator"`
	To       int               `json:"to_version"`
	Columns  int               `json:"columns"`
	Status   migrate.RunStatus `json:"status"`
	Repaired int64             `json:"labels_repaired,omitempty"`
	Late     bool              `json:"recorded_late,omitempty"` // a later run made the entry
}

// maxUnaudited bounds how many entries wait to be made.
const maxUnaudited = 100

// audit adds an entry to OCMT's audit log. Where that is not possible the entry waits in the
// record for a later run, and the reason is returned. The operator stands in the details: the
// log's own column takes only the ids of OCMT's users. It is called in a transaction.
func (l *Ledger) audit(ctx context.Context, conn *pgconn.PgConn, entry auditEntry) (reason finding.Reason, err error) {
	entry.Tool, entry.Operator = "ocmt", l.record.operator
	details, err := json.Marshal(entry)
	if err != nil {
		return reason, fmt.Errorf("writing the details of the audit entry: %w", err)
	}
	if reason, err = noteInside(ctx, conn, actionMigrated, details); err != nil || !reason.IsSet() {
		return reason, err
	}
	_, err = postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(coalesce(metadata, '{}'), '{unaudited}',
		coalesce(metadata->'unaudited', '[]') || jsonb_build_object('at', now(), 'details', $2::jsonb))
		where version = $1 and jsonb_array_length(coalesce(metadata->'unaudited', '[]')) < `+strconv.Itoa(maxUnaudited),
		strconv.Itoa(entry.To), string(details))
	if err != nil {
		return finding.Reason{}, fmt.Errorf("keeping the audit entry for a later run: %w", err)
	}
	return reason, nil
}

// makeUpAudit makes the audit entries that earlier runs could not make. Those that still cannot
// be made wait further.
func (l *Ledger) makeUpAudit(ctx context.Context, conn *pgconn.PgConn) error {
	waiting, err := postgres.QueryRows(ctx, conn, `select waiting->>'at', (waiting->'details' || '{"recorded_late": true}')::text
		from $encryption_keys, jsonb_array_elements(metadata->'unaudited') waiting order by 1`)
	if err != nil {
		return fmt.Errorf("reading the audit entries that are still to be made: %w", err)
	}
	if len(waiting) == 0 {
		return nil
	}
	there, reason, err := checkAuditLogRights(ctx, conn)
	if err != nil || !there || reason.IsSet() {
		return err
	}
	_, err = tryInside(ctx, conn, func() error {
		for _, row := range waiting {
			if err := appendToAuditLog(ctx, conn, actionMigrated, []byte(row[1]), row[0]); err != nil {
				return err
			}
		}
		_, err := postgres.QueryRows(ctx, conn, "update $encryption_keys set metadata = metadata - 'unaudited' where metadata ? 'unaudited'")
		return err
	})
	return err
}

// actionMigrated is the action of a run in the audit log.
const actionMigrated = "encryption.migrated"

// appendToAuditLog adds an entry of a time, "" for now.
func appendToAuditLog(ctx context.Context, conn *pgconn.PgConn, action string, details []byte, at string) error {
	_, err := postgres.QueryRows(ctx, conn, `insert into $audit_log ("timestamp", action, details)
		select coalesce(nullif($2, '')::timestamptz, now()), $3, $1::jsonb where `+postgres.TriggersOnPathOf(conn), string(details), at, action)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, postgres.SetOwnPath).ReadAll()
	return postgres.ExplainError(err)
}

// tryInside does work in a savepoint of a transaction, and takes it back where the server
// refuses it. It returns what the server says.
func tryInside(ctx context.Context, conn *pgconn.PgConn, work func() error) (refused string, err error) {
	if _, err := conn.Exec(ctx, "savepoint attempt").ReadAll(); err != nil {
		return "", postgres.ExplainError(err)
	}
	err = work()
	var failure *postgres.FailureError
	if err == nil || !errors.As(err, &failure) || !failure.Kind.IsRefusal() {
		return "", err
	}
	if _, err := conn.Exec(ctx, "rollback to savepoint attempt").ReadAll(); err != nil {
		return "", postgres.ExplainError(err)
	}
	return failure.Error(), nil
}

// tryBack does work in a transaction of its own and takes it back. It returns what the server
// says where it refuses it.
func tryBack(ctx context.Context, conn *pgconn.PgConn, work func() error) (refused string, err error) {
	err = postgres.TakeBack(ctx, conn, func() (err error) {
		refused, err = tryInside(ctx, conn, work)
		return err
	})
	return refused, err
}

// Note adds an entry with an action to OCMT's audit log, with the operator among its details, and
// events to the chain. It returns why no entry was made in the audit log, "" if one was made or there
// is no such log.
func (r *Record) Note(ctx context.Context, action string, details map[string]any, events ...chain.Event) (unaudited finding.Reason, err error) {
	noted := map[string]any{"tool": "ocmt", "operator": r.operator}
	maps.Copy(noted, details)
	text, err := json.Marshal(noted)
	if err != nil {
		return unaudited, fmt.Errorf("writing the details of the audit entry: %w", err)
	}
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		return r.change(ctx, conn, func() ([]chain.Event, error) {
			unaudited, err = noteInside(ctx, conn, action, text)
			return events, err
		})
	})
	return unaudited, err
}

// noteInside adds an entry in a transaction, where there is an audit log that takes it.
func noteInside(ctx context.Context, conn *pgconn.PgConn, action string, details []byte) (unaudited finding.Reason, err error) {
	there, reason, err := checkAuditLogRights(ctx, conn)
	if err != nil || !there || reason.IsSet() {
		return reason, err
	}
	reason.Text, err = tryInside(ctx, conn, func() error { return appendToAuditLog(ctx, conn, action, details, "") })
	return reason, err
}
