package migrate

import (
	"context"
	"time"

	"github.com/ocmt/ocmt/internal/discover"
)

// PaceConns returns a Connector whose connections work at this pace.
func (p *Pacing) PaceConns(conns Connector) Connector {
	if p == nil {
		return conns
	}
	return pacedConnector{conns, p}
}

type pacedConnector struct {
	conns  Connector
	pacing *Pacing
}

// Open implements Connector.
func (c pacedConnector) Open(ctx context.Context) (Conn, error) {
	conn, err := c.conns.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &pacedConn{Conn: conn, pacing: c.pacing}, nil
}

// OpenNode implements Connector.
func (c pacedConnector) OpenNode(ctx context.Context, node string) (Conn, error) {
	conn, err := c.conns.OpenNode(ctx, node)
	if err != nil {
		return nil, err
	}
	return &pacedConn{Conn: conn, pacing: c.pacing}, nil
}

// OpenSnapshot implements Connector.
func (c pacedConnector) OpenSnapshot(ctx context.Context) (Snapshot, error) {
	snapshot, err := c.conns.OpenSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &pacedSnapshot{snapshot, c.pacing}, nil
}

// pacedSnapshot is a snapshot that is read at a pace.
type pacedSnapshot struct {
	Snapshot
	pacing *Pacing
}

// Scan reads at the pace.
func (s *pacedSnapshot) Scan(ctx context.Context, table Table, scope Scope, visit func(Row) error) error {
	return s.pacing.scan(ctx, s.Snapshot, table, scope, visit)
}

// PaceSearchers returns an Opener whose searchers work at this pace.
func (p *Pacing) PaceSearchers(opener discover.Opener) discover.Opener {
	if p == nil {
		return opener
	}
	return pacedOpener{opener, p}
}

type pacedOpener struct {
	discover.Opener
	pacing *Pacing
}

// OpenSearcher implements discover.Opener.
func (o pacedOpener) OpenSearcher(ctx context.Context) (discover.Searcher, error) {
	searcher, err := o.Opener.OpenSearcher(ctx)
	if err != nil {
		return nil, err
	}
	return pacedSearcher{searcher, o.pacing}, nil
}

// OpenSnapshot implements discover.Opener.
func (o pacedOpener) OpenSnapshot(ctx context.Context) (discover.Searcher, error) {
	searcher, err := o.Opener.OpenSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	return pacedSearcher{searcher, o.pacing}, nil
}

type pacedSearcher struct {
	discover.Searcher
	pacing *Pacing
}

// Search implements discover.Searcher.
func (s pacedSearcher) Search(ctx context.Context, chunk discover.Chunk, visit func(discover.Candidate)) (counts discover.Counts, err error) {
	err = s.pacing.doBurst(ctx, func() error {
		counts, err = s.Searcher.Search(ctx, chunk, visit)
		return err
	})
	return counts, err
}

// pacedConn is a connection that works at a pace.
type pacedConn struct {
	Conn
	pacing *Pacing
}

// Scan reads at the pace.
func (c *pacedConn) Scan(ctx context.Context, table Table, scope Scope, visit func(Row) error) error {
	return c.pacing.scan(ctx, c.Conn, table, scope, visit)
}

// scan rests after every few rows. The server goes on until the buffers between it and
// the reader are full, and then rests too. scan does not take turns with other workers,
// because the visitor may wait for a worker whose turn it is.
func (p *Pacing) scan(ctx context.Context, reader Reader, table Table, scope Scope, visit func(Row) error) error {
	rows, began := 0, p.clock()
	return reader.Scan(ctx, table, scope, func(row Row) error {
		if err := visit(row); err != nil {
			return err
		}
		if rows++; rows%p.burst().reads == 0 {
			began = p.restSince(began)
		}
		return nil
	})
}

// restSince rests as long as the work since began took, and returns the time at which
// the next work begins.
func (p *Pacing) restSince(began time.Time) time.Time {
	if p.Gentle() {
		p.restAfter(p.clock().Sub(began))
	}
	return p.clock()
}

// ReadPages reads a few rows at a time.
func (c *pacedConn) ReadPages(ctx context.Context, table Table, pages PageRange, pendingFor int, visit func(Row) error) error {
	return c.readInBursts(ctx, pages.Limit, func(limit int) (read int, err error) {
		pages.Limit = limit
		var last []byte
		err = c.Conn.ReadPages(ctx, table, pages, pendingFor, func(row Row) error {
			read++
			last = append(last[:0], row.TID...)
			return visit(row)
		})
		pages.After = last
		return read, err
	})
}

// ReadKeys reads a few rows at a time.
func (c *pacedConn) ReadKeys(ctx context.Context, table Table, after []byte, limit, pendingFor int, visit func(Row) error) error {
	return c.readInBursts(ctx, limit, func(limit int) (read int, err error) {
		var last []byte
		err = c.Conn.ReadKeys(ctx, table, after, limit, pendingFor, func(row Row) error {
			read++
			last = append(last[:0], row.Key...)
			return visit(row)
		})
		after = last
		return read, err
	})
}

// readInBursts reads so many rows in all, and ends where a burst finds fewer than its
// limit.
func (c *pacedConn) readInBursts(ctx context.Context, limit int, read func(limit int) (int, error)) error {
	for left := limit; left > 0; {
		// A run that waits may go on reading, because that holds no row.
		if err := c.pacing.haltReason(); isStop(err) && c.pacing.Gentle() {
			return err
		}
		most, found := left, 0
		if c.pacing.Gentle() {
			most = min(left, c.pacing.burst().reads)
		}
		err := c.pacing.doBurst(ctx, func() (err error) {
			found, err = read(most)
			return err
		})
		if err != nil || found < most {
			return err
		}
		left -= most
	}
	return nil
}

// Write writes a few rows at a time. Where the run is to halt, or another transaction
// holds a row, the rest of the batch is left to a later pass: waiting for each few
// rows would keep the other workers waiting, and an operator who wants to stop the
// run.
func (c *pacedConn) Write(ctx context.Context, table Table, batches []Batch) ([]Outcome, error) {
	if !c.pacing.Gentle() {
		return c.Conn.Write(ctx, table, batches)
	}
	outcomes := make([]Outcome, len(batches))
	for i, batch := range batches {
		outcomes[i].Untried = int64(len(batch.Changes))
	}
	for i, batch := range batches {
		var err error
		if outcomes[i], err = c.writeInBursts(ctx, table, batch); err != nil || outcomes[i].Blocked {
			return outcomes, err
		}
	}
	return outcomes, nil
}

// writeInBursts writes a batch in several smaller ones. The batch counts as blocked
// where all of these are: where some are written, the next pass finds the rest.
func (c *pacedConn) writeInBursts(ctx context.Context, table Table, batch Batch) (Outcome, error) {
	outcome := Outcome{Untried: int64(len(batch.Changes)), Blocked: true, Conflict: true}
	size := c.pacing.burst().writes
	for at := 0; at < len(batch.Changes); at += size {
		if at > 0 && c.pacing.haltReason() != nil {
			return outcome, nil
		}
		piece := batch
		piece.Changes = batch.Changes[at:min(at+size, len(batch.Changes))]
		// The page has room for the whole batch, so it is pruned once.
		piece.Pruned = batch.Pruned || at > 0
		var written Outcome
		err := c.pacing.doBurst(ctx, func() error {
			outcomes, err := c.Conn.Write(ctx, table, []Batch{piece})
			if len(outcomes) == 1 {
				written = outcomes[0]
			}
			return err
		})
		outcome.Written += written.Written
		outcome.Untried -= int64(len(piece.Changes))
		outcome.Blocked = outcome.Blocked && written.Blocked
		outcome.Conflict = outcome.Conflict && written.Conflict
		if err != nil {
			outcome.Blocked, outcome.Conflict = false, false
			return outcome, err
		}
		if written.Blocked {
			return outcome, nil
		}
	}
	return outcome, nil
}
