package pgaudit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Timeline implements review.Database.
type Timeline struct {
	db    *postgres.DB
	limit time.Duration

	mu    sync.Mutex
	found *timelineLayout
}

// NewTimeline returns the audit tables of a database. A statement may run as long as the limit; those
// of Stream may run for timelineStreamLimit.
func NewTimeline(db *postgres.DB, limit time.Duration) *Timeline {
	return &Timeline{db: db, limit: limit}
}

// timelineStreamLimit is how long one statement of Stream may run. Its reader may be slow.
const timelineStreamLimit = 12 * time.Hour

// read does work in a transaction that reads one snapshot, as readFrom does.
func (t *Timeline) read(ctx context.Context, limit time.Duration, work func(*pgconn.PgConn) error) error {
	return t.readFrom(ctx, limit, func(conn *pgconn.PgConn, _ string) error { return work(conn) })
}

// readFrom does work in a transaction that reads one snapshot. Row security makes a statement fail rather
// than hide rows. Work is given the schemas on the search path of the account, as the server writes a list.
func (t *Timeline) readFrom(ctx context.Context, limit time.Duration, work func(conn *pgconn.PgConn, schemas string) error) error {
	begin := postgres.Begin("isolation level repeatable read read only") + "; " +
		"set local row_security = off; set local datestyle = 'ISO, YMD'; set local standard_conforming_strings = on; set local jit = off; " +
		"set local idle_in_transaction_session_timeout = 0; set local statement_timeout = " + strconv.FormatInt(limit.Milliseconds(), 10)
	return t.db.With(ctx, func(conn *pgconn.PgConn) error {
		if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
			return fmt.Errorf("beginning to read the audit tables: %w", postgres.ExplainError(err))
		}
		err := work(conn, postgres.PathOf(conn).List)
		if _, endErr := conn.Exec(context.WithoutCancel(ctx), "rollback").ReadAll(); err == nil && endErr != nil {
			err = fmt.Errorf("ending the reading of the audit tables: %w", postgres.ExplainError(endErr))
		}
		return err
	})
}

// layout returns what Describe has found, which it calls where nobody has.
func (t *Timeline) layout(ctx context.Context) (*timelineLayout, error) {
	t.mu.Lock()
	found := t.found
	t.mu.Unlock()
	if found != nil {
		return found, nil
	}
	_, err := t.Describe(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.found, err
}

// Read implements review.Database. The branches of all sources go to the server in one round trip, but
// for the rows with a tenant, which have one of their own.
func (t *Timeline) Read(ctx context.Context, filter review.Filter, after review.Cursor, most int) (batches []review.Batch, err error) {
	layout, err := t.layout(ctx)
	if err != nil {
		return nil, err
	}
	err = t.read(ctx, t.limit, func(conn *pgconn.PgConn) error {
		var branches []timelineBranch
		var byTenant *timelineTable
		for _, table := range layout.tables {
			if !table.answers(filter) {
				continue
			}
			if err := table.beginAfter(after); err != nil {
				return err
			}
			if err := table.boundKeys(ctx, conn, filter); err != nil {
				return fmt.Errorf("looking for a time in %s: %w", table.source, err)
			}
			branches = append(branches, table.branches(filter, most)...)
			if table.readsByTenant() {
				byTenant = &table
			}
		}
		if batches, err = readBranches(ctx, conn, branches, most); err != nil || byTenant == nil {
			return err
		}
		i := slices.IndexFunc(batches, func(batch review.Batch) bool { return batch.Source == byTenant.source })
		with, err := byTenant.readTenants(ctx, conn, filter, batches[i], most)
		if err != nil {
			return err
		}
		batches[i] = review.JoinBatches(batches[i], with, most)
		return nil
	})
	if len(after) > 0 && isUnreadable(err) {
		return nil, review.ErrCursor
	}
	return batches, err
}

// isUnreadable reports whether the server could not read a value as one of its type.
func isUnreadable(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && slices.Contains([]string{"22003", "22007", "22008", "22009", "22021", "22P02", "22P03"}, answer.Code)
}

// readBranches runs the statements of branches together, and joins the branches of each source.
func readBranches(ctx context.Context, conn *pgconn.PgConn, branches []timelineBranch, most int) ([]review.Batch, error) {
	if len(branches) == 0 {
		return nil, nil
	}
	batch := &pgconn.Batch{}
	for _, branch := range branches {
		batch.ExecParams(branch.sql, branch.values(), nil, nil, nil)
	}
	results, err := conn.ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the audit tables: %w", postgres.ExplainError(err))
	}
	var batches []review.Batch
	for i, branch := range branches {
		read := review.Batch{Source: branch.source, Apart: branch.apart, More: len(results[i].Rows) >= most}
		for _, values := range results[i].Rows {
			read.Rows = append(read.Rows, review.NewEntry(timelineRow(branch.source, values)))
		}
		if last := len(batches) - 1; last >= 0 && batches[last].Source == read.Source {
			batches[last] = review.JoinBatches(batches[last], read, most)
		} else {
			batches = append(batches, read)
		}
	}
	return batches, nil
}

// timelineRow returns a row of the columns that selectList names.
func timelineRow(source review.Source, values [][]byte) *review.Row {
	row := &review.Row{Source: source, Own: string(values[0])}
	copy(row.Fields[:], values[1:])
	return row
}

// Stream implements review.Database.
func (t *Timeline) Stream(ctx context.Context, filter review.Filter, visit func(*review.Row) error) error {
	layout, err := t.layout(ctx)
	if err != nil {
		return err
	}
	return t.read(ctx, timelineStreamLimit, func(conn *pgconn.PgConn) error {
		for _, table := range layout.tables {
			if !table.answers(filter) {
				continue
			}
			if err := table.stream(ctx, conn, filter, visit); err != nil {
				return err
			}
		}
		return nil
	})
}

// stream hands over the rows of one table, in the order in which they are stored.
func (l timelineTable) stream(ctx context.Context, conn *pgconn.PgConn, filter review.Filter, visit func(*review.Row) error) error {
	p := &timelinePredicate{}
	l.addFilter(p, filter)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader := conn.ExecParams(ctx, "select "+l.selectList(false)+" from "+l.path()+" t where "+p.sql(), p.values(), nil, nil, nil)
	row := &review.Row{Source: l.source}
	var visitErr error
	for visitErr == nil && reader.NextRow() {
		copy(row.Fields[:], reader.Values())
		visitErr = visit(row)
	}
	if visitErr != nil {
		cancel() // the server is told to stop, and the rest is not read
		_, _ = reader.Close()
		return visitErr
	}
	if _, err := reader.Close(); err != nil {
		return fmt.Errorf("reading %s: %w", l.source, postgres.ExplainError(err))
	}
	return nil
}

// Emails implements review.Database.
func (t *Timeline) Emails(ctx context.Context, ids []string) (map[string]string, error) {
	layout, err := t.layout(ctx)
	if err != nil || !layout.emails {
		return nil, err
	}
	known := map[string]string{}
	err = t.read(ctx, t.limit, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select u.id::text, u.email from "+layout.users+" u where u.id = any(array(select x::uuid from unnest($1::text[]) x where x ~ '"+uuidPattern+"'))", postgres.TextArray(ids))
		for _, row := range rows {
			known[row[0]] = row[1]
		}
		return err
	})
	return known, err
}

// FindGroups returns the ids of groups by the ids or names that they are asked for by.
func (t *Timeline) FindGroups(ctx context.Context, names []string) (ids map[string][]string, err error) {
	ids = map[string][]string{}
	layout, err := t.layout(ctx)
	if err != nil || !layout.groups || len(names) == 0 {
		return ids, err
	}
	err = t.read(ctx, t.limit, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select distinct n, g.id::text from unnest($1::text[]) n join "+layout.groupsPath+" g on g.id::text = lower(n) or g.name::text = n", postgres.TextArray(names))
		for _, row := range rows {
			ids[row[0]] = append(ids[row[0]], row[1])
		}
		return err
	})
	return ids, err
}

// uuidPattern matches the text of a uuid.
const uuidPattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
