package pgmigrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

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
// work. One batch at a time is encoded, so that the server works on it while the next one
// is, and a pipeline does not take its size a second time.
func (c *Conn) sendPipeline(ctx context.Context, table migrate.Table, batches []migrate.Batch, outcomes []migrate.Outcome) error {
	for i := range batches {
		if size := sizeOf(&batches[i]); size >= maxMessage {
			return fmt.Errorf("encoding a statement: its values have %d bytes, more than a message can have", size)
		}
	}
	execute, err := (&pgproto3.Execute{}).Encode(nil)
	if err != nil {
		return fmt.Errorf("encoding a statement: %w", err)
	}
	sync, err := (&pgproto3.Sync{}).Encode(nil)
	if err != nil {
		return fmt.Errorf("encoding a statement: %w", err)
	}
	send := func(to io.Writer) error {
		for i := range batches {
			c.wire = append(c.appendBatch(c.wire[:0], table, &batches[i], execute), sync...)
			if _, err := to.Write(c.wire); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() {
		if cap(c.wire) > keptBuffer {
			c.wire = nil
		}
	}()
	return c.exchange(ctx, send, func() (failed error, broken bool) { return c.receiveOutcomes(ctx, outcomes) })
}

// sizeOf returns about how many bytes the messages of a batch have.
func sizeOf(batch *migrate.Batch) (bytes int) {
	for i := range batch.Changes {
		change := &batch.Changes[i]
		bytes += len(change.Row.TID) + len(change.Row.Key) + 8
		for i := range change.New {
			bytes += len(change.Row.Values[i]) + len(change.New[i]) + 8
		}
	}
	return bytes
}

// appendBatch appends the messages that execute the statements of a batch. prepareBatches has prepared them.
func (c *Conn) appendBatch(dst []byte, table migrate.Table, batch *migrate.Batch, execute []byte) []byte {
	first, update := c.statementTexts(table, *batch)
	if first != "" {
		start := len(dst)
		dst = appendBindHeader(dst, c.Prepared(first), 2)
		for _, page := range []int64{batch.Pages.From, batch.Pages.To} {
			tid := pageStart(page)
			dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(tid))), tid...) //nolint:gosec // six
		}
		dst = append(endBind(dst, start), execute...)
	}
	start, arrays := len(dst), 0
	byTID := batch.Pages != nil
	forEachArray(table, byTID, func(uint32, func(*migrate.Change) []byte) { arrays++ })
	dst = appendBindHeader(dst, c.Prepared(update), arrays)
	forEachArray(table, byTID, func(of uint32, value func(*migrate.Change) []byte) {
		at := len(dst)
		dst = appendArray(append(dst, 0, 0, 0, 0), of, batch.Changes, value)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4)) //nolint:gosec // less than maxMessage
	})
	return append(endBind(dst, start), execute...)
}

// appendBindHeader appends what stands in a Bind before its parameters, all in binary form, with room
// for its length. See Bind in the PostgreSQL manual, Message Formats.
func appendBindHeader(dst []byte, statement string, params int) []byte {
	dst = append(dst, 'B', 0, 0, 0, 0, 0) // the portal has no name
	dst = append(append(dst, statement...), 0)
	dst = append(dst, 0, 1, 0, 1)
	return binary.BigEndian.AppendUint16(dst, uint16(params)) //nolint:gosec // a few for each column
}

// endBind ends the Bind that begins at start, and notes its length. Its result is text.
func endBind(dst []byte, start int) []byte {
	dst = append(dst, 0, 0)
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1)) //nolint:gosec // less than maxMessage
	return dst
}

// exchange sends messages, and receives the answers meanwhile: the server may send more than the
// buffers between it and here can hold, notices above all, and then reads nothing more until that
// is read. receive returns the error of a statement, or that the connection is broken.
func (c *Conn) exchange(ctx context.Context, send func(to io.Writer) error, receive func() (failed error, broken bool)) error {
	if err := c.PgConn().SyncConn(ctx); err != nil {
		c.SetUnfit()
		return err
	}
	conn, sent := c.PgConn().Conn(), make(chan error, 1)
	crash.Go(func() { sent <- send(conn) })
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
