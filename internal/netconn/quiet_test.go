package netconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/netconn"
)

// pair returns both ends of a connection over a Unix socket, the first of them quiet.
func pair(t *testing.T) (quiet, other net.Conn) {
	t.Helper()
	listener, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			accepted <- conn
		}
	}()
	quiet, err = netconn.Quiet(new(net.Dialer).DialContext)(context.Background(), "unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other = <-accepted
	t.Cleanup(func() { _, _, _ = quiet.Close(), other.Close(), listener.Close() })
	return quiet, other
}

// If this fails, a database server that closes a connection looks like an operator who has gone, and
// a run ends itself.
func TestClosedConnectionRaisesNoSignal(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	defer signal.Stop(signals)
	conn, other := pair(t)
	_ = other.Close()
	if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing gives %v", err)
	}
	// A signal of our own comes behind any that the write has raised.
	if err := syscall.Kill(os.Getpid(), syscall.SIGPIPE); err != nil {
		t.Fatal(err)
	}
	<-signals
	select {
	case <-signals:
		t.Error("the write raised a signal")
	default:
	}
}

// If this fails, what is written to a server that reads slowly arrives in part, or a deadline that
// ends a hopeless wait does nothing.
func TestWritesAllAndKeepsDeadlines(t *testing.T) {
	t.Parallel()
	conn, other := pair(t)
	sent := bytes.Repeat([]byte("0123456789"), 1<<20)
	received := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(other, int64(len(sent))))
		received <- text
	}()
	if n, err := conn.Write(sent); n != len(sent) || err != nil {
		t.Errorf("wrote %d bytes: %v", n, err)
	}
	if !bytes.Equal(<-received, sent) {
		t.Error("other bytes arrived")
	}
	if err := conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(sent); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads, and writing gives %v", err)
	}
}
