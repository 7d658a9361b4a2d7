package pgchain

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
)

// FileStore keeps the record in a file rather than in a table. An entry is on disk before the
// transaction of its change is committed: a change that then fails has an entry, and never the
// reverse.
type FileStore struct {
	file   *chain.File
	author chain.Author
	now    func() time.Time
	note   func(text string)
}

// NewFile returns the record in a file. The entries name the author, and the time of the clock. What
// became of a line that was cut off is told to note.
func NewFile(path string, author chain.Author, now func() time.Time, note func(text string)) *FileStore {
	return &FileStore{chain.NewFile(path), author, now, note}
}

// Prospect says what will become of entries. The error says why the file is refused.
func (s *FileStore) Prospect(context.Context) (chain.Prospect, error) { return s.file.Prospect() }

// Append adds entries while a transaction is open, which it does not use.
func (s *FileStore) Append(ctx context.Context, _ *pgconn.PgConn, events ...chain.Event) error {
	return s.Add(ctx, events...)
}

// Add adds entries.
func (s *FileStore) Add(ctx context.Context, events ...chain.Event) error {
	if len(events) == 0 {
		return nil
	}
	closedOff, err := s.file.Append(ctx, s.now(), s.author, events...)
	if err == nil && closedOff > 0 {
		s.note(fmt.Sprintf("the last line of the record was incomplete, as after a crash: its %d bytes stay there, and an entry says so", closedOff))
	}
	return err
}

// Verify looks at all entries, as File.Verify does.
func (s *FileStore) Verify(ctx context.Context, kept string) (chain.Report, error) {
	return s.file.Verify(ctx, kept)
}

// Entries returns the entries of a query, as File.Entries does.
func (s *FileStore) Entries(ctx context.Context, query chain.Query) ([]chain.Entry, bool, error) {
	return s.file.Entries(ctx, query)
}
