package pgmigrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ocmt/ocmt/internal/migrate"
)

// A row of 50 MB would be in memory twice more while its parameters and then the messages are put
// together. So the values of large rows are sent from where they lie.

// hasLargeRow reports whether any row is large.
func hasLargeRow(batches []migrate.Batch) bool {
	return slices.ContainsFunc(batches, func(b migrate.Batch) bool {
		return slices.ContainsFunc(b.Changes, func(c migrate.Change) bool { return c.Row.IsLarge() })
	})
}

// pieces is a parameter in parts that are sent one after the other.
type pieces [][]byte

func (p pieces) size() (bytes int) {
	for _, piece := range p {
		bytes += len(piece)
	}
	return bytes
}

// largeStatement is a statement with its parameters in binary form.
type largeStatement struct {
	sql    string
	params []pieces
}

// executeLarge does what execute does.
func (c *Conn) executeLarge(ctx context.Context, table migrate.Table, batch migrate.Batch) (written int64, err error) {
	first, update := c.statementTexts(table, batch)
	list := []largeStatement{{sql: c.WriteSettings(true)}}
	if first != "" {
		list = append(list, largeStatement{first, []pieces{{pageStart(batch.Pages.From)}, {pageStart(batch.Pages.To)}}})
	}
	list = append(list, largeStatement{update, piecesOf(table, batch.Pages != nil, batch.Changes)})
	written, _, err = c.sendLarge(ctx, list)
	return written, err
}

// sendLarge sends statements in one round trip, all in one transaction. It returns how many rows the
// last one wrote, and the number that it returned.
func (c *Conn) sendLarge(ctx context.Context, statements []largeStatement) (written, number int64, err error) {
	var messages net.Buffers
	for _, one := range statements {
		if messages, err = appendStatement(messages, one); err != nil {
			return 0, 0, err
		}
	}
	end, err := (&pgproto3.Sync{}).Encode(nil)
	if err != nil {
		return 0, 0, fmt.Errorf("encoding a statement: %w", err)
	}
	messages = append(messages, end)
	send := func(to io.Writer) error {
		_, err := messages.WriteTo(to)
		return err
	}
	err = c.exchange(ctx, send, func() (failed error, broken bool) {
		written, number, failed = c.receiveOutcome(ctx)
		var answer *pgconn.PgError
		return failed, failed != nil && !errors.As(failed, &answer)
	})
	return written, number, err
}

// maxMessage is more than any message of the protocol can have, in bytes.
const maxMessage = math.MaxInt32

// appendStatement appends the messages that prepare a statement without a name, bind its parameters
// and execute it. The driver has no Bind in pieces.
func appendStatement(messages net.Buffers, one largeStatement) (net.Buffers, error) {
	parse, err := (&pgproto3.Parse{Query: one.sql}).Encode(nil)
	if err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	bind := appendBindHeader(nil, "", len(one.params))
	size := len(bind) - 1 + 2
	for _, param := range one.params {
		size += 4 + param.size()
	}
	if size >= maxMessage {
		return nil, fmt.Errorf("encoding a statement: its values have %d bytes, more than a message can have", size)
	}
	binary.BigEndian.PutUint32(bind[1:], uint32(size))
	messages = append(messages, append(parse, bind...))
	for _, param := range one.params {
		messages = append(messages, binary.BigEndian.AppendUint32(nil, uint32(param.size()))) //nolint:gosec // less than size
		messages = append(messages, param...)
	}
	execute, err := (&pgproto3.Execute{}).Encode([]byte{0, 0}) // the result is text
	if err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	return append(messages, execute), nil
}

// piecesOf returns the parameters that encodeChanges returns, in pieces that are the values
// themselves.
func piecesOf(table migrate.Table, byTID bool, changes []migrate.Change) (params []pieces) {
	forEachArray(table, byTID, func(of uint32, value func(*migrate.Change) []byte) {
		params = append(params, arrayPieces(of, changes, value))
	})
	return params
}

// arrayPieces is appendArray in pieces.
func arrayPieces(of uint32, changes []migrate.Change, value func(*migrate.Change) []byte) (list pieces) {
	list = append(list, appendArrayHeader(nil, of, len(changes)))
	for i := range changes {
		element := value(&changes[i])
		if element == nil {
			list = append(list, []byte{0xff, 0xff, 0xff, 0xff})
			continue
		}
		list = append(list, binary.BigEndian.AppendUint32(nil, uint32(len(element))), element) //nolint:gosec // a value is at most 1 GB
	}
	return list
}
