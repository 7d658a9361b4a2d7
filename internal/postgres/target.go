package postgres

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Target is what an address says of its first server.
type Target struct {
	Host     string // or the folder of a socket
	Port     uint16
	Account  string
	Database string
	// Mode is the sslmode as the servers of OCMT mean it: disable, allow, prefer, require, verify-ca or verify-full.
	Mode string
	// TLS is how the server is asked for TLS. It is nil where it is not.
	TLS *tls.Config
}

// Target returns what the address says. It dials nothing.
func (db *DB) Target() Target {
	c := db.config
	target := Target{Host: c.Host, Port: c.Port, Account: c.User, Database: c.Database, Mode: tlsMode(c), TLS: c.TLSConfig}
	for _, other := range c.Fallbacks {
		if target.TLS == nil && other.Host == c.Host && other.Port == c.Port {
			target.TLS = other.TLSConfig
		}
	}
	return target
}

// Server returns the server that answers, as host:port or as the folder of its socket, and the account that statements run
// as. Where the address names several servers, it is the network address of the one that is connected.
func (db *DB) Server(ctx context.Context) (server, account string, err error) {
	err = db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := QueryRows(ctx, conn, "select current_user")
		if err != nil {
			return fmt.Errorf("asking for the account: %w", err)
		}
		account, server = rows[0][0], db.config.Host
		if !strings.HasPrefix(server, "/") {
			server = net.JoinHostPort(server, strconv.Itoa(int(db.config.Port)))
		}
		for _, other := range db.config.Fallbacks {
			if other.Host != db.config.Host || other.Port != db.config.Port {
				server = conn.Conn().RemoteAddr().String()
			}
		}
		return nil
	})
	return server, account, err
}

// tlsMode returns the sslmode that a configuration was made from. The driver keeps only what follows from it.
func tlsMode(c *pgconn.Config) string {
	var plain, encrypted bool
	for _, other := range c.Fallbacks {
		if other.Host == c.Host && other.Port == c.Port {
			plain, encrypted = plain || other.TLSConfig == nil, encrypted || other.TLSConfig != nil
		}
	}
	switch t := c.TLSConfig; {
	case t == nil && encrypted:
		return "allow"
	case t == nil:
		return "disable"
	case plain:
		return "prefer"
	case !t.InsecureSkipVerify:
		return "verify-full"
	case t.VerifyPeerCertificate != nil:
		return "verify-ca"
	default:
		return "require"
	}
}
