package audit

import (
	"github.com/ocmt/ocmt/internal/ivset"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// columnCount counts the values of one column.
type columnCount struct {
	values    int64 // all that are not empty
	ciphers   int64 // those that have the form of a ciphertext
	versions  map[int]*int64
	last      *int64 // of the version before, because most values follow one of their own
	lastLabel int
}

// countVersion counts a value by its label.
func (c *columnCount) countVersion(label int) {
	if c.last == nil || c.lastLabel != label {
		if c.versions[label] == nil {
			c.versions[label] = new(int64)
		}
		c.last, c.lastLabel = c.versions[label], label
	}
	*c.last++
}

// valueWorker looks at values. It serves one goroutine.
type valueWorker struct {
	keys     valueKeys
	gateway  func(text []byte) bool // whether a text is the token of the gateway
	opener   *crypto.Resealer       // nil without a key
	ivs      *ivset.Writer
	ivErr    error // why IVs are no longer collected
	columns  []censusColumn
	counts   []columnCount // by column
	opened   map[int]int64 // values by the version of the ring that opens them
	unopened int64         // values that no key opens
	flaws    flawTallies
	place    []byte // of a value, used again
}

// newWorker returns a worker that has seen nothing.
func (c *valueCensus) newWorker(collector *ivset.Collector) *valueWorker {
	w := &valueWorker{keys: c.keys, gateway: c.gateway, opener: newOpener(c.keys), columns: c.columns, ivs: collector.NewWriter(),
		counts: make([]columnCount, len(c.columns)), opened: map[int]int64{}, flaws: flawTallies{}}
	for i := range w.counts {
		w.counts[i].versions = map[int]*int64{}
	}
	return w
}

// newOpener returns what opens values, nil without a key.
func newOpener(keys valueKeys) *crypto.Resealer {
	if keys.ring == nil {
		return nil
	}
	return crypto.NewResealer(keys.ring, nil)
}

// valueAt is where a value stands.
type valueAt struct {
	column int
	key    []byte
}

// flag notes what is wrong with a value.
func (w *valueWorker) flag(at valueAt, flaw valueFlaw, label, opens int) {
	w.place = w.columns[at.column].appendPlace(w.place[:0], at.key)
	w.flaws.at(flawKey{flaw, at.column, label, opens}).addOne(w.place)
}

// lookAtBatch looks at all values of rows of one table, whose first column is the given one.
func (w *valueWorker) lookAtBatch(batch *valueBatch, first int) {
	width := len(batch.spans) / max(1, batch.rows)
	for ; len(batch.spans) > 0; batch.spans = batch.spans[width:] {
		at := valueAt{key: batch.text(batch.spans[0])}
		for i, span := range batch.spans[1:width] {
			// OCMT stores an empty value as NULL, and an empty text is no value either.
			if span.to > span.from {
				at.column = first + i
				w.look(at, batch.text(span))
			}
		}
	}
}

// parse reads a value: as OCMT writes it, or as the server reads other forms.
func (w *valueWorker) parse(text []byte) (c crypto.Ciphertext, form oddForm) {
	var err error
	if w.opener != nil {
		c, err = w.opener.Parse(text)
	} else {
		c, err = crypto.Parse(string(text))
	}
	if err != nil {
		return parseOdd(text)
	}
	return c, opensOddly
}

// look looks at one value. A value that does not open is not read again: the snapshot would give the same
// bytes, and a server that writes it meanwhile writes a row that the snapshot does not show.
func (w *valueWorker) look(at valueAt, text []byte) {
	w.counts[at.column].values++
	c, form := w.parse(text)
	switch form {
	case isPlaintext:
		w.flagPlaintext(at, text)
		return
	case isDamaged:
		w.unopened++
		w.flag(at, flawDamaged, 0, 0)
		return
	case hasBadLabel:
		w.unopened++
		w.counts[at.column].ciphers++
		w.flag(at, flawBadLabel, 0, 0)
		return
	}
	w.counts[at.column].ciphers++
	w.counts[at.column].countVersion(c.Version)
	if w.keys.ring != nil && !w.lookOpened(at, c) {
		w.unopened++
		w.flagUnopened(at, c.Version)
		return
	}
	switch {
	case form == hasShortTag:
		w.flag(at, flawShortTag, c.Version, 0)
	case c.Normalised:
		w.flag(at, flawLenient, c.Version, 0)
	}
}

// lookOpened opens a value with the key of its label, or with any other, and reports whether one did.
func (w *valueWorker) lookOpened(at valueAt, c crypto.Ciphertext) bool {
	label := c.Version
	id, configured := w.keys.ids[label]
	if !configured || !w.opens(c, id) {
		var ok bool
		if id, ok = w.openOther(c, id, configured); !ok {
			return false
		}
		w.flag(at, flawMislabelled, label, id)
	} else if label > w.keys.current {
		w.flag(at, flawAbove, label, 0)
	}
	w.opened[id]++
	if w.ivErr == nil {
		w.ivErr = w.ivs.Add(uint32(id), c.IV) //nolint:gosec // never negative
	}
	return true
}

// openOther opens a value with any key but one that was tried.
func (w *valueWorker) openOther(c crypto.Ciphertext, tried int, wasTried bool) (int, bool) {
	for _, id := range w.keys.ring.Versions() {
		if (!wasTried || id != tried) && w.opens(c, id) {
			return id, true
		}
	}
	return 0, false
}

// opens reports whether a key of the ring opens a value.
func (w *valueWorker) opens(c crypto.Ciphertext, id int) bool {
	c.Format, c.Version = crypto.Versioned, id
	if len(c.Tag) < crypto.TagSize {
		return opensWithShortTag(w.keys.ring, id, c)
	}
	_, err := w.opener.Open(c)
	return err == nil
}

// flagUnopened says why a value does not open.
func (w *valueWorker) flagUnopened(at valueAt, label int) {
	_, configured := w.keys.ids[label]
	switch {
	case label > w.keys.current && !configured:
		w.flag(at, flawAboveNoKey, label, 0)
	case !configured:
		w.flag(at, flawMissingKey, label, 0)
	default:
		w.flag(at, flawUnopened, label, 0)
	}
}

// flagPlaintext says what a plaintext is.
func (w *valueWorker) flagPlaintext(at valueAt, text []byte) {
	switch {
	case !w.columns[at.column].column.PlaintextAllowed:
		w.flag(at, flawPlaintext, 0, 0)
	case w.gateway(text):
		w.flag(at, flawGatewayToken, 0, 0)
	case string(text) == "unknown":
		w.flag(at, flawUnknown, 0, 0)
	default:
		w.flag(at, flawClear, 0, 0)
	}
}
