package migrate

import (
	"context"
	"sync/atomic"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// counter is a worker that counts values: what it has counted of all columns of all
// tables.
type counter struct {
	request     Request
	tables      []Table
	ring        *crypto.Keyring
	opener      *crypto.Resealer
	columns     []ColumnCount // the columns of all tables, one table after the other
	first       []int         // index in columns of the first column of each table
	rowsToWrite []int64       // rows that the request would write, by table
	bytesAside  []int64       // bytes that those rows have beside the table, in its TOAST table, by table
	examples    []examples    // some of these, by table
	report      func(rows int64)
}

func newCounter(ring *crypto.Keyring, request Request, tables []Table, report func(int64)) *counter {
	c := &counter{request: request, tables: tables, ring: ring, opener: crypto.NewResealer(ring, nil), rowsToWrite: make([]int64, len(tables)),
		bytesAside: make([]int64, len(tables)), examples: make([]examples, len(tables)), report: report}
	for _, table := range tables {
		c.first = append(c.first, len(c.columns))
		for _, column := range table.Columns {
			c.columns = append(c.columns, ColumnCount{Place: table.Place(column), ByVersion: map[int]int64{}, versions: map[int]*versionCount{}})
		}
	}
	return c
}

// rowsPerReport is after how many rows progress is reported.
const rowsPerReport = 10_000

// countRange counts the rows of a scan range.
func (c *counter) countRange(ctx context.Context, reader Reader, r scanRange) error {
	var rows int64
	err := reader.Scan(ctx, c.tables[r.table], r.scope, func(row Row) error {
		c.countRow(r.table, row)
		if rows++; rows == rowsPerReport {
			c.report(rows)
			rows = 0
		}
		return nil
	})
	c.report(rows)
	return err
}

// countRow counts the values of a row of a table, given by its index.
func (c *counter) countRow(table int, row Row) {
	for i, size := range row.TooLarge {
		if size >= 0 {
			c.columns[c.first[table]+i].Values++
			c.columns[c.first[table]+i].NotRead++
		}
	}
	moves := false
	for i, text := range row.Values {
		if len(text) == 0 {
			continue
		}
		version := c.columns[c.first[table]+i].add(c.opener, c.ring, c.tables[table].Columns[i], text)
		if version >= 0 && version != c.request.To && c.request.Leaves(version) {
			moves = true
			if len(text) > longestInline {
				c.bytesAside[table] += int64(len(text))
			}
		}
	}
	if moves {
		c.rowsToWrite[table]++
		c.examples[table].offer(row)
	}
}

// countQueue counts scan ranges while there are any and the counter may go on.
func (c *counter) countQueue(ctx context.Context, reader Reader, queue <-chan scanRange, mayGoOn func() bool) error {
	for mayGoOn() {
		next, more := <-queue
		if !more {
			return nil
		}
		if err := c.countRange(ctx, reader, next); err != nil {
			return err
		}
	}
	return nil
}

// help counts scan ranges on a connection of its own, for as long as the work need
// not give way to live servers. Without such a connection the first counter does
// all of the work.
func (c *counter) help(ctx context.Context, conns Connector, pacing *Pacing, queue <-chan scanRange) error {
	mayGoOn := func() bool { return !pacing.Gentle() }
	if !mayGoOn() {
		return nil
	}
	conn, err := conns.Open(ctx)
	if err != nil {
		return nil //nolint:nilerr // a server that is gone is reported by the first counter
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return c.countQueue(ctx, conn, queue, mayGoOn)
}

// merge adds what another counter has counted.
func (c *counter) merge(other *counter) {
	for i := range c.rowsToWrite {
		c.rowsToWrite[i] += other.rowsToWrite[i]
		c.bytesAside[i] += other.bytesAside[i]
		c.examples[i] = append(c.examples[i], other.examples[i]...)
	}
	for i := range c.columns {
		c.columns[i].merge(&other.columns[i])
	}
}

// countTables reads every value of the tables once and opens none. It returns the counter that
// has the counts of all workers. Each scan sees a snapshot of
// its own: a row that moves between two scans may be counted twice, or not at all.
func countTables(ctx context.Context, sources PlanSources, ring *crypto.Keyring, request Request, tables []Table, reporter Reporter) (*counter, error) {
	var rows atomic.Int64
	report := func(more int64) { reporter.Progress(rows.Add(more), 0) }
	ranges := scanRanges(tables, request.Workers)
	queue := make(chan scanRange, len(ranges))
	for _, r := range ranges {
		queue <- r
	}
	close(queue)
	counters := make([]*counter, countersFor(ranges, tables, request.Workers))
	for i := range counters {
		counters[i] = newCounter(ring, request, tables, report)
	}
	first, err := sources.Conns.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer first.Close(context.WithoutCancel(ctx))
	group, working := crash.WithContext(ctx)
	group.Go(func() error {
		return counters[0].countQueue(working, first, queue, func() bool { return true })
	})
	for _, helper := range counters[1:] {
		group.Go(func() error { return helper.help(working, sources.Conns, sources.Pacing, queue) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	total := counters[0]
	for _, r := range largeRanges(tables) { // one after the other, so that one row at a time is in memory
		if err := total.countRange(ctx, first, r); err != nil {
			return nil, err
		}
	}
	for _, helper := range counters[1:] {
		total.merge(helper)
	}
	for i := range total.columns {
		total.columns[i].fillByVersion()
	}
	return total, nil
}
