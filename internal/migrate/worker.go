package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// The workers read up to about keptBytes of values in all before they write them, and one of them up
// to about keptBytes/2. Where values are larger than expected, a worker stops reading at twice its
// share.
const (
	keptBytes = 16 << 20
	// rowOverhead is about how many bytes a row takes beside its values while it is kept.
	rowOverhead = 256
)

// shareOf returns how many bytes one of so many workers keeps.
func shareOf(workers int) int { return min(keptBytes/2, keptBytes/max(1, workers)) }

// batchesPerPipeline is how many batches go to the server in one pipeline, so that
// it need not wait for the next one. Under a row limit batches go one by one, so
// that the rows are spread evenly over time.
const batchesPerPipeline = 8

// worker moves values on one connection. It owns its buffers and ciphers.
type worker struct {
	run      *run
	conn     Conn
	writer   Writer
	resealer *crypto.Resealer
	waited   time.Duration // time that the present chunk waited at the gate and for the row limit

	share               int   // bytes that it keeps at most
	kept                int   // bytes of the values in changes, and of what holds them
	rowsSeen, bytesSeen int64 // in the present table
	bytes               arena[byte]
	lists               arena[[]byte]
	resealed            []byte // the value that was sealed last
	large               bool   // it holds run.large

	changes    []Change
	subBatches [segments]subBatches
}

// errEnough ends a read whose rows are larger than those before them.
var errEnough = errors.New("enough is read")

// noteSize remembers how large a row was.
func (w *worker) noteSize(row Row) {
	w.rowsSeen++
	w.bytesSeen += rowOverhead + 2*int64(row.size()) // once as read, and once as written
}

// minRows is how many rows are read while nothing is known of their size.
const minRows = 16

// rowsWithin returns how many rows to read at once: at most so many, and fewer where
// they would take more than its share, judged by the rows before. It begins low,
// because the values of a table may be large.
func (w *worker) rowsWithin(most int64) int {
	if w.rowsSeen == 0 {
		return minRows
	}
	return int(min(most, max(1, int64(w.share)*w.rowsSeen/max(1, w.bytesSeen))))
}

// resealRow reseals the values of a row that are to be moved, and keeps the row if
// there are any.
func (w *worker) resealRow(table Table, row Row) error {
	if row.TooLarge != nil {
		return w.setAsideRow(table, row)
	}
	w.lockLarge(row)
	var fresh [][]byte
	for i, text := range row.Values {
		if len(text) == 0 { // NULL, or empty: OCMT keeps nothing there in either form
			continue
		}
		resealed, err := w.resealValue(table, table.Columns[i], row, text)
		if err != nil {
			return err
		}
		if resealed == nil {
			continue
		}
		if fresh == nil {
			fresh = w.lists.take(len(row.Values))
			clear(fresh)
		}
		if len(resealed) > LargeRow {
			fresh[i], w.resealed = resealed, nil
		} else {
			fresh[i] = w.bytes.clone(resealed)
		}
		w.kept += len(resealed)
	}
	if fresh != nil {
		w.changes = append(w.changes, Change{Row: w.keepRow(row), New: fresh})
		w.kept += rowOverhead
	}
	return nil
}

// resealValue returns the new text of a value, which is valid until the next call,
// or nil where the value stays as it is.
func (w *worker) resealValue(table Table, column Column, row Row, text []byte) ([]byte, error) {
	c, state, err := classify(w.resealer, w.run.plan.Request, w.run.Ring, column, text)
	switch state {
	case notMovable:
		return nil, w.setAsideValue(table, column, row, text, explainUnopened(w.run.Ring, w.resealer, c, err))
	case toMove:
	default:
		return nil, nil
	}
	// ErrAuthentication is about the old ciphertext. A new one that does not open again is
	// ErrReopen, which ends the run.
	if len(text) > LargeRow {
		w.resealed = nil // the resealer then hands its own over
	}
	w.resealed, err = w.resealer.Reseal(w.resealed[:0], c)
	switch {
	case errors.Is(err, crypto.ErrAuthentication):
		return nil, w.setAsideValue(table, column, row, text, explainUnopened(w.run.Ring, w.resealer, c, err))
	case err != nil:
		return nil, fmt.Errorf("sealing a value of %s.%s again: %w", table, column.Name, err)
	}
	if column.MaxLength > 0 && len(w.resealed) > column.MaxLength {
		return nil, w.setAsideValue(table, column, row, text, errTooLong)
	}
	return w.resealed, nil
}

// setAsideRow lists the values of a row that does not fit into memory.
func (w *worker) setAsideRow(table Table, row Row) error {
	for i, size := range row.TooLarge {
		if size < 0 {
			continue
		}
		if err := w.setAsideValue(table, table.Columns[i], row, nil, tooLarge(table, row)); err != nil {
			return err
		}
	}
	return nil
}

var errTooLong = errors.New("sealed again, the value would not fit the column")

// setAsideValue lists a value that stays as it is, unless it was accepted as lost. The error is
// ErrSetAside where the request asks to stop there.
func (w *worker) setAsideValue(table Table, column Column, row Row, text []byte, reason error) error {
	word := reasonOf(reason)
	if one, accepted := w.run.accepted.find(table, column, row, text); accepted && word != reasonMislabelled {
		w.run.setAside.addAccepted(one)
		return nil
	}
	if errors.Is(reason, errTooLong) {
		word = "too_long"
	}
	w.run.setAside.add(SetAside{Place: table.Place(column), Key: table.ShownKey(row.Key), Reason: word, Detail: reason.Error()})
	if w.run.plan.Request.StopOnSetAside {
		return fmt.Errorf("%w: %s of row %s: %w", ErrSetAside, table.Place(column), table.ShownKey(row.Key), reason)
	}
	return nil
}

// keepRow copies a row, whose bytes belong to the reader.
func (w *worker) keepRow(row Row) Row {
	kept := Row{Page: row.Page, TID: w.bytes.clone(row.TID), Key: w.bytes.clone(row.Key), Part: w.bytes.clone(row.Part), Values: w.lists.take(len(row.Values))}
	for i, text := range row.Values {
		kept.Values[i] = w.bytes.clone(text)
		w.kept += len(text)
	}
	return kept
}

// lockLarge waits, if a row is large, until no other worker has one.
func (w *worker) lockLarge(row Row) {
	if w.large || !row.IsLarge() {
		return
	}
	w.run.large.Lock()
	w.large = true
}

// unlockLarge lets another worker have a large row.
func (w *worker) unlockLarge() {
	if w.large {
		w.large = false
		w.run.large.Unlock()
	}
}

// reset forgets the changes and frees their memory.
func (w *worker) reset() {
	if w.large { // their memory is too much to be kept
		w.bytes, w.lists, w.changes, w.subBatches = arena[byte]{}, arena[[]byte]{}, nil, [segments]subBatches{}
		w.unlockLarge()
	}
	w.kept = 0
	w.bytes.reset()
	w.lists.reset()
	w.changes = w.changes[:0]
}

// write writes batches in one pipeline and counts what became of them.
func (w *worker) write(ctx context.Context, table Table, batches []Batch) error {
	rows := 0
	for _, batch := range batches {
		rows += len(batch.Changes)
	}
	if rows == 0 {
		return nil
	}
	waited, err := w.run.admit(ctx, rows)
	if err != nil {
		return err
	}
	w.waited += waited
	w.run.writing.Add(int64(rows))
	outcomes, err := w.writer.Write(ctx, table, batches)
	w.run.writing.Add(-int64(rows))
	for i, batch := range batches[:min(len(batches), len(outcomes))] {
		// After an error, an outcome without rows may belong to a batch that got no answer.
		// Nothing is known of such a batch, so it is not counted.
		if err == nil || outcomes[i].Written > 0 {
			w.run.addOutcome(table, batch, outcomes[i])
		}
	}
	return err
}
