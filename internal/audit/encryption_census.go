package audit

import (
	"context"
	"crypto/subtle"
	"errors"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/ivset"
)

// defaultMaxHashes takes 64 MiB.
const defaultMaxHashes = 8 << 20

// gatewayTokenName is the setting of the gateway's own token.
const gatewayTokenName = "OPENCLAW_GATEWAY_TOKEN"

// valueCensus is what reading every value came to.
type valueCensus struct {
	keys    valueKeys
	gateway func(text []byte) bool
	tables  ValueTables
	columns []censusColumn // of all tables
	gaps    []Gap

	values   []int64         // by column, all values that are not empty
	ciphers  []int64         // by column, values that have the form of a ciphertext
	versions []map[int]int64 // by column, values by their label
	opened   map[int]int64   // values by the version of the ring that opens them
	unopened int64           // values that no key opens
	flaws    flawTallies

	repeats map[uint32]ivset.Repeats[ivPlace]
	ivErr   error // why the IVs could not be compared
}

// sharedCensus makes the census once.
type sharedCensus struct {
	once sync.Once
	it   *valueCensus
	err  error
}

// census returns the census, and makes it at the first call.
func (s EncryptionSource) census(ctx context.Context, sources *Sources) (*valueCensus, error) {
	s.shared.once.Do(func() { s.shared.it, s.shared.err = s.takeCensus(ctx, sources) })
	return s.shared.it, s.shared.err
}

// takeCensus reads every value once, and those whose IV may be a repeated one once more.
func (s EncryptionSource) takeCensus(ctx context.Context, sources *Sources) (*valueCensus, error) {
	census := &valueCensus{keys: readValueKeys(sources.Settings), gateway: gatewayToken(sources.Settings), opened: map[int]int64{}, flaws: flawTallies{}}
	var err error
	if census.tables, err = s.reader.Tables(ctx, s.options.Catalogue); err != nil {
		return nil, err
	}
	census.gaps = census.tables.Gaps
	for _, table := range census.tables.Tables {
		for _, column := range table.Columns {
			census.columns = append(census.columns, censusColumn{table, column})
		}
	}
	count := len(census.columns)
	census.values, census.ciphers, census.versions = make([]int64, count), make([]int64, count), make([]map[int]int64, count)
	for i := range census.versions {
		census.versions[i] = map[int]int64{}
	}
	hash := ivset.NewHash(maphash.MakeSeed())
	collector := ivset.NewCollector(ivset.Options{Hash: hash, MaxHashes: s.options.MaxHashes, Folder: s.options.Folder})
	err = s.readAll(ctx, census, collector)
	if err == nil && census.ivErr == nil {
		err = s.compareIVs(ctx, census, collector, hash)
	}
	census.ivErr = errors.Join(census.ivErr, collector.Close())
	return census, err
}

// gatewayToken returns whether a text is the gateway's own token. The token stays behind a function,
// because nothing prints one.
func gatewayToken(source Source[Settings]) func(text []byte) bool {
	if !source.there {
		return func([]byte) bool { return false }
	}
	settings := source.it
	return func(text []byte) bool {
		token := settings.Text(gatewayTokenName)
		return token != "" && subtle.ConstantTimeCompare([]byte(token), text) == 1
	}
}

// readAll looks at the values of all tables. A table that cannot be read is a gap.
func (s EncryptionSource) readAll(ctx context.Context, census *valueCensus, collector *ivset.Collector) error {
	workers := make([]*valueWorker, s.options.Workers)
	for i := range workers {
		workers[i] = census.newWorker(collector)
	}
	first := 0
	for _, table := range census.tables.Tables {
		err := s.readTable(ctx, workers, table, first)
		var gap *GapError
		switch {
		case errors.As(err, &gap):
			census.gaps = append(census.gaps, gap.Gap)
		case err != nil:
			return err
		}
		first += len(table.Columns)
	}
	for _, worker := range workers {
		if err := worker.ivs.Flush(); worker.ivErr == nil {
			worker.ivErr = err
		}
		census.merge(worker)
	}
	return nil
}

// readTable reads a table in one goroutine and looks at its values in several.
func (s EncryptionSource) readTable(ctx context.Context, workers []*valueWorker, table ValueTable, first int) error {
	queue := newValueQueue(len(workers))
	group, ctx := crash.WithContext(ctx)
	group.Go(func() error { return queue.fill(ctx, s.reader, table) })
	for _, worker := range workers {
		group.Go(func() error {
			queue.drain(func(batch *valueBatch) { worker.lookAtBatch(batch, first) })
			return nil
		})
	}
	return group.Wait()
}

// merge adds what a worker has seen.
func (c *valueCensus) merge(w *valueWorker) {
	for i := range w.counts {
		c.values[i] += w.counts[i].values
		c.ciphers[i] += w.counts[i].ciphers
		for label, count := range w.counts[i].versions {
			c.versions[i][label] += *count
		}
	}
	for id, count := range w.opened {
		c.opened[id] += count
	}
	c.unopened += w.unopened
	for key, tally := range w.flaws {
		c.flaws.at(key).add(tally.count, tally.places...)
	}
	c.ivErr = errors.Join(c.ivErr, w.ivErr)
}

// absent says that there is nothing to look at; "" where there is.
func (c *valueCensus) absent() string {
	if len(c.tables.Tables) > 0 || len(c.gaps) > 0 {
		return ""
	}
	return "the catalogue of the database has none of the tables that hold encrypted values"
}

// looked says what was looked at.
func (c *valueCensus) looked() string {
	var values int64
	for _, count := range c.values {
		values += count
	}
	text := countThings(values, "value", "values") + " in " + countThings(int64(len(c.columns)), "column", "columns")
	if len(c.tables.Absent) > 0 {
		text += "; the database does not have " + strings.Join(c.tables.Absent, ", ")
	}
	return text
}

// fault makes a fault of a tally. Its object names the column, and what else the values have in common.
func (c *valueCensus) fault(key flawKey, object string) Fault {
	tally := c.flaws[key]
	return Fault{Object: c.columns[key.column].String() + object, Count: tally.count, Places: tally.places}
}

// isGap reports whether an error says that a right, or time, was missing.
func isGap(err error) bool {
	var gap *GapError
	return errors.As(err, &gap)
}
