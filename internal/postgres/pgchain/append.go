package pgchain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
)

// maxAttempts bounds how often a writer begins again because another one came first. The last of
// twenty at once needs about twenty.
const maxAttempts = 500

// maxMakings bounds how often it begins again because another one made the table.
const maxMakings = 3

// errOvertaken says that another writer has added an entry, or made the table, since the head was read.
var errOvertaken = errors.New("other writers of the record came first again and again")

// RefusedError says that the table refuses an entry which the account may add: by a trigger or a
// constraint, which means that somebody keeps changes out of the record.
type RefusedError struct {
	Place string // the table
	cause error
}

// Error says what the server says.
func (e *RefusedError) Error() string { return e.Place + " refuses the entry: " + e.cause.Error() }

// Unwrap returns what the server says.
func (e *RefusedError) Unwrap() error { return e.cause }

// unavailableError says that an entry cannot be made, and the change goes on without it.
type unavailableError struct{ prospect chain.Prospect }

// Error says why.
func (e *unavailableError) Error() string { return e.prospect.Reason }

// Append adds entries in a transaction, as the last thing that it does: other writers wait until it
// ends. It makes the table where it is not there. Where the account lacks a right, or what is there
// is not the record, the transaction goes on without the entries. A wait for other writers that takes
// too long is an error, and so is a record that refuses an entry: *RefusedError.
func (s *Store) Append(ctx context.Context, conn *pgconn.PgConn, events ...chain.Event) error {
	if len(events) == 0 {
		return nil
	}
	if _, err := conn.Exec(ctx, "savepoint ocmt_entry").ReadAll(); err != nil {
		return postgres.ExplainError(err)
	}
	err := errOvertaken
	for attempt := 0; attempt < maxMakings && errors.Is(err, errOvertaken); attempt++ {
		if err = s.add(ctx, conn, events); err == nil {
			return nil
		}
		if _, failed := conn.Exec(ctx, "rollback to savepoint ocmt_entry").ReadAll(); failed != nil {
			failed = postgres.ExplainError(failed)
			if !errors.Is(err, errOvertaken) { // which would have been tried again
				failed = errors.Join(err, failed)
			}
			return fmt.Errorf("adding to the record: %w", failed)
		}
	}
	var unavailable *unavailableError
	switch {
	case errors.As(err, &unavailable):
		s.missing(unavailable.prospect)
		return nil
	case errors.Is(err, ErrTwoRecords):
		s.missing(chain.Prospect{Reason: err.Error()})
		return nil
	}
	return fmt.Errorf("adding to the record: %w", err)
}

// add adds entries behind the last one, and gives the transaction its search path back.
func (s *Store) add(ctx context.Context, conn *pgconn.PgConn, events []chain.Event) error {
	p, err := s.prepare(ctx, conn, postgres.PathOf(conn).Setting)
	if err != nil {
		return err
	}
	if err := s.insert(ctx, conn, p, events); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "release savepoint ocmt_entry").ReadAll()
	return postgres.ExplainError(err)
}

// prepare finds the table, or makes it, and locks it against changes of its definition. What is
// committed must be on disk, because its hash may be kept elsewhere.
func (s *Store) prepare(ctx context.Context, conn *pgconn.PgConn, callers string) (place, error) {
	wait := strconv.FormatInt(s.db.LockTimeout().Milliseconds(), 10)
	if _, err := conn.Exec(ctx, "set local lock_timeout = "+wait+`;
		select set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'local' else current_setting('synchronous_commit') end, true)`).ReadAll(); err != nil {
		return place{}, postgres.ExplainError(err)
	}
	p, err := findPlace(ctx, conn, callers)
	if err != nil {
		return p, err
	}
	if prospect := p.prospect(); prospect.Reason != "" {
		return p, &unavailableError{prospect}
	}
	if !p.there {
		return p, p.make(ctx, conn)
	}
	if err := p.hold(ctx, conn, callers, "row exclusive"); err != nil {
		return p, err
	}
	if !p.unique {
		return p, &RefusedError{p.name(), errors.New("its sequence numbers are not unique any more, so that an entry could stand twice")}
	}
	return p, nil
}

// make makes the table.
func (p place) make(ctx context.Context, conn *pgconn.PgConn) error {
	_, err := conn.Exec(ctx, strings.Join(p.makingSQL(), "; ")).ReadAll()
	var answer *pgconn.PgError
	if errors.As(err, &answer) && slices.Contains([]string{"23505", "42P06", "42P07"}, answer.Code) { // unique_violation, duplicate_schema, duplicate_table
		return fmt.Errorf("%w: making %s: %w", errOvertaken, p.name(), postgres.ExplainError(err))
	}
	err = postgres.ExplainError(err)
	var failure *postgres.FailureError
	if errors.As(err, &failure) && (failure.Kind.IsRefusal() || failure.Kind == postgres.ReadOnly) {
		return &unavailableError{chain.Prospect{Place: p.name(), Reason: "making " + p.name() + ": " + failure.Error()}}
	}
	return err
}

// hold locks the table, so that nobody puts another thing in its place or changes what the server
// does for it, and looks again whether it is the record.
func (p place) hold(ctx context.Context, conn *pgconn.PgConn, callers, mode string) error {
	if _, err := conn.Exec(ctx, "lock table only "+p.table()+" in "+mode+" mode").ReadAll(); err != nil {
		return fmt.Errorf("locking %s: %w", p.name(), postgres.ExplainError(err))
	}
	again, err := findPlace(ctx, conn, callers)
	switch {
	case err != nil:
		return err
	case again.foreign != "":
		return &ForeignError{again.prospect()}
	case again.number != p.number:
		return fmt.Errorf("locking %s: another table took its place", p.name())
	}
	return nil
}

// insert adds entries behind the last one. The first waits for a transaction that has added one with
// its number, until that one ends: this is what keeps writers apart, and it needs the right to add. A
// lock that needs none could be held by anybody. Where another writer came first, it begins again.
func (s *Store) insert(ctx context.Context, conn *pgconn.PgConn, p place, events []chain.Event) error {
	last, now, err := p.queryHead(ctx, conn)
	if err != nil {
		return err
	}
	attempts := 0
	for n := 0; n < len(events); {
		entry, err := chain.Next(last, now, s.author, events[n])
		if err != nil {
			return err
		}
		added, err := p.insertEntry(ctx, conn, entry)
		if err != nil {
			return err
		}
		if added {
			last = entry.Link()
			n++
			continue
		}
		head, _, err := p.queryHead(ctx, conn)
		switch {
		case err != nil:
			return err
		case head == last:
			return &RefusedError{p.name(), errors.New("a trigger passes it over, or another entry follows the same one already")}
		case attempts == maxAttempts:
			return errOvertaken
		}
		last = head
		attempts++
	}
	return nil
}

// queryHead returns the last entry, and the time.
func (p place) queryHead(ctx context.Context, conn *pgconn.PgConn) (last chain.Link, now time.Time, err error) {
	rows, err := postgres.QueryRows(ctx, conn, `select coalesce(l.sequence, 0), coalesce(l.hash, ''), `+timeSQL("now()")+`
		from (select) one left join (select sequence, hash from only `+p.table()+` order by sequence desc limit 1) l on true`)
	if err != nil {
		return last, now, err
	}
	now, err = parseTime(rows[0][2])
	return chain.Link{Sequence: postgres.ParseNumber(rows[0][0]), Hash: rows[0][1]}, now, err
}

// insertEntry adds an entry. It reports false where one is there already that it cannot stand beside.
func (p place) insertEntry(ctx context.Context, conn *pgconn.PgConn, entry chain.Entry) (added bool, err error) {
	rows, err := postgres.QueryRows(ctx, conn, "insert into "+p.table()+` (sequence, at, operator, host, command, action, subject, details, previous, hash)
		values ($1, now(), $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning sequence`, strconv.FormatInt(entry.Sequence, 10), entry.Operator, entry.Host, entry.Command,
		entry.Action, entry.Subject, string(entry.Details), entry.Previous, entry.Hash())
	var failure *postgres.FailureError
	if errors.As(err, &failure) && failure.Kind.IsRefusal() {
		return false, &RefusedError{p.name(), failure}
	}
	return len(rows) > 0, err
}
