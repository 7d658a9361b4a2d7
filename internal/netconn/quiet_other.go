//go:build !linux

package netconn

import "net"

// quiet returns the connection as it is: SIGPIPE is not asked for on these systems.
func quiet(conn net.Conn) net.Conn { return conn }
