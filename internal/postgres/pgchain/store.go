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

// Store is the record of a database. It is safe for concurrent use.
type Store struct {
	db      *postgres.DB
	author  chain.Author
	missing func(prospect chain.Prospect)
}

// New returns the record of a database. The entries name the author. Where an entry cannot be made,
// missing is called with why and what helps, and the change goes on without it.
func New(db *postgres.DB, author chain.Author, missing func(prospect chain.Prospect)) *Store {
	return &Store{db, author, missing}
}

// Prospect says what will become of entries, before anything is changed.
func (s *Store) Prospect(ctx context.Context) (found chain.Prospect, err error) {
	err = s.read(ctx, func(conn *pgconn.PgConn, callers string) error {
		p, err := findPlace(ctx, conn, callers)
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
// it can already. Errors: *ForeignError, ErrTwoRecords.
func (s *Store) SQL(ctx context.Context) (statements string, err error) {
	err = s.read(ctx, func(conn *pgconn.PgConn, callers string) error {
		p, err := findPlace(ctx, conn, callers)
		switch {
		case err != nil:
			return err
		case p.foreign != "":
			return &ForeignError{p.prospect()}
		case p.schema == "":
			return errors.New(p.prospect().Reason)
		}
		statements = p.scriptSQL()
		return nil
	})
	return statements, err
}

// read does work in a transaction of its own, with postgres.OwnPath. The work gets the search path before it.
func (s *Store) read(ctx context.Context, work func(conn *pgconn.PgConn, callers string) error) error {
	return s.within(ctx, postgres.InTransaction, work)
}

// readOnly does the same with work that looks at entries, so that an audit writes nothing. It is not repeatable read:
// what stands behind the lock of the table must be seen as it is then. What asks whether the account may write is in
// read, because here nobody may.
func (s *Store) readOnly(ctx context.Context, work func(conn *pgconn.PgConn, callers string) error) error {
	return s.within(ctx, postgres.InReadOnlyTransaction, work)
}

// within does work in a transaction of a kind.
func (s *Store) within(ctx context.Context, transaction func(ctx context.Context, conn *pgconn.PgConn, work func() error) error, work func(conn *pgconn.PgConn, callers string) error) error {
	return s.db.With(ctx, func(conn *pgconn.PgConn) error {
		return transaction(ctx, conn, func() error {
			return work(conn, postgres.PathOf(conn).Setting)
		})
	})
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

// reading finds the table for a reader, and locks it. It reports false where there is none.
func reading(ctx context.Context, conn *pgconn.PgConn, callers string) (p place, there bool, err error) {
	p, err = findPlace(ctx, conn, callers)
	switch {
	case err != nil:
		return p, false, err
	case p.foreign != "":
		return p, p.there, &ForeignError{p.prospect()}
	case !p.there:
		return p, false, nil
	case !p.mayRead:
		return p, true, &ReadError{chain.Prospect{Place: p.name(), Reason: "the account may not read " + p.name(),
			Missing: p.rights("select")}}
	}
	return p, true, p.hold(ctx, conn, callers, "access share")
}

// atOnce is how many entries are read in one round trip.
const atOnce = "2000"

// Verify looks at all entries, and for a head that was kept elsewhere; "" for none. Errors:
// chain.ErrNone where there is no table and no head was kept, *ReadError, *ForeignError, ErrTwoRecords.
func (s *Store) Verify(ctx context.Context, kept string) (report chain.Report, err error) {
	verifier := chain.NewVerifier(kept)
	err = s.readOnly(ctx, func(conn *pgconn.PgConn, callers string) error {
		p, there, err := reading(ctx, conn, callers)
		switch {
		case err != nil:
			return err
		case !there && kept == "":
			return chain.ErrNone
		case !there:
			return nil
		}
		return verifyTable(ctx, conn, p, verifier)
	})
	if err != nil {
		return chain.Report{}, fmt.Errorf("reading the record: %w", err)
	}
	return verifier.Report(), nil
}

// verifyTable hands the entries to a verifier, through a cursor: pages by key would pass over rows
// with the same number, where somebody has taken the primary key away.
func verifyTable(ctx context.Context, conn *pgconn.PgConn, p place, verifier *chain.Verifier) error {
	if _, err := postgres.QueryRows(ctx, conn, "declare ocmt_record no scroll cursor for select "+columnsSQL+" from only "+p.table()+" order by sequence"); err != nil {
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
// entry whose time cannot be read is left out: Verify reports it. Errors: *ReadError, *ForeignError, ErrTwoRecords.
func (s *Store) Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error) {
	err = s.readOnly(ctx, func(conn *pgconn.PgConn, callers string) error {
		var p place
		if p, there, err = reading(ctx, conn, callers); err != nil || !there {
			return err
		}
		rows, err := postgres.QueryRows(ctx, conn, "select "+columnsSQL+" from only "+p.table()+`
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
