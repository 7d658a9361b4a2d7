package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/ocmt"
)

// Table is a catalogue table as a database really has it.
type Table struct {
	Schema, Name string
	Key          string // the column that names a row
	KeyType      string // its type as the database writes it, such as uuid
	KeyIsUUID    bool   // the keys of rows are 16 bytes each, not text
	Columns      []Column
	Leaves       []Leaf // where the rows lie: the table itself, or its partitions
	ByKey        bool   // the server reads rows in the order of the key without sorting them
	Triggers     bool   // an UPDATE fires triggers, which may change what is written
}

// String returns schema.name.
func (t Table) String() string { return t.Schema + "." + t.Name }

// KeyText returns the key of a row as the database writes it.
func (t Table) KeyText(key []byte) string {
	if !t.KeyIsUUID || len(key) != 16 {
		return string(key)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", key[:4], key[4:6], key[6:8], key[8:10], key[10:])
}

// Column is an encrypted column of a Table.
type Column struct {
	Name             string
	PlaintextAllowed bool
	MaxLength        int // in characters; 0 where there is no limit
}

// Leaf is a heap of pages that can be read by page ranges.
type Leaf struct {
	Schema, Name string
	Pages        int64
	ByPages      bool // the server reads a page range without reading the rest
}

// Row is a row as it was read. Values has one entry a column of its table, nil
// for NULL. All bytes are good only until the next row is read, unless said
// otherwise.
type Row struct {
	Page   int64  // of its Leaf, and
	Place  []byte // where there the row lies; nil where that is not known
	Key    []byte // see Table.KeyText
	Values [][]byte
}

// Change replaces the values of one row. New has nil where a value stays.
type Change struct {
	Row Row
	New [][]byte
}

// Part is changes that are written in one transaction. Where Pages is given, the
// rows are found by their places, and room is made in the pages first; else they
// are found by their keys.
type Part struct {
	Pages   *PageRange
	Changes []Change
	// Pruned says that room was made in the pages when they were read, and that
	// nothing was written to them since.
	Pruned bool
	// SkipLocked leaves rows that another transaction holds at once; else they
	// are waited for, and where they are not let go the whole part is left.
	SkipLocked bool
	Written    int64 // rows, once the part was written
	Untried    int64 // rows that were left for a later pass, because the run is to wait or to end
	Blocked    bool  // nothing was written: another transaction is in the way
	// Conflict says that it was so by a deadlock or a serialization failure, and
	// not by a lock that was waited for: the next try may go through at once.
	Conflict bool
}

// PageRange is the pages From (included) to To (not included) of a Leaf.
type PageRange struct {
	Leaf     Leaf
	From, To int64
	After    []byte // the place of the last row that was taken already, or nil
	Limit    int    // read so many rows at most
}

// Holder is a transaction that has not ended.
type Holder struct {
	ID   string
	Name string // for people
}

// Obstacle is a reason not to start.
type Obstacle struct {
	Code    string // stable, for machines
	Where   string // a table, a column, a key version
	Message string
	Fix     string
}

// CodeStandby is the code of an obstacle that a script may tell from others: the
// wrong server was asked.
const CodeStandby = "standby"

// Description is a catalogue as a database really has it.
type Description struct {
	Tables    []Table
	Absent    []string   // what the database lacks, as table or table.column
	Obstacles []Obstacle // what is there and cannot be worked on
	Elsewhere []string   // tables with a name of the catalogue, in whatever schema
}

// Scope is which rows of a table are read: all of them, or fewer.
type Scope struct {
	// Pages keeps to rows whose place is in the range, in whatever heap of the table
	// they lie; its Leaf, After and Limit are not looked at.
	Pages      *PageRange
	PendingFor *int // only those that hold a value without this version's label
}

// Reader reads encrypted rows.
type Reader interface {
	// Scan visits every row of a scope that has a value. It sees one snapshot.
	Scan(ctx context.Context, table Table, scope Scope, visit func(Row) error) error
}

// Writer writes changes by compare-and-swap.
type Writer interface {
	// Write writes the parts one after the other. It replaces the values of each
	// row whose key and values are all still as they were read, and sets how many
	// rows that were. On an error it may have written some of the parts.
	Write(ctx context.Context, table Table, parts []Part) error
}

// Session is one connection of a worker.
type Session interface {
	Reader
	Writer
	// ReadPages visits the rows of a page range that hold a value without the
	// label of the version.
	ReadPages(ctx context.Context, table Table, pages PageRange, pendingFor int, visit func(Row) error) error
	// ReadKeys visits at most so many of the rows behind a key, nil for the first
	// ones, in the order of their keys. It visits each, so that who reads knows
	// how far it came; those without anything pending have no values.
	ReadKeys(ctx context.Context, table Table, after []byte, limit, pendingFor int, visit func(Row) error) error
	Close(ctx context.Context)
}

// Store is the database.
type Store interface {
	// Describe looks for the catalogue's tables, under their name, their old name
	// or both.
	Describe(ctx context.Context, catalogue []ocmt.Table) (*Description, error)
	// Obstacles returns what would keep these tables from being written.
	Obstacles(ctx context.Context, tables []Table) ([]Obstacle, error)
	// RecordedKeys returns the fingerprints of keys by version, as earlier runs
	// have recorded them.
	RecordedKeys(ctx context.Context) (map[int]string, error)
	// Holders returns the transactions, prepared ones among them, that have
	// written to the tables and have not ended: what they wrote is not to be seen.
	Holders(ctx context.Context, tables []Table) ([]Holder, error)
	// Survey returns what the database is, and what the tables are like.
	Survey(ctx context.Context, tables []Table) (*Survey, error)
	// Open makes a session.
	Open(ctx context.Context) (Session, error)
	// OpenSnapshot makes a session that reads, and sees the database as it is at
	// its first read for as long as it is open.
	OpenSnapshot(ctx context.Context) (Session, error)
	// Lock takes the one lock of the database, or returns ErrLocked. The context
	// that it returns ends when the lock is lost.
	Lock(ctx context.Context) (held context.Context, release func(), err error)
	// Pressure asks how far those are that live on the server's log.
	Pressure(ctx context.Context) (Pressure, error)
	// Recorded returns how many values the record of runs has, by table.column;
	// nothing where there is none that the account may read.
	Recorded(ctx context.Context) (map[string]int64, error)
	// Others counts the connections of other programs to the database that do
	// something, or have just done something. Those of which the account may not
	// know it count too.
	Others(ctx context.Context) (int, error)
	// Searcher makes a connection that looks for values in any table.
	Searcher(ctx context.Context) (Searcher, error)
	// Flush returns when all that was written before is safe on disk.
	Flush(ctx context.Context) error
}

// Reporter is told how a run goes on. It is called by several goroutines.
type Reporter interface {
	Phase(name string)
	Progress(done, total int64)
	// Waiting says what the run waits for, and "" when it goes on.
	Waiting(reason string)
}

// Clock tells the time, for durations in results.
type Clock func() time.Time
