package postgres_test

import (
	"crypto/x509"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
)

// If this fails, an operator who cannot connect is sent to a setting that is not the cause: to TLS over a socket, which has
// none, to a password that is wrong where none is set, or to a host name that has to be guessed.
func TestConnectReasons(t *testing.T) {
	t.Parallel()
	answer := func(code, message string) error { return &pgconn.PgError{Code: code, Message: message} }
	for want, failed := range map[string]*postgres.ConnectError{
		"a line of pg_hba.conf of the server rejects this address, account and database (28000)":                        {Cause: answer("28000", `pg_hba.conf rejects connection for host "[local]", user "a", database "b", no encryption`)},
		"a line of pg_hba.conf of the server rejects this address, account and database without TLS (28000)":            {Cause: answer("28000", `pg_hba.conf rejects connection for host "10.0.0.9", user "a", database "b", no encryption`)},
		"pg_hba.conf of the server has no line for this address, account and database (28000)":                          {Cause: answer("28000", `no pg_hba.conf entry for host "[local]", user "a", database "b", no encryption`)},
		"pg_hba.conf of the server has no line for this address, account and database without TLS (28000)":              {Cause: answer("28000", `no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", no encryption`)},
		"the password is wrong, or the account has none (28P01)":                                                        {Cause: answer("28P01", `password authentication failed for user "a"`)},
		"the server wants a password, and the address has none (28P01)":                                                 {Cause: answer("28P01", `password authentication failed for user "a"`), WithoutPassword: true},
		"its certificate is for another host name (db1.example, 10.0.0.9)":                                              {Cause: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"db1.example"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 9)}}, Host: "localhost"}},
		"its certificate is for another host name (a, b, c and 2 others)":                                               {Cause: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a", "b", "c", "d", "e"}}, Host: "localhost"}},
		"its certificate is for another host name (it names no host in subjectAltName; its common name does not count)": {Cause: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "localhost"}},
	} {
		if got := failed.Reason(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
