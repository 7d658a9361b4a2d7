// Package pgdiscover searches an OCMT database for candidates of ciphertexts: it implements
// the interfaces that package discover declares.
package pgdiscover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
)

// maxLockWait, in milliseconds, is short: a request that waits for a lock makes others wait
// behind it.
const maxLockWait = 500

// Opener opens searchers. It implements migrate.SearcherOpener.
type Opener struct{ db *postgres.DB }

// New returns the opener of a database.
func New(db *postgres.DB) *Opener { return &Opener{db} }

// OpenSearcher returns a searcher on a connection of its own.
func (o *Opener) OpenSearcher(ctx context.Context) (discover.Searcher, error) {
	conn, err := o.db.AcquireReader(ctx)
	if err != nil {
		return nil, err
	}
	return &searcher{db: o.db, conn: conn, lockTimeout: o.db.LockTimeout().Milliseconds()}, nil
}

// OpenSnapshot implements discover.Opener.
func (o *Opener) OpenSnapshot(ctx context.Context) (discover.Searcher, error) {
	conn, moment, err := o.db.AcquireMoment(ctx)
	if err != nil {
		return nil, err
	}
	return &searcher{db: o.db, conn: conn, lockTimeout: o.db.LockTimeout().Milliseconds(), snapshot: true, moment: moment}, nil
}

// searcher implements discover.Searcher.
type searcher struct {
	db          *postgres.DB
	conn        *postgres.Conn
	lockTimeout int64                      // milliseconds
	snapshot    bool                       // it reads in one transaction
	moment      *postgres.Moment           // of a snapshot of a cluster
	spreads     map[string]postgres.Spread // tables of a cluster, by their OIDs
}

// Close implements discover.Searcher.
func (s *searcher) Close(ctx context.Context) { s.conn.Close(ctx) }

// Origin implements discover.Searcher.
func (s *searcher) Origin(ctx context.Context) (discover.Origin, error) {
	origin, err := postgres.ReadOrigin(ctx, s.conn.PgConn())
	if err != nil {
		return discover.Origin{}, fmt.Errorf("asking the database what it is: %w", err)
	}
	return discover.Origin{Name: origin.Name, System: origin.System, Standby: origin.Standby, Oldest: origin.Oldest, Next: origin.Next,
		Apart: s.moment != nil && s.moment.Apart}, nil
}

// Measure implements discover.Searcher. The size is asked for one table at a time, because the
// question waits for a transaction that holds the table locked.
func (s *searcher) Measure(ctx context.Context, relation discover.Relation) (size discover.Size, err error) {
	if relation.Spread {
		return s.measureSpread(ctx, relation)
	}
	there := false
	err = s.queryBounded(ctx, time.Second, `select pg_relation_size(oid) / current_setting('block_size')::bigint, pg_table_size(oid), oid || ':' || relfilenode,
		relfilenode <> 0 and relfilenode is distinct from pg_relation_filenode(oid) from pg_class where oid = `+
		relation.ID+" and oid = to_regclass('"+strings.ReplaceAll(postgres.Quote(relation.Schema, relation.Name), "'", "''")+"')", textForm, func(values [][]byte) {
		there = true
		size = discover.Size{Pages: postgres.ParseNumber(string(values[0])), Bytes: postgres.ParseNumber(string(values[1])), Storage: string(values[2]), Moved: string(values[3]) == "t"}
	})
	if err != nil {
		return size, explainError(relation, err)
	}
	if !there {
		return size, gone(relation, nil)
	}
	return size, nil
}

// The forms of a result: all columns as texts, or all in their binary form, which of a
// text is the text itself.
var (
	textForm   = []int16{0}
	binaryForm = []int16{1}
)

// queryBounded sends a statement and visits its rows. The limits of the statement go along in
// the same round trip and transaction, because there may be a pool in between.
func (s *searcher) queryBounded(ctx context.Context, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
	if s.snapshot {
		return s.queryInSnapshot(ctx, timeout, sql, form, visit)
	}
	return s.sendBounded(ctx, timeout, sql, form, visit)
}

// queryInSnapshot is queryBounded within the transaction of a snapshot. What the statement has locked
// is let go after it, and the transaction outlives an error.
func (s *searcher) queryInSnapshot(ctx context.Context, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
	if _, err := s.conn.PgConn().Exec(ctx, "savepoint looking").ReadAll(); err != nil {
		return err
	}
	err := s.sendBounded(ctx, timeout, sql, form, visit)
	if _, ended := s.conn.PgConn().Exec(ctx, "rollback to savepoint looking; release savepoint looking").ReadAll(); err == nil {
		err = ended
	}
	return err
}

// sendBounded sends a statement behind its limits, and visits its rows.
func (s *searcher) sendBounded(ctx context.Context, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
	batch := &pgconn.Batch{}
	batch.ExecParams(s.limitsSQL(timeout), nil, nil, nil, nil)
	batch.ExecParams(sql, nil, nil, nil, form)
	results := s.conn.PgConn().ExecBatch(ctx, batch)
	for number := 0; results.NextResult(); number++ {
		for rows := results.ResultReader(); rows.NextRow(); {
			if number > 0 {
				visit(rows.Values())
			}
		}
	}
	return results.Close()
}

// limitsSQL returns the statement that limits those which follow it in its transaction.
func (s *searcher) limitsSQL(timeout time.Duration) string {
	return fmt.Sprintf(`select pg_catalog.set_config('search_path', '`+postgres.OwnPath+`', true), pg_catalog.set_config('row_security', 'off', true), pg_catalog.set_config('statement_timeout', '%d', true), pg_catalog.set_config('lock_timeout', '%d', true),
		pg_catalog.set_config('transaction_read_only', 'on', true), pg_catalog.set_config('standard_conforming_strings', 'on', true),
		pg_catalog.set_config('jit', 'off', true), pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)`,
		timeout.Milliseconds(), min(s.lockTimeout, maxLockWait))
}

// Search implements discover.Searcher. Most chunks contain no candidate, so candidates are
// counted first, and their values are read only where there are any.
func (s *searcher) Search(ctx context.Context, chunk discover.Chunk, visit func(discover.Candidate)) (counts discover.Counts, err error) {
	candidates := int64(0)
	query := s.queryBounded
	if chunk.Relation.Replaceable {
		query = func(ctx context.Context, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
			return s.queryReplaceable(ctx, chunk.Relation, timeout, sql, form, visit)
		}
	}
	err = query(ctx, chunk.Timeout, countSQL(chunk), textForm, func(values [][]byte) {
		counts, candidates = countsOf(values[1:]), postgres.ParseNumber(string(values[0]))
	})
	if err == nil && candidates > 0 {
		err = query(ctx, chunk.Timeout, candidateSQL(chunk), binaryForm, func(values [][]byte) { visitCandidates(chunk.Relation, values, visit) })
	}
	if err != nil {
		return counts, explainError(chunk.Relation, err)
	}
	return counts, nil
}

// countsOf reads the counts of a chunk, two for each column.
func countsOf(values [][]byte) (counts discover.Counts) {
	for i := 0; i+1 < len(values); i += 2 {
		counts.Values = append(counts.Values, postgres.ParseNumber(string(values[i])))
		counts.TooLarge = append(counts.TooLarge, postgres.ParseNumber(string(values[i+1])))
	}
	return counts
}

// visitCandidates visits the candidates of a row, in which the columns of the key come first.
func visitCandidates(relation discover.Relation, values [][]byte, visit func(discover.Candidate)) {
	key := make([]string, len(relation.Key))
	for i := range key {
		key[i] = string(values[i])
	}
	for i, value := range values[len(key):] {
		if value != nil {
			visit(discover.Candidate{Column: i, Key: key, Value: value})
		}
	}
}

// explainError returns a *discover.UnreadError where only one table cannot be read, and an
// error that ends the search otherwise.
func explainError(relation discover.Relation, err error) error {
	where := relation.Schema + "." + relation.Name
	var unread *discover.UnreadError
	if errors.As(err, &unread) {
		return err
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return fmt.Errorf("looking through %s: %w", where, postgres.ExplainError(err))
	}
	say := func(code finding.Code, message, fix string) error {
		return &discover.UnreadError{Cause: err, InValues: code == finding.Damaged || code == finding.Unreadable,
			Finding: finding.Finding{Code: code, Severity: finding.Warning, Where: where, Message: message, Evidence: "SQLSTATE " + answer.Code, Fix: fix}}
	}
	switch kind := postgres.FailureKindOf(err); {
	case kind == postgres.Ended || kind == postgres.NoResources || kind == postgres.Canceled:
		return fmt.Errorf("looking through %s: %w", where, postgres.ExplainError(err))
	case kind == postgres.RowsHidden:
		found := hiddenRows(where)
		return &discover.UnreadError{Cause: err, Finding: found}
	case answer.Code == "42501":
		return say(finding.MissingSelect, "the account may not read it", "give the account select on "+postgres.Ident(relation.Schema, relation.Name))
	case answer.Code == "55P03":
		return say(finding.Locked, "another transaction holds it locked", "run this again when that has ended")
	case answer.Code == "57014" && strings.Contains(answer.Message, "statement timeout"):
		return say(finding.TooSlow, "looking through a part of it took too long", "run this again when the server has less to do")
	case answer.Code == "42P01", answer.Code == "42703", answer.Code == "3F000": // the table, a column, its schema
		return gone(relation, err)
	case strings.HasPrefix(answer.Code, "XX"), strings.HasPrefix(answer.Code, "58"):
		return say(finding.Damaged, "the server cannot read it: error "+answer.Code, "look into the server's log: this is damage to its files")
	}
	return say(finding.Unreadable, "reading its values fails: "+postgres.ExplainError(err).Error(),
		"mend what the server says; if the values need no key of OCMT, list the column in ocmt.yaml under known")
}

// gone says that a table is no longer there, or has another name.
func gone(relation discover.Relation, cause error) error {
	return &discover.UnreadError{Cause: cause, Finding: finding.Finding{Code: finding.Gone, Severity: finding.Warning, Where: relation.String(),
		Message: "it, or a column of it, was dropped or renamed meanwhile", Fix: "run this again"}}
}
