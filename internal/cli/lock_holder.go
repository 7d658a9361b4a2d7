package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// runLockedError is migrate.ErrLocked with what is known of who holds the lock of the database.
type runLockedError struct{ work pgrecord.Work }

// Error says who holds the lock.
func (e *runLockedError) Error() string {
	if e.work.Lock.Stranger {
		return describeStranger(*e.work.Lock)
	}
	return migrate.ErrLocked.Error() + ": " + strings.Join(describeWork(e.work), "; ")
}

// Unwrap returns migrate.ErrLocked.
func (e *runLockedError) Unwrap() error { return migrate.ErrLocked }

// nameHolder adds to migrate.ErrLocked who holds the lock. Where that cannot be found out, or nobody holds it any more,
// the error stays as it is.
func (d *database) nameHolder(ctx context.Context, err error) error {
	if !errors.Is(err, migrate.ErrLocked) {
		return err
	}
	work, failed := d.record.Work(ctx)
	if failed != nil || work.Lock == nil {
		return err
	}
	return &runLockedError{work}
}

// describeWork says who holds the lock, and how far that one is.
func describeWork(work pgrecord.Work) []string {
	if work.Run == nil {
		return []string{"the lock of this database is " + describeLockHolder(*work.Lock)}
	}
	return []string{describeProcess(*work.Run), describeRun(*work.Run), "its lock is " + describeLockHolder(*work.Lock)}
}

// explainRunLocked says who holds the lock of the database, how far that one is, and how to go on.
func explainRunLocked(err error) *ui.Error {
	var locked *runLockedError
	if !errors.As(err, &locked) {
		return nil
	}
	lock, run := locked.work.Lock, locked.work.Run
	hints := []string{"wait for it to end: ocmt migrate status --watch shows how far it is"}
	message := migrate.ErrLocked.Error()
	switch {
	case lock.Stranger:
		message, hints = ui.Clean(describeStranger(*lock)), endStranger(*lock)
	case lock.State == pgrecord.RunSilent:
		hints = endSilent(*lock, run)
	case pauseOf(run) != "":
		hints = append([]string{"it is paused: ocmt migrate resume lets it go on"}, append(hints, "ocmt migrate abort ends it; what it has moved stays")...)
	case run != nil:
		hints = append(hints, "ocmt migrate abort ends it; what it has moved stays")
	default:
		hints = append(hints, "to end it: "+terminateSQL(lock.Backend, lock.Account))
	}
	who := strings.Join(describeWork(locked.work), "; ")
	return &ui.Error{Message: message + "; nothing was written", Cause: errors.New(who), Hints: hints, Code: ui.ExitRefused,
		Findings: []finding.Finding{{Code: finding.RunAtWork, Severity: finding.Error, Where: "database", Message: message, Evidence: who, Fix: hints[0]}}}
}

// pauseOf says who has paused a run, "paused by …"; "" where nobody has, or where there is no run that tells.
func pauseOf(run *pgrecord.Run) string {
	if run == nil || run.Wait == nil || run.Wait.Kind != migrate.WaitPause {
		return ""
	}
	return run.Wait.Phrase()
}
