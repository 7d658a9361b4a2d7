package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// keptBytes is about what one worker holds of the values it has read, and
// mostKeptBytes what it holds where they turn out to be larger than expected.
const (
	keptBytes     = 8 << 20
	mostKeptBytes = 2 * keptBytes
)

// strips of a page range are written in turn: while one is written, transactions
// that might still see the dead versions of the others come to their end.
const strips = 4

// partsPerTrip is how many parts go to the server at once, so that it need not
// wait for the next one. Under a row limit they go one by one, so that the rows
// come evenly.
const partsPerTrip = 8

// rowsPerWrite bounds a statement that finds its rows by key.
const rowsPerWrite = 500

// mover is one worker: a connection, its buffers, its ciphers.
type mover struct {
	run      *run
	session  Session
	writer   Writer
	resealer *crypto.Resealer
	waited   time.Duration // at the gate and for the row limit, in the chunk in hand

	held                int   // bytes
	rowsSeen, bytesSeen int64 // in the table in hand
	bytes               arena[byte]
	lists               arena[[]byte]
	fresh               []byte // the value sealed last

	changes []Change
	parcels [strips]parcel
}

// movePages reads a page range, reseals what is to be moved and writes it. Where
// the range holds more than the worker should keep, it is taken in several goes.
func (m *mover) movePages(ctx context.Context, table Table, pages PageRange) error {
	for more := true; more; {
		m.reset()
		for more && m.held < keptBytes {
			var err error
			pages.Limit = m.rowsWithin(rowsPerRead)
			pages.After, more, err = m.readPages(ctx, table, pages)
			if errors.Is(err, ErrBusy) {
				return nil // a later pass meets these rows again
			}
			if err != nil {
				return err
			}
		}
		if err := m.writeParts(ctx, table, pages); err != nil {
			return err
		}
	}
	return nil
}

// rowsPerRead bounds one statement that reads. While it runs, nothing that other
// workers leave dead can be pruned, and a short one hands all of its rows to the
// system's buffers without waiting for them to be resealed.
const rowsPerRead = 500

// readPages reads rows of a page range, at most as many as its limit, and
// reseals what is to be moved. It returns the place of the last row, and whether
// there may be more.
func (m *mover) readPages(ctx context.Context, table Table, pages PageRange) (last []byte, more bool, err error) {
	read := 0
	err = m.session.ReadPages(ctx, table, pages, m.run.plan.Request.To, func(row Row) error {
		if m.held >= mostKeptBytes {
			return errEnough
		}
		last = append(last[:0], row.Place...)
		read++
		m.saw(row)
		return m.take(table, row)
	})
	if errors.Is(err, errEnough) {
		return last, true, nil
	}
	return last, read == pages.Limit, err
}

// errEnough ends a read whose rows are larger than those before them.
var errEnough = errors.New("enough is read")

// saw remembers how large a row was.
func (m *mover) saw(row Row) {
	m.rowsSeen++
	for _, text := range row.Values {
		m.bytesSeen += 2 * int64(len(text)) // as read, and as written
	}
}

// rowsWithin is how many rows may be read at once: at most so many, and fewer where
// they would hold more than keptBytes, judged by the rows before. It begins low: a
// table's values may be large.
func (m *mover) rowsWithin(most int64) int {
	if m.rowsSeen == 0 {
		return fewestRows
	}
	return int(min(most, max(1, keptBytes*m.rowsSeen/max(1, m.bytesSeen))))
}

// fewestRows is how many rows are read where nothing is known of them.
const fewestRows = 16

// writeParts writes what is held in interleaved parts. Between two of them it
// can be asked to stop: what is not written yet is met again.
func (m *mover) writeParts(ctx context.Context, table Table, pages PageRange) error {
	ranges := m.cut(pages)
	most := partsPerTrip
	if m.run.limit.rate() > 0 {
		most = 1
	}
	trip := make([]Part, 0, most)
	for part := range mostParts {
		for strip := range ranges {
			if changes := m.parcels[strip][part]; len(changes) > 0 {
				trip = append(trip, Part{Pages: &ranges[strip], Changes: changes, Pruned: part == 0})
			}
			if len(trip) < most {
				continue
			}
			if m.run.stopping() {
				return ErrStopped
			}
			if err := m.write(ctx, table, trip); err != nil {
				return err
			}
			trip = trip[:0]
		}
	}
	return m.write(ctx, table, trip)
}

// cut cuts a page range into strips, and spreads the changes of each over parts.
func (m *mover) cut(pages PageRange) (ranges [strips]PageRange) {
	rest, length := m.changes, pages.To-pages.From
	for i := range ranges {
		ranges[i] = pages
		ranges[i].From, ranges[i].To = pages.From+length*int64(i)/strips, pages.From+length*int64(i+1)/strips
		end := slices.IndexFunc(rest, func(c Change) bool { return c.Row.Page >= ranges[i].To })
		if end < 0 {
			end = len(rest)
		}
		m.parcels[i].interleave(rest[:end])
		rest = rest[end:]
	}
	return ranges
}

// write writes parts in one trip to the server, and counts what became of them.
func (m *mover) write(ctx context.Context, table Table, trip []Part) error {
	rows := 0
	for _, part := range trip {
		rows += len(part.Changes)
	}
	if rows == 0 {
		return nil
	}
	waited, err := m.run.admit(ctx, rows)
	if err != nil {
		return err
	}
	m.waited += waited
	err = m.writer.Write(ctx, table, trip)
	for _, part := range trip {
		// Of one that got no answer nothing is known, and nothing is counted.
		if err == nil || part.Written > 0 {
			m.run.count(table, part)
		}
	}
	return err
}

// take reseals the values of a row that are to be moved, and keeps the row if
// there are any.
func (m *mover) take(table Table, row Row) error {
	var resealed [][]byte
	for i, text := range row.Values {
		if text == nil {
			continue
		}
		fresh, err := m.reseal(table, table.Columns[i], row, text)
		if err != nil {
			return err
		}
		if fresh == nil {
			continue
		}
		if resealed == nil {
			resealed = m.lists.take(len(row.Values))
			clear(resealed)
		}
		resealed[i] = m.bytes.copied(fresh)
		m.held += len(fresh)
	}
	if resealed != nil {
		m.changes = append(m.changes, Change{Row: m.keep(row), New: resealed})
	}
	return nil
}

// reseal returns the new text of a value, which is good until the next one, or
// nil where it stays as it is.
func (m *mover) reseal(table Table, column Column, row Row, text []byte) ([]byte, error) {
	request := m.run.plan.Request
	c, what, err := inspect(m.resealer, request, m.run.Ring, column, text)
	switch what {
	case aside:
		return nil, m.setAside(table, column, row, err)
	case leaving:
	default:
		return nil, nil
	}
	m.fresh, err = m.resealer.Reseal(m.fresh[:0], c)
	switch {
	case errors.Is(err, crypto.ErrAuthentication):
		return nil, m.setAside(table, column, row, err)
	case err != nil:
		return nil, fmt.Errorf("sealing a value of %s.%s again: %w", table, column.Name, err)
	}
	if column.MaxLength > 0 && len(m.fresh) > column.MaxLength {
		return nil, m.setAside(table, column, row, errTooLong)
	}
	return m.fresh, nil
}

var errTooLong = errors.New("sealed again, the value would not fit the column")

func (m *mover) setAside(table Table, column Column, row Row, reason error) error {
	word := crypto.Reason(reason)
	if errors.Is(reason, errTooLong) {
		word = "too_long"
	}
	m.run.aside.add(SetAside{Table: table.Name, Column: column.Name, Key: table.KeyText(row.Key), Reason: word, Detail: reason.Error()})
	if m.run.plan.Request.StopOnSetAside {
		return fmt.Errorf("%w: %s.%s of row %s: %w", ErrSetAside, table.Name, column.Name, table.KeyText(row.Key), reason)
	}
	return nil
}

// keep copies a row, whose bytes are the reader's.
func (m *mover) keep(row Row) Row {
	kept := Row{Page: row.Page, Place: m.bytes.copied(row.Place), Key: m.bytes.copied(row.Key), Values: m.lists.take(len(row.Values))}
	for i, text := range row.Values {
		kept.Values[i] = m.bytes.copied(text)
		m.held += len(text)
	}
	return kept
}

func (m *mover) reset() {
	m.held = 0
	m.bytes.reset()
	m.lists.reset()
	m.changes = m.changes[:0]
}
