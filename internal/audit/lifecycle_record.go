package audit

import (
	"context"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
)

// RecordReader reads the tool's own record.
type RecordReader interface {
	// Entries returns entries, newest first, and whether there is a record.
	Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error)
}

// recordLifecycle is what the tool's own record knows where no database is asked.
type recordLifecycle struct {
	record  RecordReader
	horizon time.Duration
	reason  string
}

// NewRecordLifecycle returns a source that has the tool's own record and no database, for a reason.
func NewRecordLifecycle(record RecordReader, horizon time.Duration, reason string) LifecycleSource {
	return &recordLifecycle{record, horizon, reason}
}

// Entries implements LifecycleSource. A record that cannot be read is a gap.
func (l *recordLifecycle) Entries(ctx context.Context, query chain.Query) ([]chain.Entry, bool, error) {
	entries, there, err := l.record.Entries(ctx, query)
	if err != nil {
		err = &GapError{Gap{What: "the tool's own record", Reason: err.Error()}}
	}
	return entries, there, err
}

// Unfinished implements LifecycleSource: runs are recorded in the database.
func (l *recordLifecycle) Unfinished(context.Context) ([]Unfinished, bool, error) {
	return nil, false, &AbsentError{What: "encryption_migrations", Evidence: l.reason}
}

// KeySince implements LifecycleSource: the record of runs could not be looked at.
func (l *recordLifecycle) KeySince(context.Context, int) (time.Time, bool, error) {
	return time.Time{}, false, &GapError{Gap{What: "since when the key is in use, in encryption_keys", Reason: l.reason, Missing: "the database"}}
}

// BackupHorizon implements LifecycleSource.
func (l *recordLifecycle) BackupHorizon() time.Duration { return l.horizon }
