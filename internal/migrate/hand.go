package migrate

import "context"

// hand is rows on their way from the one that reads them to one of those that
// open them.
type hand struct {
	rows  []Row
	size  int // bytes
	bytes arena[byte]
	lists arena[[]byte]
}

// rowsPerHand and bytesPerHand bound what goes over at once.
const (
	rowsPerHand  = 512
	bytesPerHand = 1 << 20
)

// add copies a row, whose bytes are the reader's, and reports whether the hand
// is full.
func (h *hand) add(row Row) bool {
	kept := Row{Key: h.bytes.copied(row.Key), Values: h.lists.take(len(row.Values))}
	for i, text := range row.Values {
		kept.Values[i] = h.bytes.copied(text)
		h.size += len(text)
	}
	h.rows = append(h.rows, kept)
	return len(h.rows) >= rowsPerHand || h.size >= bytesPerHand
}

func (h *hand) empty() {
	h.rows, h.size = h.rows[:0], 0
	h.bytes.reset()
	h.lists.reset()
}

// hands passes rows from one reader to several workers. There is a fixed number
// of hands, so that a slow worker slows the reader and memory stays bounded.
type hands struct{ full, free chan *hand }

func newHands(workers int) *hands {
	h := &hands{full: make(chan *hand, 2*workers), free: make(chan *hand, 2*workers)}
	for range 2 * workers {
		h.free <- &hand{}
	}
	return h
}

// read scans a table into hands, and says that there are no more.
func (h *hands) read(ctx context.Context, reader Reader, table Table) error {
	defer close(h.full)
	current := <-h.free
	err := reader.Scan(ctx, table, Scope{}, func(row Row) error {
		if !current.add(row) {
			return nil
		}
		h.full <- current // never waits: it has room for every hand there is
		select {
		case current = <-h.free:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err == nil {
		h.full <- current
	}
	return err
}

// each works on hands until there are no more.
func (h *hands) each(work func([]Row)) {
	for one := range h.full {
		work(one.rows)
		one.empty()
		h.free <- one
	}
}
