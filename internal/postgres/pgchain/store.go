package pgchain

import (
	"context"
	"encoding/json"
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

// lockNumber names the lock of the writers among the advisory locks of a database. It is the ASCII
// text "ocmtlink".
const lockNumber = "8026379307706838635"

// Store is the record of a database. It is safe for concurrent use.
type Store struct {
	db      *postgres.DB
	author  chain.Author
	missing func(reason string)
}

// New returns the record of a database. The entries name the author. Where an entry cannot be made,
// missing is called with the reason, and the change goes on without it.
func New(db *postgres.DB, author chain.Author, missing func(reason string)) *Store {
	return &Store{db, author, missing}
}

// Prospect says what will become of entries, before anything is changed.
func (s *Store) Prospect(ctx context.Context) (found chain.Prospect, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		p, err := findPlace(ctx, conn)
		if errors.Is(err, ErrTwoRecords) {
			found = chain.Prospect{Reason: err.Error(), Fix: "drop the one that the tool did not make; or --record FILE"}
			return nil
		}
		found = p.prospect()
		return err
	})
	return found, err
}

// SQL returns the statements with which a DBA makes the table, and lets the account add to it; "" where
// it can already.
func (s *Store) SQL(ctx context.Context) (statements string, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		p, err := findPlace(ctx, conn)
		switch {
		case err != nil:
			return err
		case p.schema == "":
			return errors.New(p.prospect().Reason)
		}
		statements = p.scriptSQL()
		return nil
	})
	return statements, err
}

// Append adds entries in a transaction, as the last thing that it does: the lock of the writers is
// held until it ends. It makes the table where it is not there. Where the server refuses it, the
// transaction goes on without the entries. A wait for other writers that takes too long is an error.
func (s *Store) Append(ctx context.Context, conn *pgconn.PgConn, events ...chain.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := s.lock(ctx, conn); err != nil {
		return err
	}
	err := s.add(ctx, conn, events)
	reason := ""
	var failure *postgres.FailureError
	var refused *refusedError
	switch {
	case err == nil:
		_, err := conn.Exec(ctx, "release savepoint ocmt_entry").ReadAll()
		return postgres.ExplainError(err)
	case errors.As(err, &refused) || errors.Is(err, ErrTwoRecords):
		reason = err.Error()
	case errors.As(err, &failure) && failure.Kind.IsRefusal() || errors.As(err, &failure) && failure.Kind == postgres.ReadOnly:
		reason = failure.Error()
	default:
		return fmt.Errorf("adding to the record: %w", err)
	}
	if _, err := conn.Exec(ctx, "rollback to savepoint ocmt_entry").ReadAll(); err != nil {
		return postgres.ExplainError(err)
	}
	s.missing(reason)
	return nil
}

// refusedError says that an entry cannot be made.
type refusedError struct{ prospect chain.Prospect }

// Error says why, and what helps.
func (e *refusedError) Error() string { return e.prospect.Reason + ": " + e.prospect.Fix }

// lock waits for the other writers. What is committed must be on disk, because its hash may be kept
// elsewhere.
func (s *Store) lock(ctx context.Context, conn *pgconn.PgConn) error {
	wait := strconv.FormatInt(s.db.LockTimeout().Milliseconds(), 10)
	_, err := conn.Exec(ctx, "savepoint ocmt_entry; set local lock_timeout = "+wait+`;
		select set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'local' else current_setting('synchronous_commit') end, true);
		select pg_advisory_xact_lock(`+lockNumber+")").ReadAll()
	if err != nil {
		return fmt.Errorf("waiting for other writers of the record: %w", postgres.ExplainError(err))
	}
	return nil
}

// add adds entries behind the last one. The lock is held.
func (s *Store) add(ctx context.Context, conn *pgconn.PgConn, events []chain.Event) error {
	p, err := findPlace(ctx, conn)
	if err != nil {
		return err
	}
	if prospect := p.prospect(); prospect.Reason != "" {
		return &refusedError{prospect}
	}
	if !p.there {
		if _, err := conn.Exec(ctx, strings.Join(p.makingSQL(), "; ")).ReadAll(); err != nil {
			return fmt.Errorf("making %s: %w", p.name(), postgres.ExplainError(err))
		}
	}
	rows, err := postgres.QueryRows(ctx, conn, `select coalesce(l.sequence, 0), coalesce(l.hash, ''), `+timeSQL("now()")+`
		from (select) one left join (select sequence, hash from `+p.table()+` order by sequence desc limit 1) l on true`)
	if err != nil {
		return err
	}
	last := chain.Link{Sequence: postgres.ParseNumber(rows[0][0]), Hash: rows[0][1]}
	now, err := parseTime(rows[0][2])
	if err != nil {
		return err
	}
	for _, event := range events {
		entry, err := chain.Next(last, now, s.author, event)
		if err != nil {
			return err
		}
		last = entry.Link()
		_, err = postgres.QueryRows(ctx, conn, "insert into "+p.table()+` (sequence, at, operator, host, command, action, subject, details, previous, hash)
			values ($1, now(), $2, $3, $4, $5, $6, $7, $8, $9)`, strconv.FormatInt(entry.Sequence, 10), entry.Operator, entry.Host, entry.Command,
			entry.Action, entry.Subject, string(entry.Details), entry.Previous, last.Hash)
		if err != nil {
			return err
		}
	}
	return nil
}

// Add adds entries in a transaction of their own.
func (s *Store) Add(ctx context.Context, events ...chain.Event) error {
	return s.db.With(ctx, func(conn *pgconn.PgConn) error {
		return postgres.InTransaction(ctx, conn, func() error { return s.Append(ctx, conn, events...) })
	})
}

// ReadError says why the record cannot be read.
type ReadError struct{ Prospect chain.Prospect }

// Error says why.
func (e *ReadError) Error() string { return e.Prospect.Reason }

// reading finds the table for a reader. It reports false where there is none.
func reading(ctx context.Context, conn *pgconn.PgConn) (p place, there bool, err error) {
	p, err = findPlace(ctx, conn)
	if err != nil || !p.there {
		return p, false, err
	}
	if !p.mayRead {
		who := postgres.Quote(p.account)
		return p, true, &ReadError{chain.Prospect{Place: p.name(), Reason: "the account may not read " + p.name(),
			Fix: fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s", postgres.Quote(p.schema), who, p.table(), who)}}
	}
	return p, true, nil
}

// atOnce is how many entries are read in one round trip.
const atOnce = "2000"

// Verify looks at all entries, and for a head that was kept elsewhere; "" for none. Errors:
// chain.ErrNone where there is no table and no head was kept, *ReadError, ErrTwoRecords.
func (s *Store) Verify(ctx context.Context, kept string) (report chain.Report, err error) {
	verifier := chain.NewVerifier(kept)
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		p, there, err := reading(ctx, conn)
		switch {
		case err != nil:
			return err
		case !there && kept == "":
			return chain.ErrNone
		case !there:
			return nil
		}
		return postgres.InTransaction(ctx, conn, func() error { return verifyTable(ctx, conn, p, verifier) })
	})
	if err != nil {
		return chain.Report{}, fmt.Errorf("reading the record: %w", err)
	}
	return verifier.Report(), nil
}

// verifyTable hands the entries to a verifier, through a cursor: pages by key would pass over rows
// with the same number, where somebody has taken the primary key away.
func verifyTable(ctx context.Context, conn *pgconn.PgConn, p place, verifier *chain.Verifier) error {
	if _, err := postgres.QueryRows(ctx, conn, "declare ocmt_record no scroll cursor for select "+columnsSQL+" from "+p.table()+" order by sequence"); err != nil {
		return err
	}
	for {
		rows, err := postgres.QueryRows(ctx, conn, "fetch "+atOnce+" from ocmt_record")
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			entry, err := parseRow(row)
			if err != nil {
				verifier.BreakUnreadable()
				return nil
			}
			if !verifier.Add(entry, row[9]) {
				return nil
			}
		}
	}
}

// Entries returns the entries of a query, newest first, and whether there is a record at all. An
// entry whose time cannot be read is left out: Verify reports it. Errors: *ReadError, ErrTwoRecords.
func (s *Store) Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		var p place
		if p, there, err = reading(ctx, conn); err != nil || !there {
			return err
		}
		rows, err := postgres.QueryRows(ctx, conn, "select "+columnsSQL+" from "+p.table()+`
			where (cardinality($1::text[]) = 0 or action = any ($1::text[])) and ($2 = '' or subject = $2) and ($3::bigint = 0 or sequence < $3::bigint)
			order by sequence desc limit nullif($4::bigint, 0)`,
			postgres.TextArray(query.Actions), query.Subject, strconv.FormatInt(query.Before, 10), strconv.Itoa(query.Limit))
		for _, row := range rows {
			if entry, err := parseRow(row); err == nil {
				entries = append(entries, entry)
			}
		}
		return err
	})
	if err != nil {
		return nil, there, fmt.Errorf("reading the record: %w", err)
	}
	return slices.Clip(entries), there, nil
}

// columnsSQL are the columns of an entry, in the order of parseRow.
var columnsSQL = "sequence, " + timeSQL("at") + ", operator, host, command, action, subject, details, previous, hash"

// timeSQL returns a time as an entry spells it, with its era behind it.
func timeSQL(of string) string {
	return "to_char(" + of + ` at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"AD')`
}

// parseTime reads what timeSQL returns.
func parseTime(text string) (at time.Time, err error) {
	spelt, ours := strings.CutSuffix(text, "AD")
	if !ours {
		return at, errors.New("reading the time of an entry: it is before our era, or infinite")
	}
	return chain.ParseTime(spelt)
}

// parseRow reads the columns of an entry.
func parseRow(row []string) (chain.Entry, error) {
	at, err := parseTime(row[1])
	if err != nil {
		return chain.Entry{}, err
	}
	return chain.Entry{Sequence: postgres.ParseNumber(row[0]), At: at, Author: chain.Author{Operator: row[2], Host: row[3], Command: row[4]},
		Action: row[5], Subject: row[6], Details: json.RawMessage(row[7]), Previous: row[8]}, nil
}
