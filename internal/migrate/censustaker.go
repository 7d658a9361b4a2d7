package migrate

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// censusTaker is one of those who take a census: what he has counted of all columns
// of all tables.
type censusTaker struct {
	request Request
	tables  []Table
	parser  *crypto.Resealer
	list    []Census // of the columns of all tables in turn
	first   []int    // where in list the columns of a table begin
	toWrite []int64  // rows that the request would write, by table
	done    func(rows int64)
}

func newCensusTaker(ring *crypto.Keyring, request Request, tables []Table, done func(int64)) *censusTaker {
	t := &censusTaker{request: request, tables: tables, parser: crypto.NewResealer(ring, nil), toWrite: make([]int64, len(tables)), done: done}
	for _, table := range tables {
		t.first = append(t.first, len(t.list))
		for _, column := range table.Columns {
			t.list = append(t.list, Census{Table: table.Name, Column: column.Name, ByVersion: map[int]int64{}, versions: map[int]*versionCensus{}})
		}
	}
	return t
}

// rowsPerReport is after how many rows progress is told.
const rowsPerReport = 10_000

// read counts what a portion holds.
func (t *censusTaker) read(ctx context.Context, reader Reader, one portion) error {
	var rows int64
	err := reader.Scan(ctx, t.tables[one.table], one.scope, func(row Row) error {
		t.row(one.table, row)
		if rows++; rows == rowsPerReport {
			t.done(rows)
			rows = 0
		}
		return nil
	})
	t.done(rows)
	return err
}

// row counts the values of a row of the n-th table.
func (t *censusTaker) row(n int, row Row) {
	leaving := false
	for i, text := range row.Values {
		if text != nil {
			version := t.list[t.first[n]+i].add(t.parser, t.tables[n].Columns[i], text)
			leaving = leaving || version >= 0 && version != t.request.To && t.request.Leaves(version)
		}
	}
	if leaving {
		t.toWrite[n]++
	}
}

// takeCensus reads every value of the tables once and opens none. It also counts,
// by table, the rows that the request would write. Each scan has a snapshot of its
// own: a row that moves meanwhile may be counted twice, or not at all.
func takeCensus(ctx context.Context, store Store, ring *crypto.Keyring, request Request, tables []Table, reporter Reporter) ([]Census, []int64, error) {
	var rows atomic.Int64
	progress := func(more int64) { reporter.Progress(rows.Add(more), 0) }
	list := portions(tables, request.Workers)
	queue := make(chan portion, len(list))
	for _, one := range list {
		queue <- one
	}
	close(queue)
	takers := make([]*censusTaker, takersFor(list, tables, request.Workers))
	for i := range takers {
		takers[i] = newCensusTaker(ring, request, tables, progress)
	}
	first, err := store.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer first.Close(context.WithoutCancel(ctx))
		return takers[0].readAll(ctx, first, queue, func() bool { return true })
	})
	for _, helper := range takers[1:] {
		group.Go(func() error { return helper.help(ctx, store, queue) })
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	all := takers[0]
	for _, helper := range takers[1:] {
		all.merge(helper)
	}
	for i := range all.list {
		all.list[i].sum()
	}
	return all.list, all.toWrite, nil
}

// help reads portions too, for as long as the work need not give way. Where there
// is no connection for that, the others do all of it.
func (t *censusTaker) help(ctx context.Context, store Store, queue <-chan portion) error {
	hurried := func() bool { return !gentle(store) }
	if !hurried() {
		return nil
	}
	session, err := store.Open(ctx)
	if err != nil {
		return nil //nolint:nilerr // a server that is gone is told by who reads
	}
	defer session.Close(context.WithoutCancel(ctx))
	return t.readAll(ctx, session, queue, hurried)
}

// readAll reads portions while there are any and it may go on.
func (t *censusTaker) readAll(ctx context.Context, reader Reader, queue <-chan portion, goOn func() bool) error {
	for goOn() {
		one, more := <-queue
		if !more {
			return nil
		}
		if err := t.read(ctx, reader, one); err != nil {
			return err
		}
	}
	return nil
}

// merge adds what somebody else has counted.
func (t *censusTaker) merge(other *censusTaker) {
	for n := range t.toWrite {
		t.toWrite[n] += other.toWrite[n]
	}
	for i := range t.list {
		t.list[i].merge(&other.list[i])
	}
}
