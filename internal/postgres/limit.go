package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Where the server, the database or the account allows few connections, all pools of a DB share a
// limit: who needs another one waits until one ends. Connections that nobody uses end at once then.

// plenty is from how many connections on nothing needs to be limited.
const plenty = 12

// limitedRetry is how long a connection is tried again that the server refuses although the limit
// allows it: a process of the server ends a moment after its connection.
const limitedRetry = 5 * time.Second

// TooFewError says that there are fewer connections than are needed.
type TooFewError struct{ Needed, Free int }

// Error says how many.
func (e *TooFewError) Error() string {
	return fmt.Sprintf("%d connections to the database are needed at once, and the server, the database or the account allows %d", e.Needed, e.Free)
}

// Reserve asks how many connections can be had, and keeps to them where they are few. It returns
// their number. The error is a *TooFewError where they are fewer than are needed; nothing else has
// been done then.
//
// A server may need a moment to take down the connections of a command that has just ended, so it is
// asked again for a while.
func (db *DB) Reserve(ctx context.Context, needed int) (int, error) {
	free, err := db.reserveOnce(ctx, needed)
	const period, most = 50 * time.Millisecond, time.Second
	ticker, settled := time.NewTicker(period), time.After(most)
	defer ticker.Stop()
	for tooFew := (*TooFewError)(nil); errors.As(err, &tooFew); {
		select {
		case <-ticker.C:
		case <-settled:
			return free, err
		case <-ctx.Done():
			return free, ctx.Err()
		}
		free, err = db.reserveOnce(ctx, needed)
	}
	if err == nil && free < plenty {
		db.limit.set(free)
		db.short.Reset() // the one that asked does not count
	}
	return free, err
}

// reserveOnce asks once how many connections can be had.
func (db *DB) reserveOnce(ctx context.Context, needed int) (int, error) {
	free, err := db.FreeConnections(ctx)
	var connect *ConnectError
	if errors.As(err, &connect) && connect.Kind() == NoConnectionFree {
		return 0, &TooFewError{Needed: needed}
	}
	if err != nil {
		return 0, err
	}
	free++ // the one that asked
	if free < needed {
		return free, &TooFewError{Needed: needed, Free: free}
	}
	return free, nil
}

// connLimit counts connections. The zero limit is none.
type connLimit struct {
	mu      sync.Mutex
	most    int // 0 for no limit
	used    int
	makeWay func() // ends connections that nobody uses
}

func (l *connLimit) set(most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = most
}

func (l *connLimit) isSet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.most > 0
}

// take counts one more connection, and reports whether there may be one.
func (l *connLimit) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used >= l.most {
		return false
	}
	l.used++
	return true
}

func (l *connLimit) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used--
}

// wait returns when there may be one more connection, which is counted then.
func (l *connLimit) wait(ctx context.Context) error {
	const period = 5 * time.Millisecond
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for !l.take() {
		l.makeWay()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// limitConnects makes a pool keep to the limit, once there is one. The time to connect counts
// from when the connection may be made. Each connection is prepared once.
func (l *connLimit) limitConnects(pool *pgxpool.Config, prepare func(context.Context, *pgconn.PgConn) error) {
	pool.BeforeConnect = func(_ context.Context, config *pgx.ConnConfig) error {
		if !l.isSet() {
			return nil
		}
		timeout, dial := config.ConnectTimeout, config.DialFunc
		config.ConnectTimeout = 0
		config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if err := l.wait(ctx); err != nil {
				return nil, err
			}
			conn, err := dial(ctx, network, address)
			if err != nil {
				l.giveBack()
				return nil, err
			}
			counted := &countedConn{Conn: conn, ended: sync.OnceFunc(l.giveBack)}
			counted.connecting = time.AfterFunc(timeout, func() { _ = counted.Close() })
			return counted, nil
		}
		return nil
	}
	pool.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		raw := conn.PgConn().Conn()
		if encrypted, ok := raw.(interface{ NetConn() net.Conn }); ok {
			raw = encrypted.NetConn()
		}
		if counted, ok := raw.(*countedConn); ok {
			counted.connecting.Stop()
		}
		return prepare(ctx, conn.PgConn())
	}
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	ended      func()
	connecting *time.Timer // closes it, unless the server lets it in before
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.ended()
	return c.Conn.Close()
}

// acquire takes a connection of a pool. Under a limit it tries again where the server has not yet
// noticed that another one has ended.
func (db *DB) acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	patience, cancel := context.WithTimeout(ctx, limitedRetry)
	defer cancel()
	for {
		conn, err := pool.Acquire(ctx)
		var answer *pgconn.PgError
		refused := errors.As(err, &answer) && answer.Code == "53300"
		if !refused || !db.limit.isSet() || patience.Err() != nil {
			return conn, err
		}
		select {
		case <-patience.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}
