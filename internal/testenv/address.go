package testenv

import (
	"fmt"
	"net/url"
)

// URL returns the address of a database for an account, over the socket.
func (p *Postgres) URL(account, database string) string {
	return socketURL(account, database, p.folder, p.port)
}

// TCPURL returns the address of a database for an account, over TCP. For a server
// without ListenTCP it has port 0, so that no other server is reached by mistake.
func (p *Postgres) TCPURL(account, database string) string {
	return fmt.Sprintf("postgresql://%s@%s/%s?sslmode=disable", account, hostPort(p.Port()), database)
}

// Port returns the TCP port on 127.0.0.1, or 0 without ListenTCP.
func (p *Postgres) Port() int {
	if !p.tcp {
		return 0
	}
	return p.port
}

func socketURL(account, database, folder string, port int) string {
	return fmt.Sprintf("postgresql://%s@/%s?host=%s&port=%d", account, database, url.QueryEscape(folder), port)
}
