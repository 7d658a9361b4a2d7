package pgmigrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// statement is a statement of a transaction, with its parameters in binary form.
type statement struct {
	sql    string
	params [][]byte
}

// Write implements migrate.Writer. Rows that another transaction holds, or that the
// server asks to try again, are left and do not count as written.
func (c *Conn) Write(ctx context.Context, table migrate.Table, batches []migrate.Batch) ([]migrate.Outcome, error) {
	write := c.writePooled
	switch {
	case table.Spread != nil && len(batches) > 0 && batches[0].Pages == nil:
		write = c.writeSpread
	case len(table.Triggers) > 0:
		write = c.writeChecked
	case c.IsDirect() && !hasLargeRow(batches):
		write = c.writeDirect
	}
	outcomes := make([]migrate.Outcome, len(batches))
	if err := write(ctx, table, batches, outcomes); err != nil {
		return outcomes, fmt.Errorf("writing %s: %w", table, explainError(err))
	}
	return outcomes, nil
}

// batchKind is what decides the text of a batch's update.
type batchKind struct {
	table, leaf string
	triggers    string // that the table is known to have
	skipLocked  bool
}

// statementTexts returns the texts of a batch's transaction. The first is "" where the
// update stands alone.
func (c *Conn) statementTexts(table migrate.Table, batch migrate.Batch) (first, update string) {
	kind := batchKind{table: table.String(), triggers: strings.Join(table.Triggers, " "), skipLocked: batch.SkipLocked}
	if batch.Pages != nil {
		kind.leaf = batch.Pages.Leaf.Schema + "." + batch.Pages.Leaf.Name
	}
	update = c.updates[kind]
	if update == "" {
		update = updateByKey(table, batch.SkipLocked)
		var leaf *migrate.Leaf
		if batch.Pages != nil {
			leaf = &batch.Pages.Leaf
			update = updateByTID(table, *leaf)
		}
		if table.Spread == nil { // Citus plans no such conditions
			update += " and " + noOtherTrigger(table, leaf)
			if len(table.Triggers) > 0 {
				update += " and " + postgres.TriggersOnPathOf(c.PgConn())
			}
		}
		if c.updates == nil {
			c.updates = map[batchKind]string{}
		}
		c.updates[kind] = update
	}
	if batch.Pages != nil && !batch.Pruned {
		first = pruneSQL(batch.Pages.Leaf)
	}
	return first, update
}

// statements returns the statements of a batch's transaction. Their parameters are valid
// until the next call.
func (c *Conn) statements(table migrate.Table, batch migrate.Batch) []statement {
	first, update := c.statementTexts(table, batch)
	write := statement{update, c.encodeChanges(table, batch.Pages != nil, batch.Changes)}
	if first == "" {
		return []statement{write}
	}
	return []statement{{first, [][]byte{pageStart(batch.Pages.From), pageStart(batch.Pages.To)}}, write}
}

// writePooled makes one round trip for each batch. Behind a pool nothing outlives a
// transaction, so each one makes its own settings.
func (c *Conn) writePooled(ctx context.Context, table migrate.Table, batches []migrate.Batch, outcomes []migrate.Outcome) error {
	for i := range batches {
		written, err := c.execute(ctx, table, batches[i])
		if err := recordOutcome(&outcomes[i], written, err); err != nil {
			return err
		}
	}
	return nil
}

// execute sends the statements of a batch, behind the settings for writing, in one round
// trip. It returns how many rows the last one wrote.
func (c *Conn) execute(ctx context.Context, table migrate.Table, batch migrate.Batch) (written int64, err error) {
	if table.Spread != nil && batch.Pages == nil {
		return c.executeSpread(ctx, table, batch)
	}
	if hasLargeRow([]migrate.Batch{batch}) {
		return c.executeLarge(ctx, table, batch)
	}
	defer c.dropLargeArrays()
	sent := &pgconn.Batch{}
	sent.ExecParams(c.WriteSettings(true), nil, nil, nil, nil)
	for _, one := range c.statements(table, batch) {
		sent.ExecParams(one.sql, one.params, nil, binaryForm, nil)
	}
	results, err := c.PgConn().ExecBatch(ctx, sent).ReadAll()
	if err != nil {
		return 0, err
	}
	return results[len(results)-1].CommandTag.RowsAffected(), nil
}

// writeDirect makes one round trip for all batches.
func (c *Conn) writeDirect(ctx context.Context, table migrate.Table, batches []migrate.Batch, outcomes []migrate.Outcome) error {
	if err := c.Tune(ctx); err != nil {
		return err
	}
	switch err := c.prepareBatches(ctx, table, batches); {
	case postgres.IsTransient(err): // the table itself is locked
		for i := range outcomes {
			_ = recordOutcome(&outcomes[i], 0, err) // a transient error is part of the outcome
		}
		return nil
	case err != nil:
		return err
	}
	return c.sendPipeline(ctx, table, batches, outcomes)
}

// prepareBatches prepares the statements that the batches need, once each.
func (c *Conn) prepareBatches(ctx context.Context, table migrate.Table, batches []migrate.Batch) error {
	for _, batch := range batches {
		first, update := c.statementTexts(table, batch)
		for _, sql := range []string{first, update} {
			if sql == "" {
				continue
			}
			if err := c.Prepare(ctx, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordOutcome notes what became of a batch. It returns the error unless it is
// transient.
func recordOutcome(outcome *migrate.Outcome, written int64, err error) error {
	*outcome = migrate.Outcome{Written: written, Blocked: postgres.IsTransient(err), Conflict: postgres.IsConflict(err)}
	if outcome.Blocked {
		return nil
	}
	return err
}

// writeChecked writes each batch in a transaction that is committed only after the rows
// were seen to contain what was written: a trigger may have changed it.
func (c *Conn) writeChecked(ctx context.Context, table migrate.Table, batches []migrate.Batch, outcomes []migrate.Outcome) error {
	for i := range batches {
		written, err := c.writeOneChecked(ctx, table, batches[i])
		if err := recordOutcome(&outcomes[i], written, err); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) writeOneChecked(ctx context.Context, table migrate.Table, batch migrate.Batch) (written int64, err error) {
	err = postgres.InTransaction(ctx, c.PgConn(), func() error {
		if written, err = c.writeInside(ctx, table, batch); err != nil {
			return err
		}
		// Triggers that wait for the commit find what they name too.
		_, err = c.PgConn().Exec(ctx, "select "+postgres.TriggersOnPathOf(c.PgConn())).ReadAll()
		return err
	})
	if err != nil {
		written = 0
	}
	return written, err
}
