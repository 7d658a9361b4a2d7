package netconn

import (
	"crypto/tls"
	"net"
)

// Protection is what keeps others from reading a connection.
type Protection struct {
	TLS string // the version of TLS, such as "TLS 1.3"; "" where there is none
	// Verified says that the certificate of the server was checked against the authorities that are trusted.
	Verified bool
	// Named says that the certificate was also checked against the name of the server.
	Named bool
	Local string // "a unix socket" or "a loopback address"; "" for a network
}

// ProtectionOf looks at a connection whose handshake is done. What was checked of the certificate is what the
// configuration of the connection asks for; it is only looked at where there is TLS.
func ProtectionOf(conn net.Conn, config *tls.Config) (p Protection) {
	switch to := conn.RemoteAddr().(type) {
	case *net.UnixAddr:
		p.Local = "a unix socket"
	case *net.TCPAddr:
		if to.IP.IsLoopback() {
			p.Local = "a loopback address"
		}
	}
	encrypted, is := conn.(*tls.Conn)
	if !is {
		return p
	}
	p.TLS = tls.VersionName(encrypted.ConnectionState().Version)
	if config != nil {
		p.Named = !config.InsecureSkipVerify
		p.Verified = p.Named || config.VerifyPeerCertificate != nil || config.VerifyConnection != nil
	}
	return p
}

// IsPrivate reports whether nobody in a network can read what is sent, and the server is who its certificate says.
func (p Protection) IsPrivate() bool { return p.Local != "" || p.TLS != "" && p.Verified }

// String returns it for people, such as "TLS 1.3, certificate verified".
func (p Protection) String() string {
	how := p.Local
	if how == "" {
		how = "a network, without TLS"
	}
	if p.TLS == "" {
		return how
	}
	how = p.TLS
	switch {
	case p.Named:
		how += ", certificate verified"
	case p.Verified:
		how += ", certificate verified but not its name"
	default:
		how += ", certificate not verified"
	}
	if p.Local != "" {
		how += ", over " + p.Local
	}
	return how
}
