package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ocmt/ocmt/internal/migrate"
)

// trip sends all parts at once, each a transaction that ends with a
// synchronization of its own, so that one that fails takes no other with it.
// Their statements have been prepared.
//
// The messages are encoded here and not by the driver, which makes a new buffer
// for each trip and lets it grow: copying and collecting that was a tenth of the
// program's work.
func (s *Session) trip(ctx context.Context, table migrate.Table, parts []migrate.Part) error {
	if err := s.encode(table, parts); err != nil {
		return err
	}
	if err := s.conn.SyncConn(ctx); err != nil {
		s.spent = true
		return err
	}
	// The server may say more than what lies between it and here can hold, notices
	// above all, and then takes nothing more until that is read.
	conn, sent := s.conn.Conn(), make(chan error, 1)
	go func() {
		_, err := conn.Write(s.wire)
		sent <- err
	}()
	failed, broken := s.receive(ctx, parts)
	if broken {
		s.spent = true
		_ = conn.Close() // what was sent and received is not known
	}
	if err := <-sent; err != nil && failed == nil {
		s.spent = true
		_ = conn.Close()
		return err
	}
	return failed
}

// encode writes the messages of the parts into s.wire.
func (s *Session) encode(table migrate.Table, parts []migrate.Part) (err error) {
	s.wire = s.wire[:0]
	for i := range parts {
		for _, one := range s.statements(table, parts[i]) {
			bind := pgproto3.Bind{PreparedStatement: s.prepared[one.sql], ParameterFormatCodes: binaryForm, Parameters: one.params}
			if s.wire, err = bind.Encode(s.wire); err != nil {
				return fmt.Errorf("encoding a statement: %w", err)
			}
			if s.wire, err = (&pgproto3.Execute{}).Encode(s.wire); err != nil {
				return fmt.Errorf("encoding a statement: %w", err)
			}
		}
		if s.wire, err = (&pgproto3.Sync{}).Encode(s.wire); err != nil {
			return fmt.Errorf("encoding a statement: %w", err)
		}
	}
	return nil
}

// receive reads what became of each part. After an error of one the server goes on
// with the next: each is read, so that what was written is known. It reports
// whether the connection broke.
func (s *Session) receive(ctx context.Context, parts []migrate.Part) (failed error, broken bool) {
	for i := range parts {
		written, err := s.receivePart(ctx)
		var answer *pgconn.PgError
		if err != nil && !errors.As(err, &answer) {
			return err, true
		}
		if err := settled(&parts[i], written, err); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed, false
}

// receivePart reads up to the synchronization of a part: how many rows its last
// statement wrote, or the error that took it back.
func (s *Session) receivePart(ctx context.Context) (written int64, failed error) {
	for {
		message, err := s.conn.ReceiveMessage(ctx)
		if err != nil {
			return 0, err
		}
		switch message := message.(type) {
		case *pgproto3.CommandComplete:
			written = pgconn.NewCommandTag(string(message.CommandTag)).RowsAffected()
		case *pgproto3.ErrorResponse:
			failed = pgconn.ErrorResponseToPgError(message)
		case *pgproto3.ReadyForQuery:
			if failed != nil {
				return 0, failed
			}
			return written, nil
		}
	}
}
