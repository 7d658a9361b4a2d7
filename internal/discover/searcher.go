package discover

import (
	"context"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
)

// TableName is the name of a table. Visible says that the search path finds the
// table by its name alone.
type TableName struct {
	Schema, Name string
	Visible      bool
}

// String returns schema.name.
func (n TableName) String() string { return n.Schema + "." + n.Name }

// Relation is a heap of rows that can be searched: a table, a partition, or a
// materialized view.
type Relation struct {
	TableName
	ID           string      // stays the same when the heap is renamed
	Materialized bool        // a materialized view, whose rows are copies of others
	Owner        TableName   // the table that people know the heap by
	Parents      []TableName // every table that the heap is a partition or an heir of
	Key          []string    // the columns of its primary key
	RowKey       string      // a column that names one row each; "" where there is none
	Columns      []Column
	ByPages      bool // the server reads a page range, or the rows since a transaction, without reading the rest
	// Spread says that its rows lie in parts on several servers. A page range is then one of every part, and
	// nothing says what was written since a transaction: each server numbers its own.
	Spread bool
	// Replaceable says that a role which need not be trusted can put something else in its place at any time.
	Replaceable bool
	Unread      []finding.Finding // why rows of it cannot be read
}

// hasHistory reports whether the server can read the rows since a transaction alone.
func (r Relation) hasHistory() bool { return r.ByPages && !r.Spread }

// matches reports whether a name means this heap or a table that it is a part of.
// An empty schema stands for the search path.
func (r Relation) matches(schema, name string) bool {
	for _, table := range append([]TableName{r.TableName}, r.Parents...) {
		if table.Name == name && (table.Schema == schema || schema == "" && table.Visible) {
			return true
		}
	}
	return false
}

// Column is a column that can hold a text.
type Column struct {
	Name   string
	Kind   ColumnKind
	Array  bool
	Plain  bool             // its type is text or varchar, so that the engine could move its values
	Unread *finding.Finding // why it cannot be read; nil where it can
	// Generated says that the server computes it from other columns of the row.
	Generated bool
}

// ColumnKind is how the texts lie in a column.
type ColumnKind int

// The kinds.
const (
	KindText ColumnKind = iota
	KindJSON
	KindBytes
	KindOther // a type whose text contains others: xml, hstore, a composite type
)

// Chunk is a part of a Relation, with bounds for looking through it.
type Chunk struct {
	Relation Relation
	From, To int64         // pages; To is not included
	Rows     int           // at most so many; 0 for all
	Largest  int           // values of more bytes are not looked through for what they contain
	Timeout  time.Duration // longest run of one statement
	// Since leaves out what was written before a transaction, Before what was written by
	// that transaction or later. Both are numbers of 32 bits; nil leaves out nothing.
	Since, Before *uint32
	Labels        []int // key versions that matter
}

// Size is how large a heap is, and where it is stored.
type Size struct {
	Pages   int64  // of the heap alone, or of its largest part
	Parts   int64  // 1, or more where the relation is spread
	Bytes   int64  // with the values that are stored apart from it
	Storage string // changes when the heap is rewritten, truncated or replaced
	Moved   bool   // that has happened since the snapshot that is read
}

// Origin is what a Searcher reads from.
type Origin struct {
	Name    string // of the database
	System  string // system identifier of the server; "" where the account may not ask
	Standby bool
	// Apart says that the servers of a cluster were not seen at one moment.
	Apart bool
	// Oldest is the oldest transaction that runs now, and Next the next one to come, as numbers of 32
	// bits.
	Oldest, Next uint32
}

// EndOfHeap is a page number behind the last page that a heap can have.
const EndOfHeap = 1<<32 - 1

// Candidate is a value that the server takes for a ciphertext, or for JSON that
// contains one. Its bytes are valid until the next candidate. Of a value that is
// too large to travel, only the first CandidateHead characters are there.
type Candidate struct {
	Column int // index in the columns of the relation
	Key    []string
	Value  []byte
}

// CandidateHead is how many characters are read of a value that is too large to
// travel: more than a label, an IV and a tag take in any form.
const CandidateHead = 200

// Counts holds what a Chunk contained, by column of the relation.
type Counts struct{ Values, TooLarge []int64 }

// Searcher finds candidates in any table.
type Searcher interface {
	// Origin says which server and database answers.
	Origin(ctx context.Context) (Origin, error)
	// Relations lists the heaps of the user's own tables and materialized views,
	// without foreign and temporary tables.
	Relations(ctx context.Context) ([]Relation, error)
	// Measure returns the size of a heap. Its errors are those of Search.
	Measure(ctx context.Context, relation Relation) (Size, error)
	// Search visits the candidates of a chunk. The error is an *UnreadError where
	// only this relation cannot be read.
	Search(ctx context.Context, chunk Chunk, visit func(Candidate)) (Counts, error)
	Close(ctx context.Context)
}

// Opener opens searchers, each on a connection of its own.
type Opener interface {
	OpenSearcher(ctx context.Context) (Searcher, error)
	// OpenSnapshot opens a searcher that sees the database as it is at its first read. It holds no
	// table locked between two requests.
	OpenSnapshot(ctx context.Context) (Searcher, error)
}

// UnreadError says why a relation cannot be read.
type UnreadError struct {
	Finding finding.Finding
	Cause   error
	// InValues says that reading the values fails, so that one column may be to blame.
	InValues bool
}

// Error says where and why.
func (e *UnreadError) Error() string { return e.Finding.String() }

// Unwrap returns the cause.
func (e *UnreadError) Unwrap() error { return e.Cause }

// Reporter is told how a search goes on.
type Reporter interface {
	// Phase names what is done now.
	Phase(name string)
	// Table names the table that is looked at, within the phase.
	Table(name string)
	// Progress says how many values were looked at, of how many; 0 where the
	// total is not known.
	Progress(done, total int64)
}
