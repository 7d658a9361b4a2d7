package migrate

import (
	"context"
	"time"
)

// Over returns a store that does the same at this pace.
func (p *Pacing) Over(store Store) Store {
	if p == nil {
		return store
	}
	return pacedStore{store, p}
}

type pacedStore struct {
	Store
	pacing *Pacing
}

// gentle reports whether work on a store gives way to others now.
func gentle(store Store) bool {
	paced, is := store.(pacedStore)
	return is && paced.pacing.Gentle()
}

// Open implements Store.
func (s pacedStore) Open(ctx context.Context) (Session, error) {
	return s.paced(s.Store.Open(ctx))
}

// OpenSnapshot implements Store.
func (s pacedStore) OpenSnapshot(ctx context.Context) (Session, error) {
	return s.paced(s.Store.OpenSnapshot(ctx))
}

func (s pacedStore) paced(session Session, err error) (Session, error) {
	if err != nil {
		return nil, err
	}
	return &pacedSession{Session: session, pacing: s.pacing}, nil
}

// Searcher implements Store.
func (s pacedStore) Searcher(ctx context.Context) (Searcher, error) {
	searcher, err := s.Store.Searcher(ctx)
	if err != nil {
		return nil, err
	}
	return pacedSearcher{searcher, s.pacing}, nil
}

type pacedSearcher struct {
	Searcher
	pacing *Pacing
}

// Search implements Searcher.
func (s pacedSearcher) Search(ctx context.Context, stretch Stretch, visit func(Suspect)) (looked Looked, err error) {
	err = s.pacing.work(ctx, func() error {
		looked, err = s.Searcher.Search(ctx, stretch, visit)
		return err
	})
	return looked, err
}

type pacedSession struct {
	Session
	pacing *Pacing
}

// Scan rests after every few rows: the server goes on until what lies between it
// and the reader is full, and rests then too. It does not take turns, because
// whoever visits may wait for somebody whose turn it is.
func (s *pacedSession) Scan(ctx context.Context, table Table, scope Scope, visit func(Row) error) error {
	rows, began := 0, s.pacing.clock()
	return s.Session.Scan(ctx, table, scope, func(row Row) error {
		if err := visit(row); err != nil {
			return err
		}
		if rows++; rows%s.pacing.burst().reads == 0 {
			began = s.breathe(began)
		}
		return nil
	})
}

// breathe rests as long as the work since began took, and returns the new
// beginning.
func (s *pacedSession) breathe(began time.Time) time.Time {
	if s.pacing.Gentle() {
		s.pacing.rest(s.pacing.clock().Sub(began))
	}
	return s.pacing.clock()
}

// ReadPages reads a few rows at a time.
func (s *pacedSession) ReadPages(ctx context.Context, table Table, pages PageRange, pendingFor int, visit func(Row) error) error {
	return s.inSteps(ctx, pages.Limit, func(step int) (read int, err error) {
		pages.Limit = step
		var last []byte
		err = s.Session.ReadPages(ctx, table, pages, pendingFor, func(row Row) error {
			read++
			last = append(last[:0], row.Place...)
			return visit(row)
		})
		pages.After = last
		return read, err
	})
}

// ReadKeys reads a few rows at a time.
func (s *pacedSession) ReadKeys(ctx context.Context, table Table, after []byte, limit, pendingFor int, visit func(Row) error) error {
	return s.inSteps(ctx, limit, func(step int) (read int, err error) {
		var last []byte
		err = s.Session.ReadKeys(ctx, table, after, step, pendingFor, func(row Row) error {
			read++
			last = append(last[:0], row.Key...)
			return visit(row)
		})
		after = last
		return read, err
	})
}

// inSteps reads so many rows in all, and ends where a step finds fewer than it
// might.
func (s *pacedSession) inSteps(ctx context.Context, limit int, read func(step int) (int, error)) error {
	for left := limit; left > 0; {
		// A run that waits may read on: that holds no row.
		if err := s.pacing.halted(); isStop(err) && s.pacing.Gentle() {
			return err
		}
		step, found := left, 0
		if s.pacing.Gentle() {
			step = min(left, s.pacing.burst().reads)
		}
		err := s.pacing.work(ctx, func() (err error) {
			found, err = read(step)
			return err
		})
		if err != nil || found < step {
			return err
		}
		left -= step
	}
	return nil
}

// Write writes a few rows at a time. What is left when it is to halt, or when
// somebody holds a row, is met in a later pass: to wait for each few rows would keep
// the other workers, and whoever wants to stop the run, waiting as well.
func (s *pacedSession) Write(ctx context.Context, table Table, parts []Part) error {
	gentle := s.pacing.Gentle()
	for i := range parts { // they may have been tried before
		parts[i].Untried = 0
		if gentle {
			parts[i].Untried = int64(len(parts[i].Changes))
		}
	}
	if !gentle {
		return s.Session.Write(ctx, table, parts)
	}
	for i := range parts {
		if err := s.writeSlowly(ctx, table, &parts[i]); err != nil || parts[i].Blocked {
			return err
		}
	}
	return nil
}

// writeSlowly writes a part in several smaller ones. It is blocked where all of
// them are: of one that is written in part the next pass meets the rest.
func (s *pacedSession) writeSlowly(ctx context.Context, table Table, part *Part) error {
	part.Blocked, part.Conflict = true, true
	step := s.pacing.burst().writes
	for at := 0; at < len(part.Changes); at += step {
		if at > 0 && s.pacing.halted() != nil {
			return nil
		}
		piece := []Part{*part}
		piece[0].Written, piece[0].Blocked, piece[0].Conflict = 0, false, false
		piece[0].Changes = part.Changes[at:min(at+step, len(part.Changes))]
		// What a part takes of a page fits the room that was made for all of it.
		piece[0].Pruned = part.Pruned || at > 0
		err := s.pacing.work(ctx, func() error { return s.Session.Write(ctx, table, piece) })
		part.Written += piece[0].Written
		part.Untried -= int64(len(piece[0].Changes))
		part.Blocked = part.Blocked && piece[0].Blocked
		part.Conflict = part.Conflict && piece[0].Conflict
		if err != nil {
			part.Blocked, part.Conflict = false, false
			return err
		}
		if piece[0].Blocked {
			return nil
		}
	}
	return nil
}
