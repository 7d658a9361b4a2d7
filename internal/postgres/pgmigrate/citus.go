package pgmigrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// The rows of a table of a Citus cluster lie in parts on its nodes. Three things differ from a table of one
// server:
//
//   - A statement must say by the column that the table is distributed by on which node its rows are. Citus
//     sends one that does not to every part, with all of its parameters.
//   - It takes the values of parameters into account only in a plan that is made for them.
//   - It locks no rows in a statement that concerns several parts, so locked rows cannot be left out.

// loadSpreads loads how tables lie in the cluster. On any other server it does nothing.
func (s *Store) loadSpreads(ctx context.Context, conn *pgconn.PgConn, found *describing) error {
	citus, err := s.db.IsCitus(ctx, conn)
	if err != nil || !citus {
		return err
	}
	found.spreads, err = postgres.Spreads(ctx, conn)
	return err
}

// describeSpread fills in how a table lies in the cluster. It does nothing for a table that lies on the
// server that is asked.
func describeSpread(ctx context.Context, conn *pgconn.PgConn, oid string, found *describing, table *migrate.Table) error {
	spread, there := found.spreads[oid]
	if !there {
		return nil
	}
	sizes, err := postgres.SpreadSizes(ctx, conn, []postgres.Spread{spread})
	if err != nil {
		return err
	}
	table.OutOfLine = sizes[0].TableBytes - sizes[0].HeapBytes
	table.Spread = &migrate.Spread{Part: spread.Part, PartType: spread.PartType, Shards: sizes[0].Shards, Pages: sizes[0].Pages}
	if spread.Part == "" {
		return nil
	}
	table.ByKey = false
	for i := range table.Leaves { // partitions have parts of their own, whose sizes are not asked for
		table.Leaves[i].Pages, table.Leaves[i].ByPages = sizes[0].Pages, false
	}
	return nil
}

// keyNamesRowsWithPart reports whether the key of a table and the column that it is distributed by name one
// row together. Citus allows no unique index without that column. Rows that have the key in common are told
// apart by their values.
func keyNamesRowsWithPart(ctx context.Context, conn *pgconn.PgConn, oid string, table *migrate.Table) (bool, error) {
	if table.Spread == nil || table.Spread.Part == "" {
		return false, nil
	}
	rows, err := postgres.QueryRows(ctx, conn, `select exists (select from pg_index i where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indpred is null and i.indnkeyatts = 2
		and (select array_agg(a.attname::text order by a.attname::text) from pg_attribute a where a.attrelid = i.indrelid and a.attnotnull and a.attnum = any(i.indkey[0:1]))
			= (select array_agg(n order by n) from unnest($2::text[]) n))`, oid, postgres.TextArray([]string{table.Key, table.Spread.Part}))
	if err != nil {
		return false, err
	}
	return rows[0][0] == "t", nil
}

// checkCoordinator finds that the server is a worker of a Citus cluster: the lock that keeps runs apart and
// their record would be those of this worker alone.
func (s *Store) checkCoordinator(ctx context.Context, conn *pgconn.PgConn) ([]finding.Finding, error) {
	citus, err := s.db.IsCitus(ctx, conn)
	if err != nil || !citus {
		return nil, err
	}
	worker, err := postgres.IsCitusWorker(ctx, conn)
	if err != nil || !worker {
		return nil, err
	}
	return []finding.Finding{{Code: finding.CitusWorker, Severity: finding.Error, Where: "database",
		Message: "this server is a worker of a Citus cluster", Fix: "point DATABASE_URL at the coordinator"}}, nil
}

// partsPerScan is how many pages of all parts together one statement reads. The coordinator collects the rows
// of a statement before it passes on the first of them.
const partsPerScan = 2048

// scanParts reads a table whose parts lie on several nodes, the same pages of all of them at once.
func (c *Conn) scanParts(ctx context.Context, table migrate.Table, scope migrate.Scope, visit func(migrate.Row) error) error {
	step := max(1, partsPerScan/int64(max(1, table.Spread.Shards)))
	for from := int64(0); ; from += step {
		pages := migrate.PageRange{From: from, To: from + step}
		last := pages.To > table.Spread.Pages
		if last {
			pages.To = migrate.EndOfHeap
		}
		scope.Pages = &pages
		if err := c.Scan(ctx, table, scope, visit); err != nil || last {
			return err
		}
	}
}

// partColumn is the column that is read beside the key of a row, "" for none.
func partColumn(table migrate.Table) string {
	if table.Spread == nil || table.Spread.Part == table.Key {
		return ""
	}
	return table.Spread.Part
}

// partOf returns the value that says where a row lies, as a text.
func partOf(table migrate.Table, row migrate.Row) string {
	if partColumn(table) == "" {
		return table.KeyText(row.Key)
	}
	return string(row.Part)
}

// partsOf returns the values that say where the rows of changes lie.
func partsOf(table migrate.Table, changes []migrate.Change) string {
	parts := make([]string, len(changes))
	for i, change := range changes {
		parts[i] = partOf(table, change.Row)
	}
	return postgres.TextArray(parts)
}

// Arrange implements migrate.Conn.
func (c *Conn) Arrange(ctx context.Context, table migrate.Table, changes []migrate.Change) error {
	if table.Spread == nil || table.Spread.Part == "" || len(changes) == 0 {
		return nil
	}
	if err := c.BeginRead(ctx); err != nil {
		return explainError(err)
	}
	result := c.PgConn().ExecParams(ctx, fmt.Sprintf("select get_shard_id_for_distribution_column($1::regclass, p::%s) from unnest($2::text[]) with ordinality u(p, place) order by place", table.Spread.PartType),
		[][]byte{[]byte(postgres.Quote(table.Schema, table.Name)), []byte(partsOf(table, changes))}, nil, nil, nil).Read()
	err := result.Err
	if ended := c.EndRead(ctx); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("asking where the rows of %s lie: %w", table, explainError(err))
	}
	for i, row := range result.Rows {
		changes[i].Group = postgres.ParseNumber(string(row[0]))
	}
	slices.SortStableFunc(changes, func(a, b migrate.Change) int { return int(a.Group - b.Group) })
	return nil
}

// spreadSettings are the settings of a transaction that writes to the nodes, which Citus passes on to them.
func (c *Conn) spreadSettings() string {
	return "set local plan_cache_mode = auto; set local citus.propagate_set_commands = 'local'; " + c.LocalTimeouts()
}

// updateSpread returns the UPDATE of rows of a cluster that are found by their keys, and are unchanged. Its
// last parameter says where they lie.
func updateSpread(table migrate.Table) string {
	sql := updateFrom(table, postgres.Quote(table.Schema, table.Name), false) + " where " + isUnchanged(table)
	if table.Spread.Part == "" {
		return sql
	}
	part := fmt.Sprintf(" and t.%s = any($%d::text[]::%s[])", postgres.Quote(table.Spread.Part), 2+2*len(table.Columns), table.Spread.PartType)
	return sql + part
}

// executeSpread sends the statements of a batch in the transaction that is open, and returns how many rows
// were written.
func (c *Conn) executeSpread(ctx context.Context, table migrate.Table, batch migrate.Batch) (written int64, err error) {
	defer c.dropLargeArrays()
	if _, err := c.PgConn().Exec(ctx, c.spreadSettings()).ReadAll(); err != nil {
		return 0, err
	}
	params := c.encodeChanges(table, false, batch.Changes)
	formats := make([]int16, len(params))
	for i := range formats {
		formats[i] = binaryForm[0]
	}
	if table.Spread.Part != "" {
		params, formats = append(params, []byte(partsOf(table, batch.Changes))), append(formats, 0)
	}
	result := c.PgConn().ExecParams(ctx, updateSpread(table), params, nil, formats, nil).Read()
	return result.CommandTag.RowsAffected(), result.Err
}

// writeSpread writes each batch in a transaction of its own. A batch that is to leave locked rows out is
// halved where one of its rows is locked, until the locked ones are alone.
func (c *Conn) writeSpread(ctx context.Context, table migrate.Table, batches []migrate.Batch, outcomes []migrate.Outcome) error {
	for i := range batches {
		if err := c.writeOneSpread(ctx, table, batches[i], &outcomes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) writeOneSpread(ctx context.Context, table migrate.Table, batch migrate.Batch, outcome *migrate.Outcome) error {
	var written int64
	err := postgres.InTransaction(ctx, c.PgConn(), func() (err error) {
		written, err = c.executeSpread(ctx, table, batch)
		return err
	})
	if err != nil {
		written = 0
	}
	if err := recordOutcome(outcome, written, err); err != nil || !outcome.Blocked || !batch.SkipLocked || len(batch.Changes) == 1 {
		return err
	}
	*outcome = migrate.Outcome{Blocked: true, Conflict: true}
	half := len(batch.Changes) / 2
	for _, changes := range [][]migrate.Change{batch.Changes[:half], batch.Changes[half:]} {
		piece, part := batch, migrate.Outcome{}
		piece.Changes = changes
		if err := c.writeOneSpread(ctx, table, piece, &part); err != nil {
			return err
		}
		outcome.Written += part.Written
		outcome.Blocked, outcome.Conflict = outcome.Blocked && part.Blocked, outcome.Conflict && part.Conflict
	}
	return nil
}

// describeParts returns where the parts of tables of a cluster are stored.
func describeParts(storage string, parts []part, files map[string]string) string {
	for _, one := range parts {
		if files[one.oid] != "" {
			storage = strings.TrimSpace(storage + " " + files[one.oid])
		}
	}
	return storage
}

// filesNow returns where the parts of the tables of a cluster are stored now, by the OIDs of the tables.
func (s *Store) filesNow(ctx context.Context, conn *pgconn.PgConn, parts []part) (map[string]string, error) {
	citus, err := s.db.IsCitus(ctx, conn)
	if err != nil || !citus {
		return nil, err
	}
	spreads, err := postgres.Spreads(ctx, conn)
	if err != nil {
		return nil, err
	}
	var oids []string
	var tables []postgres.Spread
	for _, one := range parts {
		if spread, there := spreads[one.oid]; there && !slices.Contains(oids, one.oid) {
			oids, tables = append(oids, one.oid), append(tables, spread)
		}
	}
	sizes, err := postgres.SpreadSizes(ctx, conn, tables)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for i, oid := range oids {
		files[oid] = sizes[i].Storage
	}
	return files, nil
}
