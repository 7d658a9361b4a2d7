package pgrecord

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ErrNoRun says that there is no run that could be steered.
var ErrNoRun = errors.New("no run is at work on this database")

// ErrNotSteerable says that something holds the lock of the database and takes no orders.
var ErrNotSteerable = errors.New("what is at work on this database takes no orders")

// RunState says what is known of a run.
type RunState string

// The states of a run that has not said that it has ended.
const (
	RunAtWork RunState = "at_work"
	// RunSilent holds the lock and has given no sign of life for SilentAfter: its machine is gone, or cut off, or
	// the process was stopped.
	RunSilent RunState = "silent"
	// RunLost does not hold the lock: it ended without a word.
	RunLost RunState = "ended_without_a_word"
)

// SilentAfter is after how long without a sign of life a run counts as silent. A run gives one twice a second, and
// its lock every two.
const SilentAfter = time.Minute

// Run is a run as others see it. Its times are by the clock of the database server, but for those of the status.
type Run struct {
	migrate.Status
	State    RunState `json:"state"`
	Operator string   `json:"operator"`
	Host     string   `json:"host"`    // where the process runs
	Process  int      `json:"process"` // its number there
	Backend  int      `json:"backend"` // process of the server that holds the lock
	Pooled   bool     `json:"pooled"`  // the run comes through a connection pool
	Since    string   `json:"since"`
	AtWork   float64  `json:"seconds_at_work"`
	Silence  float64  `json:"seconds_since_sign_of_life"`
	Ordered  float64  `json:"seconds_since_order"` // since the last order that it follows; -1 for none
}

// Lock is the lock of the database that a run, a dry run or a verification holds.
type Lock struct {
	State       RunState `json:"state"` // at_work or silent
	Backend     int      `json:"backend"`
	Account     string   `json:"account"`
	Application string   `json:"application"`
	Address     string   `json:"client_address"` // "" for a socket, or where the account may not see it
	Since       string   `json:"since"`          // "" where the account may not see it
	Held        float64  `json:"seconds_held"`   // -1 where the account may not see it
	Silence     float64  `json:"seconds_since_sign_of_life"`
	// Stranger says that the holder is no run of ocmt as far as can be seen.
	Stranger bool `json:"stranger"`
}

// StrangerError is ErrNotSteerable where no run of ocmt holds the lock as far as can be seen.
type StrangerError struct{ Lock Lock }

// Error says who holds the lock.
func (e *StrangerError) Error() string {
	return fmt.Sprintf("the lock of runs is held by account %s (backend %d), which is no run of ocmt as far as can be seen", e.Lock.Account, e.Lock.Backend)
}

// Unwrap returns ErrNotSteerable.
func (e *StrangerError) Unwrap() error { return ErrNotSteerable }

// Work is what is at work on a database, and what has ended without a word.
type Work struct {
	Lock *Lock // nil where nobody holds it
	Run  *Run  // who holds it, nil where that one does not tell
	Lost []Run // the last sign of life first
}

// reportedRun is the member run of the metadata of a key version. The members of the server are added to it.
type reportedRun struct {
	migrate.Status
	Operator string `json:"operator"`
	Host     string `json:"host"`
	Process  int    `json:"process"`
}

// storedRun is what is read of it.
type storedRun struct {
	reportedRun
	Alive   int64  `json:"alive"` // microseconds since 1970
	Began   int64  `json:"began"`
	Backend int    `json:"backend"`
	Lock    string `json:"lock"`
	Pooled  bool   `json:"pooled"`
}

// Work asks what is at work on the database.
func (r *Record) Work(ctx context.Context) (work Work, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		work, err = queryWork(ctx, conn)
		return err
	})
	return work, err
}

func queryWork(ctx context.Context, conn *pgconn.PgConn) (work Work, err error) {
	held, err := postgres.ReadLock(ctx, conn)
	if err != nil {
		return work, err
	}
	if work.Lock = newLock(held); held == nil {
		held = &postgres.HeldLock{}
	}
	stored, now, err := queryRuns(ctx, conn)
	if err != nil {
		return work, err
	}
	live := findLive(stored, work.Lock, held)
	for i, one := range stored {
		run := one.run(now)
		if i != live {
			work.Lost = append(work.Lost, run)
			continue
		}
		run.State, run.Backend = RunAtWork, held.Backend
		if held.Seen && (run.Silence < 0 || held.Idle.Seconds() < run.Silence) {
			run.Silence = held.Idle.Seconds()
		}
		if run.Silence >= SilentAfter.Seconds() {
			run.State = RunSilent
		}
		work.Lock.State, work.Lock.Silence, work.Lock.Stranger, work.Run = run.State, run.Silence, false, &run
	}
	return work, nil
}

// newLock describes the lock, nil for none.
func newLock(held *postgres.HeldLock) *Lock {
	if held == nil {
		return nil
	}
	lock := &Lock{State: RunAtWork, Backend: held.Backend, Account: held.Account, Application: held.Application, Address: held.Address, Since: held.Since, Held: -1, Silence: -1, Stranger: held.Stranger}
	if held.Seen {
		lock.Held, lock.Silence = held.Held.Seconds(), held.Idle.Seconds()
	}
	if lock.Silence >= SilentAfter.Seconds() {
		lock.State = RunSilent
	}
	return lock
}

// maxRunText bounds how much of a run is read, which somebody may have written by hand.
const maxRunText = 1 << 16

// queryRuns returns the runs that have not said that they have ended, the last sign of life first, and the time of
// the server in microseconds since 1970. What is no run is passed over.
func queryRuns(ctx context.Context, conn *pgconn.PgConn) (stored []storedRun, now int64, err error) {
	may, err := mayRead(ctx, conn, "encryption_keys")
	if err != nil || !may {
		return nil, 0, err
	}
	rows, err := postgres.QueryRows(ctx, conn, `select version, left((metadata->'run')::text, `+strconv.Itoa(maxRunText)+`), `+microsecondsSQL+`
		from $encryption_keys where jsonb_typeof(metadata->'run') = 'object' and metadata->'run'->>'ended' = 'false'`)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the status of runs: %w", err)
	}
	for _, row := range rows {
		var one storedRun
		now = postgres.ParseNumber(row[2])
		if err := json.Unmarshal([]byte(row[1]), &one); err != nil {
			continue
		}
		one.To = int(postgres.ParseNumber(row[0]))
		stored = append(stored, one)
	}
	slices.SortStableFunc(stored, func(a, b storedRun) int {
		return cmp.Or(cmp.Compare(b.Alive, a.Alive), b.Updated.Compare(a.Updated))
	})
	return stored, now, nil
}

// findLive returns which run holds the lock, -1 for none. A run of an older version of this tool does not say which
// lock it holds: where no other does, the last of them is taken for it.
func findLive(stored []storedRun, lock *Lock, held *postgres.HeldLock) int {
	if lock == nil {
		return -1
	}
	for i, one := range stored {
		if one.Lock == held.Transaction && one.Backend == held.Backend {
			return i
		}
	}
	if lock.Stranger {
		return -1
	}
	return slices.IndexFunc(stored, func(one storedRun) bool { return one.Lock == "" && one.Alive == 0 })
}

// run describes a run that does not hold the lock.
func (s storedRun) run(now int64) Run {
	run := Run{Status: s.Status, State: RunLost, Operator: s.Operator, Host: s.Host, Process: s.Process, Backend: s.Backend, Pooled: s.Pooled, AtWork: -1, Silence: -1, Ordered: -1}
	if s.Began > 0 {
		run.Since, run.AtWork = time.UnixMicro(s.Began).UTC().Format(time.DateTime+"+00"), secondsBetween(s.Began, now)
	}
	if s.Alive > 0 {
		run.Silence = secondsBetween(s.Alive, now)
	}
	if !s.Orders.At.IsZero() {
		run.Ordered = secondsBetween(s.Orders.At.UnixMicro(), now)
	}
	return run
}

// secondsBetween returns the seconds from one moment to a later one, both in microseconds.
func secondsBetween(from, to int64) float64 {
	return max(0, time.Duration(to-from)*time.Microsecond).Seconds()
}

// Steerable returns the run that can be steered. The error is ErrNoRun or ErrNotSteerable where there is none.
func (w Work) Steerable() (*Run, error) {
	switch {
	case w.Lock == nil:
		return nil, ErrNoRun
	case w.Run == nil && w.Lock.Stranger:
		return nil, &StrangerError{*w.Lock}
	case w.Run == nil:
		return nil, ErrNotSteerable
	}
	return w.Run, nil
}
