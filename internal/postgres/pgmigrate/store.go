// Package pgmigrate is the database of the re-encryption engine: it implements the
// interfaces that package migrate declares.
package pgmigrate

import (
	"context"
	"errors"
	"sync"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Store implements migrate.Describer, Surveyor, Connector, Locker, SnapshotGuard and
// ReplicationReader.
type Store struct {
	db    *postgres.DB
	nodes struct {
		mu    sync.Mutex
		tried bool
		list  []node
	}
}

// New returns the engine's view of a database.
func New(db *postgres.DB) *Store { return &Store{db: db} }

// Conn is the connection of one worker. It implements migrate.Conn.
type Conn struct {
	*postgres.Conn
	*buffers
	updates map[batchKind]string // texts of the updates that were used
}

// buffers is the memory of Write. It stays with the connection to the server, so that the
// next Conn on that connection need not grow it again.
type buffers struct {
	arrays [][]byte // parameters
	wire   []byte   // messages of a pipeline
}

// buffersKey is where a connection to the server keeps its buffers.
const buffersKey = "ocmt.pgmigrate"

func newConn(conn *postgres.Conn) *Conn {
	kept, used := conn.PgConn().CustomData()[buffersKey].(*buffers)
	if !used {
		kept = &buffers{}
		conn.PgConn().CustomData()[buffersKey] = kept
	}
	return &Conn{Conn: conn, buffers: kept}
}

// Open implements migrate.Connector.
func (s *Store) Open(ctx context.Context) (migrate.Conn, error) {
	conn, err := s.open(ctx)
	if err != nil {
		return nil, err // not a nil *Conn, which would be an interface that is not nil
	}
	return conn, nil
}

func (s *Store) open(ctx context.Context) (*Conn, error) {
	conn, err := s.db.AcquireReader(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(conn), nil
}

// Lock implements migrate.Locker.
func (s *Store) Lock(ctx context.Context) (context.Context, func(), error) {
	held, release, taken, err := s.db.Lock(ctx, migrate.ErrLockLost)
	if err == nil && !taken {
		err = migrate.ErrLocked
	}
	return held, release, err
}

// Flush implements migrate.Locker.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.flushNodes(ctx); err != nil {
		return err
	}
	return s.db.Flush(ctx)
}

// explainError turns an error of the driver into one that is explained in words, and that the
// engine can tell apart.
func explainError(err error) error {
	if errors.Is(err, migrate.ErrChangedOnWrite) {
		return err
	}
	err = postgres.ExplainError(err)
	var failure *postgres.FailureError
	if errors.As(err, &failure) && failure.Kind == postgres.InTheWay {
		return &busyError{err, failure.IsConflict()}
	}
	return err
}

// busyError is a migrate.ErrBusy, and a migrate.ErrConflict where it is a conflict.
type busyError struct {
	error
	conflict bool
}

// Is reports whether it is one of the two.
func (e *busyError) Is(target error) bool {
	return target == migrate.ErrBusy || target == migrate.ErrConflict && e.conflict
}

// Unwrap returns the error in words.
func (e *busyError) Unwrap() error { return e.error }
