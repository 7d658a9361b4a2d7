package pgmigrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// TryWrite implements migrate.Trier.
func (s *Store) TryWrite(ctx context.Context, table migrate.Table, change migrate.Change) ([]finding.Finding, error) {
	conn, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = postgres.TakeBack(ctx, conn.PgConn(), func() error {
		_, err := conn.writeInside(ctx, table, migrate.Batch{Changes: []migrate.Change{change}, SkipLocked: true})
		return err
	})
	switch {
	case err == nil, postgres.IsTransient(err):
		return nil, nil
	case errors.Is(err, migrate.ErrChangedOnWrite):
		return []finding.Finding{{Code: finding.TriggerChanges, Severity: finding.Error, Where: table.String(), Message: err.Error(),
			Evidence: "one row was written and taken back",
			Fix:      "look at the triggers of this table; disable for the time of the run the one that writes the encrypted columns"}}, nil
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return nil, err
	}
	return s.explainRefusal(ctx, table, answer)
}

// writeInside writes a batch in the transaction that is open, and looks at what it wrote.
func (c *Conn) writeInside(ctx context.Context, table migrate.Table, batch migrate.Batch) (written int64, err error) {
	if written, err = c.execute(ctx, table, batch); err != nil {
		return 0, err
	}
	if _, err := c.PgConn().Exec(ctx, postgres.SetOwnPath).ReadAll(); err != nil {
		return 0, err
	}
	seen, err := c.countWritten(ctx, table, batch)
	if err != nil {
		return 0, err
	}
	if seen < written {
		return 0, migrate.ErrChangedOnWrite
	}
	return written, nil
}

// countWritten counts the rows of a batch that contain what was written.
func (c *Conn) countWritten(ctx context.Context, table migrate.Table, batch migrate.Batch) (int64, error) {
	if hasLargeRow([]migrate.Batch{batch}) {
		_, seen, err := c.sendLarge(ctx, []largeStatement{{countWrittenSQL(table), piecesOf(table, false, batch.Changes)}})
		return seen, err
	}
	check := c.PgConn().ExecParams(ctx, countWrittenSQL(table), c.encodeChanges(table, false, batch.Changes), nil, binaryForm, nil).Read()
	if check.Err != nil {
		return 0, check.Err
	}
	return postgres.ParseNumber(string(check.Rows[0][0])), nil
}

// explainRefusal says why the server refuses to write a row, and what ends that.
func (s *Store) explainRefusal(ctx context.Context, table migrate.Table, answer *pgconn.PgError) ([]finding.Finding, error) {
	refused := finding.Finding{Code: finding.UpdateRefused, Severity: finding.Error, Where: table.String(),
		Message:  "the server refuses to write a row: " + postgres.ExplainError(answer).Error(),
		Evidence: "one row was tried, SQLSTATE " + answer.Code, Fix: "look into the server's log for the statement and the reason"}
	switch kind := postgres.FailureKindOf(answer); {
	case !kind.IsRefusal():
		return nil, postgres.ExplainError(answer)
	case answer.Code == "42P01", answer.Code == "42883", answer.Code == "42704": // a table, a function or a type that is not there
		refused.Fix = "a function that a constraint, an index or a trigger for each statement calls names something without its schema, and ocmt writes on the search path " +
			postgres.OwnPath + ": give the function its own, ALTER FUNCTION … SET search_path = …"
	case kind == postgres.ObjectRefused:
		refused.Fix = "change the trigger or the constraint for the time of the run; or leave the table out with --table for the others, and keep every old key"
	case kind == postgres.NotAllowed:
		refused.Fix = "give the account the right that the server names; with row-level security, use the owner of the table or a role with BYPASSRLS"
	case answer.Code == "55000":
		identity, err := s.replicaIdentity(ctx, table)
		if err != nil {
			return nil, err
		}
		if identity != "" {
			refused.Fix = "the table is published, and its subscribers cannot tell its rows apart: " + identity
		}
	}
	return []finding.Finding{refused}, nil
}

// replicaIdentity returns the statement that gives the rows of a published table a name for
// subscribers, "" where they have one.
func (s *Store) replicaIdentity(ctx context.Context, table migrate.Table) (statement string, err error) {
	path := postgres.Quote(table.Schema, table.Name)
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, `select c.relreplident = 'd' and not exists (select from pg_index where indrelid = c.oid and indisprimary) or c.relreplident = 'n',
			(select ic.relname from pg_index i join pg_class ic on ic.oid = i.indexrelid where i.indrelid = c.oid and i.indisunique and i.indisvalid
				and i.indimmediate and i.indpred is null and i.indexprs is null
				and not exists (select from unnest(i.indkey[0:i.indnkeyatts - 1]) k join pg_attribute a on a.attrelid = c.oid and a.attnum = k where not a.attnotnull)
				order by ic.relname limit 1)
			from pg_class c where c.oid = to_regclass($1)`, path)
		switch {
		case err != nil || len(rows) == 0 || rows[0][0] != "t":
			return err
		case rows[0][1] != "":
			statement = fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY USING INDEX %s", path, postgres.Quote(rows[0][1]))
		default:
			statement = fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL", path)
		}
		return nil
	})
	return statement, err
}
