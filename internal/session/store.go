package session

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/ocmt/ocmt/internal/pages"
)

// Table is a kind of access that stands in a table of the database.
type Table struct {
	Kind Kind
	Name string // schema.name
	// NoUsers says that its rows do not tell whose they are, so that they end only where everyone
	// is selected.
	NoUsers bool
}

// Moment is when the work began, by the clock of the database.
type Moment struct {
	Database string // its name
	Time     string // as the database writes it; "" for what begins later too
	// Early has the ids of rows that were there already and say that they begin later.
	Early map[Kind][]string
}

// Count is what a selection has of one kind.
type Count struct {
	Kind     Kind   `json:"kind"`
	Table    string `json:"table"` // schema.name; "" for what is in Redis
	Selected int64  `json:"selected"`
	Users    int64  `json:"users"`
	Youngest *Age   `json:"youngest_seconds"` // nil where the rows do not tell
	Oldest   *Age   `json:"oldest_seconds"`
	// Owners are users who have most of it, of a kind that is optional.
	Owners []string `json:"owners"`
}

// Age is how long ago something was. JSON has it in seconds.
type Age time.Duration

// MarshalJSON writes seconds.
func (a Age) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, math.Round(time.Duration(a).Seconds()), 'f', -1, 64), nil
}

// MaxEarly is how many rows may say that they begin after the work, and are taken for old.
const MaxEarly = 10_000

// EarlyError says that many rows begin in the future, so that what begins later cannot be told from
// what was there.
type EarlyError struct {
	Table string
	Rows  int64
}

// Error says how many.
func (e *EarlyError) Error() string {
	return fmt.Sprintf("%d live rows of %s begin in the future: a server writes them in another time zone", e.Rows, e.Table)
}

// TimeZoneError says that the connection has another time zone than the servers may write in. The
// columns have none, so that what is live would be taken for expired, or the reverse.
type TimeZoneError struct {
	Ours string
	// Theirs is that of the account Of. Where the client's own surroundings set Ours, both are empty.
	Theirs, Of string
}

// Error names both.
func (e *TimeZoneError) Error() string {
	if e.Of == "" {
		return fmt.Sprintf("PGTZ or DATABASE_URL sets the time zone %s for this connection: times of sessions have no zone, so live ones would be taken for expired", e.Ours)
	}
	return fmt.Sprintf("this connection has the time zone %s, and the account %s has %s: times of sessions have no zone, so live ones would be taken for expired", e.Ours, e.Of, e.Theirs)
}

// Ending is how access ends.
type Ending struct {
	Reason string // of at most MaxReason characters, for the rows
	Delete bool   // rows are deleted rather than marked
}

// MaxReason is how many characters a reason in a row may have (contract, section 3).
const MaxReason = 50

// Database is the part of live access that stands in PostgreSQL.
type Database interface {
	// Begin says what the database is, and when it is.
	Begin(ctx context.Context) (Moment, error)
	// Tables returns the kinds of access that the database has. Errors: *TimeZoneError, and those that
	// say that sessions are not to be seen.
	Tables(ctx context.Context) ([]Table, error)
	// Heaps returns the heaps of a table as they are now.
	Heaps(ctx context.Context, table Table) ([]pages.Heap, error)
	// Early returns the ids of live rows that say that they begin after a moment: their writer's clock
	// or time zone differs. The error is an *EarlyError where there are more than MaxEarly.
	Early(ctx context.Context, table Table, moment Moment) ([]string, error)
	// Count counts the live rows of a selection that are older than the moment; with the zero
	// moment, also the newer ones.
	Count(ctx context.Context, table Table, selection Selection, moment Moment) (Count, error)
	// Owners returns the users who have most live rows of a selection, by e-mail address or id, at
	// most so many.
	Owners(ctx context.Context, table Table, selection Selection, moment Moment, most int) ([]string, error)
	// Any reports whether there is a live row of a selection, counted as Count does.
	Any(ctx context.Context, table Table, selection Selection, moment Moment) (bool, error)
	// Users returns the users of the live sessions of a selection, and, where no criterion is about
	// single sessions, also selected users without any.
	Users(ctx context.Context, selection Selection, moment Moment) ([]string, error)
	// Open opens a connection of a worker.
	Open(ctx context.Context) (Worker, error)
	// Writers returns transactions that have written to the table and not ended.
	Writers(ctx context.Context, table Table) ([]string, error)
	// HasSession reports whether the live session with a digest is in a selection.
	HasSession(ctx context.Context, selection Selection, moment Moment, digest string) (bool, error)
	// SessionUsers returns the users who have a row of a session, live or not.
	SessionUsers(ctx context.Context, except []string) ([]string, error)
	// AddShortSession makes a session of a user that lives for a minute, of a token with the digest.
	// It reports false where the user is gone.
	AddShortSession(ctx context.Context, user, digest string) (made bool, err error)
	// RemoveShortSession removes it, and reports whether the server had left it alive.
	RemoveShortSession(ctx context.Context, digest string) (alive bool, err error)
	// Flush makes sure that what was written is safe on disk.
	Flush(ctx context.Context) error
}

// Worker ends rows on a connection of its own.
type Worker interface {
	// End ends the live rows of a selection in a range of pages, and returns how many. Rows that
	// others hold for longer than the lock timeout are left, and a later look finds them.
	End(ctx context.Context, table Table, selection Selection, moment Moment, within pages.Range, ending Ending) (ended int64, err error)
	Close(ctx context.Context)
}

// Pace holds work back, so that live servers get their turn.
type Pace interface {
	// Do does a piece of work, and rests after it where others are at work.
	Do(ctx context.Context, work func() error) error
}

// Vault is an unlocked vault, or an OAuth flow, as Redis has it.
type Vault struct {
	User    string // "" where the value does not tell
	Created int64  // milliseconds since 1970; 0 where the value does not tell
}

// Cache is the part of live access that stands in Redis.
type Cache interface {
	// Now returns the clock of the server, in milliseconds since 1970.
	Now(ctx context.Context) (int64, error)
	// Scan visits every live vault, and every OAuth flow, once or more. What choose returns true
	// for is ended; it may be called by several goroutines. The look is whole, or Scan returns an
	// error.
	Scan(ctx context.Context, choose func(kind Kind, id ID, vault Vault) bool) (Look, error)
	// LockEnded has each server forget each vault that stands ended, unless its value has the mark
	// already, and puts the tombstone back with the mark: a server removes it when it locks the vault,
	// and that is the proof that it did. A stop ends it after the vaults in hand. Errors: ErrStopped,
	// *ServerError, ErrKept within it.
	LockEnded(ctx context.Context, servers []Server, mark string, stop <-chan struct{}) (locked int64, err error)
	// AwaitReplicas waits until the replicas have what was written, because one of them may be the
	// primary next. It is an error where one has not in time.
	AwaitReplicas(ctx context.Context) error
	// Restore removes the tombstones.
	Restore(ctx context.Context) (removed int64, err error)
}

// Look is what a whole look at Redis came to.
type Look struct {
	Ended map[Kind]int64
	// Moved says that a failover, or a move of slots, happened meanwhile, so that keys may have been
	// passed over.
	Moved bool
}

// ID stands for a key of Redis, which is itself a token. It is a digest of it.
type ID [16]byte

// Reporter is told how the work goes on.
type Reporter interface {
	// Phase names what is done now.
	Phase(name string)
	// Progress says how many were ended, of how many.
	Progress(done, total int64)
	// Waiting says what is waited for; "" for nothing.
	Waiting(reason string)
}

// Clock tells the time.
type Clock func() time.Time
