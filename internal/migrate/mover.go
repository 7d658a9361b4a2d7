package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// keptBytes bounds what one worker holds of the values it has read.
const keptBytes = 4 << 20

// subBatches is in how many interleaved parts a page range is written. Between
// two parts the next one's read of the range lets PostgreSQL prune the versions
// that the part before left dead, so that new versions fit on their own page and
// no index has to be touched (heap-only updates).
const subBatches = 8

// rowsPerWrite bounds a statement that finds its rows by key.
const rowsPerWrite = 500

// errFull ends a read when the worker holds enough.
var errFull = errors.New("enough rows are held")

// mover is one worker: a connection, its buffers, its ciphers.
type mover struct {
	run      *run
	session  Session
	writer   Writer
	resealer *crypto.Resealer
	held     int // bytes
	changes  []Change
}

// movePages reads a page range, reseals what is to be moved and writes it. Where
// the range holds more than the worker may keep, it is taken in several goes.
func (m *mover) movePages(ctx context.Context, table Table, pages PageRange) error {
	for {
		m.reset()
		var last []byte
		err := m.session.ReadPages(ctx, table, pages, m.run.plan.Request.To, func(row Row) error {
			last = append(last[:0], row.Place...)
			if err := m.take(table, row); err != nil {
				return err
			}
			if m.held > keptBytes {
				return errFull
			}
			return nil
		})
		full := errors.Is(err, errFull)
		if err != nil && !full {
			return err
		}
		if err := m.writeParts(ctx, table, &pages); err != nil {
			return err
		}
		if !full {
			return nil
		}
		pages.After = last
	}
}

// writeParts writes what is held in interleaved parts.
func (m *mover) writeParts(ctx context.Context, table Table, pages *PageRange) error {
	part := make([]Change, 0, len(m.changes)/subBatches+1)
	for first := range subBatches {
		part = part[:0]
		for i := first; i < len(m.changes); i += subBatches {
			part = append(part, m.changes[i])
		}
		if err := m.writeOne(ctx, table, pages, part); err != nil {
			return err
		}
	}
	return nil
}

func (m *mover) writeOne(ctx context.Context, table Table, pages *PageRange, part []Change) error {
	if len(part) == 0 {
		return nil
	}
	r := m.run
	if err := r.pace(ctx, len(part)); err != nil {
		return err
	}
	written, err := m.writer.Write(ctx, table, pages, part)
	if err != nil {
		return err
	}
	r.rows.Add(written)
	r.changed.Add(int64(len(part)) - written)
	var values int64
	for _, change := range part {
		for _, text := range change.New {
			if text != nil {
				values++
			}
		}
	}
	if written == int64(len(part)) {
		r.moved.Add(values)
	} else {
		r.moved.Add(values * written / int64(len(part)))
	}
	r.Reporter.Progress(r.done.Add(values), r.total)
	return nil
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
			resealed = make([][]byte, len(row.Values))
		}
		resealed[i] = fresh
		m.held += len(fresh)
	}
	if resealed != nil {
		m.changes = append(m.changes, Change{Row: m.keep(row), New: resealed})
	}
	return nil
}

// reseal returns the new text of a value, or nil where it stays as it is.
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
	fresh, err := m.resealer.Reseal(nil, c)
	switch {
	case errors.Is(err, crypto.ErrAuthentication):
		return nil, m.setAside(table, column, row, err)
	case err != nil:
		return nil, fmt.Errorf("sealing a value of %s.%s again: %w", table, column.Name, err)
	}
	if column.MaxLength > 0 && len(fresh) > column.MaxLength {
		return nil, m.setAside(table, column, row, errTooLong)
	}
	return fresh, nil
}

var errTooLong = errors.New("sealed again, the value would not fit the column")

func (m *mover) setAside(table Table, column Column, row Row, reason error) error {
	word := crypto.Reason(reason)
	if errors.Is(reason, errTooLong) {
		word = "too_long"
	}
	m.run.aside.add(SetAside{Table: table.Name, Column: column.Name, Key: string(row.Key), Reason: word, Detail: reason.Error()})
	if m.run.plan.Request.StopOnSetAside {
		return fmt.Errorf("%w: %s.%s of row %s: %w", ErrSetAside, table.Name, column.Name, row.Key, reason)
	}
	return nil
}

// keep copies a row, whose bytes are the reader's.
func (m *mover) keep(row Row) Row {
	kept := Row{Place: bytes.Clone(row.Place), Key: bytes.Clone(row.Key), Values: make([][]byte, len(row.Values))}
	for i, text := range row.Values {
		kept.Values[i] = bytes.Clone(text)
		m.held += len(text)
	}
	return kept
}

func (m *mover) reset() {
	m.held = 0
	m.changes = m.changes[:0]
}
