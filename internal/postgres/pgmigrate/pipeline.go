package pgmigrate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// sendPipeline sends all batches at once. Each is a transaction that ends with a
// synchronization of its own, so that one that fails takes no other with it. prepareBatches
// has prepared their statements.
//
// The messages are encoded here and not by the driver, which makes a new buffer for each
// pipeline and lets it grow: copying and collecting these was a tenth of the program's
// work.
func (c *Conn) sendPipeline(ctx context.Context, table migrate.Table, batches []migrate.Batch, outcomes []migrate.Outcome) error {
	if err := c.encodePipeline(table, batches); err != nil {
		return err
	}
	if cap(c.wire) > keptBuffer {
		defer func() { c.wire = nil }()
	}
	return c.exchange(ctx, net.Buffers{c.wire}, func() (failed error, broken bool) { return c.receiveOutcomes(ctx, outcomes) })
}

// exchange sends messages, and receives the answers meanwhile: the server may send more than the
// buffers between it and here can hold, notices above all, and then reads nothing more until that
// is read. receive returns the error of a statement, or that the connection is broken.
func (c *Conn) exchange(ctx context.Context, messages net.Buffers, receive func() (failed error, broken bool)) error {
	if err := c.PgConn().SyncConn(ctx); err != nil {
		c.SetUnfit()
		return err
	}
	conn, sent := c.PgConn().Conn(), make(chan error, 1)
	crash.Go(func() {
		_, err := messages.WriteTo(conn)
		sent <- err
	})
	failed, broken := receive()
	if broken {
		c.SetUnfit()
		_ = conn.Close() // what was sent and received is not known
	}
	if err := <-sent; err != nil && failed == nil {
		c.SetUnfit()
		_ = conn.Close()
		return err
	}
	return failed
}

// encodePipeline writes the messages of the batches into c.wire.
func (c *Conn) encodePipeline(table migrate.Table, batches []migrate.Batch) (err error) {
	c.wire = c.wire[:0]
	defer c.dropLargeArrays()
	for i := range batches {
		for _, one := range c.statements(table, batches[i]) {
			c.wire = slices.Grow(c.wire, one.size())
			bind := pgproto3.Bind{PreparedStatement: c.Prepared(one.sql), ParameterFormatCodes: binaryForm, Parameters: one.params}
			if c.wire, err = bind.Encode(c.wire); err != nil {
				return fmt.Errorf("encoding a statement: %w", err)
			}
			if c.wire, err = (&pgproto3.Execute{}).Encode(c.wire); err != nil {
				return fmt.Errorf("encoding a statement: %w", err)
			}
		}
		if c.wire, err = (&pgproto3.Sync{}).Encode(c.wire); err != nil {
			return fmt.Errorf("encoding a statement: %w", err)
		}
	}
	return nil
}

// receiveOutcomes reads what became of each batch. After an error in one batch the server
// goes on with the next, so each answer is read. It reports whether the connection broke.
func (c *Conn) receiveOutcomes(ctx context.Context, outcomes []migrate.Outcome) (failed error, broken bool) {
	for i := range outcomes {
		written, _, err := c.receiveOutcome(ctx)
		var answer *pgconn.PgError
		if err != nil && !errors.As(err, &answer) {
			return err, true
		}
		if err := recordOutcome(&outcomes[i], written, err); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed, false
}

// receiveOutcome reads the answers up to the synchronization of a batch: how many rows its
// last statement wrote, the number that it returned, or the error that rolled it back.
func (c *Conn) receiveOutcome(ctx context.Context) (written, number int64, failed error) {
	for {
		message, err := c.PgConn().ReceiveMessage(ctx)
		if err != nil {
			return 0, 0, err
		}
		switch message := message.(type) {
		case *pgproto3.CommandComplete:
			written = pgconn.NewCommandTag(string(message.CommandTag)).RowsAffected()
		case *pgproto3.DataRow:
			number = postgres.ParseNumber(string(message.Values[0]))
		case *pgproto3.ErrorResponse:
			failed = pgconn.ErrorResponseToPgError(message)
		case *pgproto3.ReadyForQuery:
			if failed != nil {
				return 0, 0, failed
			}
			return written, number, nil
		}
	}
}
