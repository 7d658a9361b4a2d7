package netconn

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// quietConn sends with MSG_NOSIGNAL, which write(2) has no place for.
type quietConn struct {
	net.Conn
	raw syscall.RawConn
}

// quiet returns a connection that raises no SIGPIPE. One that is no socket stays as it is.
func quiet(conn net.Conn) net.Conn {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return conn
	}
	return &quietConn{Conn: conn, raw: raw}
}

// Write implements io.Writer. It keeps the deadlines of the connection.
func (c *quietConn) Write(data []byte) (written int, err error) {
	for written < len(data) && err == nil {
		var sent int
		var failed error
		err = c.raw.Write(func(descriptor uintptr) (done bool) {
			sent, failed = unix.SendmsgN(int(descriptor), data[written:], nil, nil, unix.MSG_NOSIGNAL)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if err == nil && failed != nil && !errors.Is(failed, unix.EINTR) {
			err = &net.OpError{Op: "write", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("sendmsg", failed)}
		}
		written += max(0, sent)
	}
	return written, err
}
