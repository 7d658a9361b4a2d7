package migrate

import (
	"context"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// Describer says which tables of a catalogue a database has, and what keeps an
// account from reading and writing them.
type Describer interface {
	// Describe looks for the tables of the catalogue under their name, their old
	// name, or both.
	Describe(ctx context.Context, catalogue []ocmt.Table) (*Description, error)
	// CheckAccess returns what keeps the server, or these tables, from being read
	// or written: a read-only server, missing rights, row-level security.
	CheckAccess(ctx context.Context, tables []Table) ([]finding.Finding, error)
}

// Surveyor says what a database is, and what its tables are like.
type Surveyor interface {
	Survey(ctx context.Context, tables []Table) (*Survey, error)
}

// Reader reads encrypted rows.
type Reader interface {
	// Scan visits every row of a scope that has a value. It sees one snapshot.
	Scan(ctx context.Context, table Table, scope Scope, visit func(Row) error) error
}

// Writer writes changes by compare-and-swap.
type Writer interface {
	// Write writes the batches one after the other, each in a transaction of its
	// own. It replaces the values of each row whose key and values are still as
	// they were read, and returns one outcome for each batch. With an error, the
	// batches without an outcome may or may not be written.
	Write(ctx context.Context, table Table, batches []Batch) ([]Outcome, error)
}

// Conn is the connection of one worker. It serves one goroutine.
type Conn interface {
	Reader
	Writer
	// ReadPages visits the rows of a page range that have a value without the label
	// of a version.
	ReadPages(ctx context.Context, table Table, pages PageRange, pendingFor int, visit func(Row) error) error
	// ReadKeys visits at most limit rows behind a key, in the order of their keys; a
	// nil key means from the first row. It visits each row, so that the caller knows
	// how far it has come; rows without a pending value have no values.
	ReadKeys(ctx context.Context, table Table, after []byte, limit, pendingFor int, visit func(Row) error) error
	// Arrange sorts the changes of a table that is spread over several servers by the one that has the row,
	// and fills in their groups. It leaves the changes of any other table as they are.
	Arrange(ctx context.Context, table Table, changes []Change) error
	Close(ctx context.Context)
}

// Connector opens connections.
type Connector interface {
	// Open opens a connection that reads and writes.
	Open(ctx context.Context) (Conn, error)
	// OpenNode opens such a connection to the node of a Leaf. It serves page ranges of that node alone.
	OpenNode(ctx context.Context, node string) (Conn, error)
	// OpenSnapshot opens a connection that reads. It sees the database as it is now for
	// as long as it is open.
	OpenSnapshot(ctx context.Context) (Snapshot, error)
}

// Snapshot is a connection that sees the database as it was when it was opened.
type Snapshot interface {
	Reader
	// Origin says what the snapshot is of.
	Origin() Origin
	// Heaps returns the columns that a Scan of the tables reads of each heap, by its OID, and
	// what StorageReader.Storage returned at the time of the snapshot.
	Heaps(ctx context.Context, tables []Table) (columns map[string][]string, storage string, err error)
	Close(ctx context.Context)
}

// Origin is what a snapshot is of.
type Origin struct {
	Database Identity
	Standby  bool
	// Oldest is the oldest transaction that was running when the snapshot was taken, as a
	// number of 32 bits. What an older one wrote is visible, or was rolled back.
	Oldest uint32
	// Running says that there was one.
	Running bool
	// Apart says that the servers of a cluster were not seen at one moment.
	Apart bool
	// Backend is the server process that has the snapshot open.
	Backend int
}

// StorageReader says where the rows of tables are stored.
type StorageReader interface {
	// Storage returns a text that changes when one of the tables, or a partition or heir
	// of it, is rewritten, truncated, renamed, replaced, attached or detached.
	Storage(ctx context.Context, tables []Table) (string, error)
}

// LockWatcher says whether a server process is in the way.
type LockWatcher interface {
	// IsWaitedFor reports whether another process waits for a lock on a table that a server
	// process holds. While one waits, whoever comes next waits behind it.
	IsWaitedFor(ctx context.Context, backend int) (bool, error)
}

// Locker keeps runs apart, and makes what they wrote durable.
type Locker interface {
	// Lock takes the one lock of the database, or returns ErrLocked. The context
	// that it returns ends with the cause ErrLockLost when the lock is lost.
	Lock(ctx context.Context) (held context.Context, release func(), err error)
	// Flush returns when everything that was written before is safe on disk.
	Flush(ctx context.Context) error
}

// HolderLister lists the transactions that have written to tables and have not
// ended, prepared transactions among them. What they wrote is not visible yet.
// Without tables it is asked about every table of the database.
type HolderLister interface {
	Holders(ctx context.Context, tables []Table) ([]Holder, error)
}

// BlockerLister lists the transactions that hold locks which this program waits for now.
type BlockerLister interface {
	Blockers(ctx context.Context) ([]Holder, error)
}

// Holder is a transaction that has not ended.
type Holder struct {
	ID   string
	Name string // for people
	End  string // the statement that ends it, or the choice of two
}

// ReplicationReader says how far the readers of the server's log have come.
type ReplicationReader interface {
	Replication(ctx context.Context) (Replication, error)
}

// ActivityCounter counts the connections of other programs to the database that
// are active, or were a moment ago. Connections whose state the account may not
// see count too.
type ActivityCounter interface {
	CountOthers(ctx context.Context) (int, error)
}

// ValueRecord is the record of runs as far as it says where values were.
type ValueRecord interface {
	// RecordedValues returns how many values each column had when it was recorded last. It
	// returns nothing where there is no record that the account may read.
	RecordedValues(ctx context.Context) (map[Place]int64, error)
	// AcceptedValues returns the values that are accepted as lost.
	AcceptedValues(ctx context.Context) ([]Accepted, error)
}

// SnapshotGuard says what could hide values from a snapshot.
type SnapshotGuard interface {
	HolderLister
	StorageReader
	LockWatcher
}

// PlanRecord is the record of runs as far as a plan asks for it.
type PlanRecord interface {
	ValueRecord
	// RecordedKeys returns the fingerprints of keys by version, as earlier runs have
	// recorded them.
	RecordedKeys(ctx context.Context) (map[int]string, error)
	// CheckRecord returns what keeps a run from being recorded.
	CheckRecord(ctx context.Context) ([]finding.Finding, error)
	// ExplainUnaudited says why a run will leave no entry in OCMT's audit log. It is not set if
	// it will leave one.
	ExplainUnaudited(ctx context.Context) (finding.Reason, error)
}

// Reporter is told how a run goes on. It is called by several goroutines.
type Reporter interface {
	// Phase names what is done now.
	Phase(name string)
	// Table names the table that is at work, within the phase.
	Table(name string)
	// Progress says how much is done, of how much; 0 where the total is not known.
	Progress(done, total int64)
	// Waiting says what the run waits for, and the zero Wait when it goes on.
	Waiting(wait Wait)
}

// Clock returns the time, for durations in results.
type Clock func() time.Time
