package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// A value can be sealed with another key of the ring than its label says: a server ran with a
// new version number and the old key. GCM proves which key it is: with any other the value
// does not open.

// errMislabelled says which key a value opens with.
type errMislabelled struct{ label, opens int }

// Error says what the value is.
func (e *errMislabelled) Error() string {
	return fmt.Sprintf("labelled version %d, opens with the key of version %d", e.label, e.opens)
}

// reasonMislabelled is the word of errMislabelled in SetAside.Reason.
const reasonMislabelled = "mislabelled"

// openingKey returns the version of the key in a ring that opens a ciphertext which the key of
// its label does not open.
func openingKey(ring *crypto.Keyring, opener *crypto.Resealer, c crypto.Ciphertext) (crypto.Ciphertext, bool) {
	label := c.Version
	c.Format = crypto.Versioned
	for _, version := range ring.Versions() {
		if version == label {
			continue
		}
		c.Version = version
		if _, err := opener.Open(c); err == nil {
			return c, true
		}
	}
	return c, false
}

// explainUnopened says more of a value that does not open: another key may open it.
func explainUnopened(ring *crypto.Keyring, opener *crypto.Resealer, c crypto.Ciphertext, err error) error {
	if opens, ok := openingKey(ring, opener, c); ok {
		return &errMislabelled{label: c.Version, opens: opens.Version}
	}
	return err
}

// reasonOf returns the word for a reason to set a value aside.
func reasonOf(err error) string {
	switch err.(type) { //nolint:errorlint // they are made here and never wrapped
	case *errMislabelled:
		return reasonMislabelled
	case *errTooLarge:
		return reasonTooLarge
	case *errSealedTwice:
		return reasonSealedTwice
	}
	return crypto.Reason(err)
}

// Repair is a repair of labels in one column.
type Repair struct {
	Place
	Label  int   `json:"label"`       // the version that the values were labelled with
	Opened int   `json:"key_version"` // the version of the key that opened them
	Values int64 `json:"values"`
}

// repairCounts counts repairs for the record.
type repairCounts struct {
	mu     sync.Mutex
	counts map[Repair]int64 // by a Repair without values
}

func (r *repairCounts) add(repairs []Repair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[Repair]int64{}
	}
	for _, repair := range repairs {
		r.counts[repair]++
	}
}

// all returns the repairs in the order of their places.
func (r *repairCounts) all() []Repair {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Repair, 0, len(r.counts))
	for repair, values := range r.counts {
		repair.Values = values
		list = append(list, repair)
	}
	slices.SortFunc(list, func(a, b Repair) int {
		return cmp.Or(strings.Compare(a.String(), b.String()), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Opened, b.Opened))
	})
	return list
}

// repairLabels opens every value of the tables, and brings those that open with another key
// than their label says under the target version. Each row is written for itself, by
// compare-and-swap: such values are few, and are counted exactly. It finds anew which values
// are to be set aside.
func (r *run) repairLabels(ctx context.Context, result *Result) error {
	r.setPhase("repairing labels", result.Passes+1)
	r.clearSetAside()
	reading, err := r.Conns.OpenSnapshot(ctx)
	if err != nil {
		return err
	}
	defer reading.Close(context.WithoutCancel(ctx))
	writing, err := r.Conns.Open(ctx)
	if err != nil {
		return err
	}
	defer writing.Close(context.WithoutCancel(ctx))
	w := &worker{run: r, conn: writing, share: shareOf(1), writer: r.retryConflicts(r.writer(writing)), resealer: crypto.NewResealer(r.Ring, r.Random)}
	return r.forEachTable(ctx, func(ctx context.Context, table Table) error {
		return reading.Scan(ctx, table, Scope{}, func(row Row) error { return w.repairRow(ctx, table, row) })
	})
}

// repairRow writes a row that has values with a wrong label.
func (w *worker) repairRow(ctx context.Context, table Table, row Row) error {
	if row.TooLarge != nil {
		return w.setAsideRow(table, row)
	}
	var repairs []Repair
	change := Change{New: make([][]byte, len(row.Values))}
	for i, text := range row.Values {
		if len(text) == 0 {
			continue
		}
		resealed, repair, err := w.repairValue(table, table.Columns[i], row, text)
		if err != nil {
			return err
		}
		if resealed != nil {
			change.New[i], repairs = resealed, append(repairs, repair)
		}
	}
	if len(repairs) == 0 {
		return nil
	}
	change.Row = w.keepRow(row)
	outcomes, err := w.writer.Write(ctx, table, []Batch{{Changes: []Change{change}}})
	w.reset()
	if err != nil {
		return err
	}
	if outcomes[0].Written == 1 {
		w.run.rows.Add(1)
		w.run.repairs.add(repairs)
	}
	if w.run.isStopping() {
		return ErrStopped
	}
	return nil
}

// repairValue returns the new text of a value that opens with another key than its label says,
// and nil where there is nothing to repair. A value that no key opens is set aside.
func (w *worker) repairValue(table Table, column Column, row Row, text []byte) ([]byte, Repair, error) {
	c, err := w.resealer.Parse(text)
	if err != nil {
		if isPlaintext(column, text) {
			return nil, Repair{}, nil
		}
		return nil, Repair{}, w.setAsideValue(table, column, row, text, err)
	}
	if _, err = w.resealer.Open(c); err == nil {
		return nil, Repair{}, nil
	}
	label := c.Version
	opens, ok := openingKey(w.run.Ring, w.resealer, c)
	if !ok {
		return nil, Repair{}, w.setAsideValue(table, column, row, text, err)
	}
	resealed, err := w.resealer.Reseal(nil, opens)
	if err != nil {
		return nil, Repair{}, fmt.Errorf("sealing a value of %s.%s again: %w", table, column.Name, err)
	}
	if column.MaxLength > 0 && len(resealed) > column.MaxLength {
		return nil, Repair{}, w.setAsideValue(table, column, row, text, errTooLong)
	}
	return resealed, Repair{Place: table.Place(column), Label: label, Opened: opens.Version}, nil
}
