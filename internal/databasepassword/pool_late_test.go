package databasepassword_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/secret"
)

// lateConn is the connection of a client that is slow to answer when it is asked for its password.
type lateConn struct {
	net.Conn
	answers int
	asked   chan struct{} // closed when the last message of the log-in is due
	release chan struct{}
}

// Write keeps the second message of SCRAM back.
func (c *lateConn) Write(data []byte) (int, error) {
	if len(data) > 0 && data[0] == 'p' {
		if c.answers++; c.answers == 2 {
			close(c.asked)
			<-c.release
		}
	}
	return c.Conn.Write(data)
}

// beginLogin begins to log in at an address. What it returns ends that.
func (p *pooled) beginLogin(address string) (finish func()) {
	p.t.Helper()
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		p.t.Fatal(err)
	}
	late := &lateConn{asked: make(chan struct{}), release: make(chan struct{})}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		late.Conn = conn
		return late, err
	}
	done := make(chan error, 1)
	go func() {
		conn, err := pgconn.ConnectConfig(context.Background(), config)
		if err == nil {
			err = conn.Close(context.Background())
		}
		done <- err
	}()
	<-late.asked
	return func() {
		close(late.release)
		if err := <-done; err != nil {
			p.t.Errorf("the late client is not let in: %v", err)
		}
	}
}

// newLate makes a deployment behind PgBouncer in which a client has begun to log in with the old password.
func newLate(t *testing.T) (p *pooled, old string, finishLogin func()) {
	t.Helper()
	p = newPooled(t, verifierEntry)
	p.useConsole()
	old = p.store.held[databasepassword.Setting]
	return p, old, p.beginLogin(old)
}

// makeStale ends a log-in with the old password, so that PgBouncer has seen that one last, and has PgBouncer log in at the
// server anew for whoever comes next.
func (p *pooled) makeStale(finishLogin func()) {
	finishLogin()
	if err := testenv.Exec(context.Background(), p.bouncer.URL("postgres", "pgbouncer"), "reconnect"); err != nil {
		p.t.Log(err)
	}
}

// stepFunc is told each step.
type stepFunc func(text string)

func (f stepFunc) Step(text string) { f(text) }
func (stepFunc) Waiting(string)     {}

// If this fails, a server that reconnects while PgBouncer reads its file leaves the change half done: PgBouncer logs in
// at the server with what the last client has shown it, which is the old password.
func TestPgBouncerThatSawTheOldPasswordLast(t *testing.T) {
	t.Parallel()
	p, old, finishLogin := newLate(t)
	p.parts.Reporter = stepFunc(func(text string) {
		if strings.HasPrefix(text, databasepassword.Setting+" in ") {
			p.makeStale(finishLogin)
		}
	})
	_, result, err := p.rotate(databasepassword.Request{})
	if err != nil || !result.LeftKnown {
		t.Fatalf("%+v, %v", result, err)
	}
	p.wantDone(old)
}

// If this fails, the same keeps the old password from being put back, and nobody logs in.
func TestWayBackPastPgBouncerThatSawTheOldPasswordLast(t *testing.T) {
	t.Parallel()
	p, old, finishLogin := newLate(t)
	p.store.fail = func(changes []secretstore.Change) (error, bool) {
		if changes[0].Name != databasepassword.Setting {
			return nil, false
		}
		p.makeStale(finishLogin)
		return errors.New("the store does not take it"), false
	}
	var back *databasepassword.PutBackError
	if _, _, err := p.rotate(databasepassword.Request{}); !errors.As(err, &back) {
		t.Fatalf("it says %v", err)
	}
	if !p.logsIn(old) || len(p.store.held) != 1 {
		t.Error("the old password is not back")
	}
}

// unanswered is a server behind a pool that lets a client in and gives no answer at first, which takes longer than the
// whole time for the log-in.
type unanswered struct {
	databasepassword.Server
	pending func() string // the new address
	left    int           // log-ins with it that are not answered
	late    time.Duration // what they have taken
}

func (u *unanswered) LogIn(ctx context.Context, address secret.Value) error {
	if address.Reveal() == u.pending() && u.left > 0 {
		u.left--
		u.late += time.Minute
		return databasepassword.ErrNoAnswer
	}
	return u.Server.LogIn(ctx, address)
}

// If this fails, one log-in that a pool does not answer takes a change back that the next one would have proven.
func TestLogInThatAPoolDoesNotAnswerAtOnce(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	old := d.store.held[databasepassword.Setting]
	server := &unanswered{Server: d.parts.Server, left: 2, pending: func() string { return d.store.held[databasepassword.PendingName] }}
	d.parts.Server, d.parts.Clock = server, func() time.Time { return time.Now().Add(server.late) }
	if _, _, err := d.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err)
	}
	if server.left > 0 {
		t.Error("nothing was tried")
	}
	d.wantDone(old)
}
