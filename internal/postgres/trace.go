package postgres

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/trace"
)

// traceDial tells of each connection that is made.
func traceDial(dial pgconn.DialFunc, begin trace.Begin) pgconn.DialFunc {
	if begin == nil {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		end := begin("connection to " + address)
		conn, err := dial(ctx, network, address)
		if err != nil {
			end("failed")
			return nil, err
		}
		end("made")
		return conn, nil
	}
}

// traceStatements tells of what is sent through a connection, by the function that sends it, and how long the first
// answer takes. What is sent and what comes back is not looked at.
func traceStatements(r io.Reader, w io.Writer, begin trace.Begin) (io.Reader, io.Writer) {
	if begin == nil {
		return r, w
	}
	t := &statementTrace{begin: begin}
	return &tracedReader{r, t}, &tracedWriter{w, t}
}

// statementTrace is the statement of a connection that has not been answered.
type statementTrace struct {
	begin trace.Begin
	began bool
	mu    sync.Mutex // a COPY reads and writes in two goroutines
	end   func(string)
}

// here is where the adapters are that send statements. What sends for them, and what starts their goroutines, says
// nothing of what a statement is for.
const (
	here      = "github.com/ocmt/ocmt/internal/"
	sendsFor  = "postgres"
	startsFor = "crash"
)

func (t *statementTrace) wrote() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end != nil {
		return // a further part of the same
	}
	t.end = t.begin(t.nameStep())
}

// nameStep names what is sent. What no adapter sends is the connection's own: it logs in, is set up, and is asked
// whether it lives before it is used again.
func (t *statementTrace) nameStep() string {
	name := trace.CallerIn(here, sendsFor, startsFor)
	first := !t.began
	t.began = true
	switch {
	case name != "":
		return "statement of " + name
	case first:
		return "login"
	}
	if name = trace.CallerIn(here, startsFor, sendsFor+".(*statementTrace)", sendsFor+".(*tracedWriter)"); name != "" {
		return "statement of " + name
	}
	return "upkeep of the connection"
}

func (t *statementTrace) read() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end != nil {
		t.end("answered")
		t.end = nil
	}
}

type tracedWriter struct {
	io.Writer
	trace *statementTrace
}

// Write tells of it, and writes.
func (w *tracedWriter) Write(p []byte) (int, error) {
	w.trace.wrote()
	return w.Writer.Write(p)
}

type tracedReader struct {
	io.Reader
	trace *statementTrace
}

// Read reads, and tells that there was an answer.
func (r *tracedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.trace.read()
	}
	return n, err
}
