// Package netconn makes network connections that raise no signal. Where the other side has closed a
// connection, a write to it fails with EPIPE, and the system also sends SIGPIPE. That signal then
// stands for one thing alone: nobody reads what the program prints any more.
package netconn

import (
	"context"
	"net"
)

// Dial connects to an address, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Quiet returns a Dial whose connections raise no SIGPIPE when they are written to.
func Quiet(dial Dial) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return quiet(conn), nil
	}
}
