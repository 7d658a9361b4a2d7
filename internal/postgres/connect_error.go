package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/netconn"
)

// ConnectError says which server could not be reached.
type ConnectError struct {
	Host     string
	Port     uint16
	Database string
	// WithoutPassword reports whether no password was there to be given.
	WithoutPassword bool
	// Waited is how long an answer was waited for; 0 where that is not known.
	Waited time.Duration
	Cause  error
}

func (db *DB) connectError(ctx context.Context, cause error) error {
	failed := &ConnectError{Host: db.config.Host, Port: db.config.Port, Database: db.config.Database, WithoutPassword: db.config.Password == "", Cause: cause}
	if ctx.Err() == nil {
		failed.Waited = db.config.ConnectTimeout
	}
	return failed
}

// Error names the server and the cause.
func (e *ConnectError) Error() string { return e.Sentence() + ": " + e.Reason() }

// Sentence names the server, and not the cause.
func (e *ConnectError) Sentence() string {
	return fmt.Sprintf("connecting to database %q at %s port %d failed", e.Database, e.Host, e.Port)
}

// Reason returns the cause in words, with the code of the server's answer where there is one.
func (e *ConnectError) Reason() string {
	if refused := methodRefused(e.Cause); refused != "" {
		return refused
	}
	kind := e.Kind()
	var answer *pgconn.PgError
	if errors.As(e.Cause, &answer) {
		if text := connectTexts[kind]; text != "" {
			return text + " (" + answer.Code + ")"
		}
		return redactWords(answer.Message) + " (" + answer.Code + ")"
	}
	if text := connectTexts[kind]; text != "" {
		return text
	}
	switch failure := netconn.FailureOf(e.Cause); {
	case failure == netconn.NoAnswer && e.Waited > 0:
		return "no answer in " + inSeconds(e.Waited)
	case failure == netconn.OtherName:
		return failure.String() + namesOf(e.Cause)
	case failure != netconn.OtherFailure:
		return failure.String()
	}
	return innermost(e.Cause).Error()
}

// mostNames is how many names of a certificate are told.
const mostNames = 3

// namesOf returns the host names of a certificate that is for others, in brackets.
func namesOf(err error) string {
	var wrong x509.HostnameError
	if !errors.As(err, &wrong) || wrong.Certificate == nil {
		return ""
	}
	names := slices.Clone(wrong.Certificate.DNSNames)
	for _, address := range wrong.Certificate.IPAddresses {
		names = append(names, address.String())
	}
	switch {
	case len(names) == 0:
		return " (it names no host in subjectAltName; its common name does not count)"
	case len(names) > mostNames:
		return fmt.Sprintf(" (%s and %d others)", redactWords(strings.Join(names[:mostNames], ", ")), len(names)-mostNames)
	}
	return " (" + redactWords(strings.Join(names, ", ")) + ")"
}

// inSeconds returns a time as "10 s".
func inSeconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Cause }

// ConnectKind says why a connection was not made.
type ConnectKind int

// The kinds that call for different things to do.
const (
	Unreachable        ConnectKind = iota // nothing answered, or not as PostgreSQL does
	NoLogin                               // the server does not let the account in
	NoDatabase                            // the server has no such database
	NoConnectionFree                      // the server has no connection to spare
	WrongPassword                         // the password is wrong, or there is none
	NoRole                                // the server has no such role
	NoRule                                // pg_hba.conf has no line for this connection
	NoPlainRule                           // likewise, for a connection without TLS
	RejectRule                            // a line of pg_hba.conf rejects this connection
	RejectPlainRule                       // likewise, for a connection without TLS
	NoPassword                            // the server wants a password, and the address has none
	NotReady                              // the server is starting up or going down
	PoolWaits                             // PgBouncer has no connection of its server to give
	WithoutTLS                            // TLS is asked for, and the server has none
	NotTrusted                            // the certificate is signed by nobody that is trusted
	OtherName                             // the certificate is for another host name
	CertificateExpired                    // the certificate is not valid now
	OwnCertificate                        // the server wants another certificate of ours
	TLSFailed                             // TLS was not agreed on
	WrongHost                             // the host name has no address
	NothingListens                        // the host has nothing on this port
	NoAnswer                              // no answer came in time
	StatementPool                         // PgBouncer gives a connection for one statement at a time
	MethodRefused                         // the server asks for a log-in in a way that is not used here
)

// connectTexts are the kinds in words, where the words do not depend on the cause.
var connectTexts = map[ConnectKind]string{
	NoDatabase:       "the server has no database of this name",
	NoConnectionFree: "every connection that the server, the database or the account may have is taken",
	WrongPassword:    "the password is wrong, or the account has none",
	NoRole:           "the server has no role of the name of this account",
	NoRule:           "pg_hba.conf of the server has no line for this address, account and database",
	NoPlainRule:      "pg_hba.conf of the server has no line for this address, account and database without TLS",
	RejectRule:       "a line of pg_hba.conf of the server rejects this address, account and database",
	RejectPlainRule:  "a line of pg_hba.conf of the server rejects this address, account and database without TLS",
	NoPassword:       "the server wants a password, and the address has none",
	NotReady:         "the server is starting up or shutting down",
	PoolWaits:        "the pool has no connection to its server",
	StatementPool:    "the pool before the server gives its connections for one statement at a time, and transactions need more",
	WithoutTLS:       "TLS is asked for, and the server has none",
}

// kindsOfFailure are the kinds of what failed before there was an answer.
var kindsOfFailure = map[netconn.Failure]ConnectKind{
	netconn.NoTLS:           WithoutTLS,
	netconn.NotTrusted:      NotTrusted,
	netconn.OtherName:       OtherName,
	netconn.Expired:         CertificateExpired,
	netconn.WantsOurs:       OwnCertificate,
	netconn.OtherTLSFailure: TLSFailed,
	netconn.UnknownHost:     WrongHost,
	netconn.Refused:         NothingListens,
	netconn.NoAnswer:        NoAnswer,
}

// Kind returns the kind by the server's answer, or by what failed before there was one.
func (e *ConnectError) Kind() ConnectKind {
	var answer *pgconn.PgError
	if errors.As(e.Cause, &answer) {
		kind := kindOfAnswer(answer)
		if kind == WrongPassword && e.WithoutPassword {
			return NoPassword
		}
		return kind
	}
	if methodRefused(e.Cause) != "" {
		return MethodRefused
	}
	if kind, known := kindsOfFailure[netconn.FailureOf(e.Cause)]; known {
		return kind
	}
	if e.Cause != nil && strings.Contains(e.Cause.Error(), "server refused TLS connection") { // the driver has no type for it
		return WithoutTLS
	}
	return Unreachable
}

// kindOfAnswer reads the answer of a server, or of a pool before it.
func kindOfAnswer(answer *pgconn.PgError) ConnectKind {
	says := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(answer.Message, word) {
				return true
			}
		}
		return false
	}
	switch {
	case answer.Code == "3D000", says("no such database"):
		return NoDatabase
	case answer.Code == "53300", says("no more connections allowed", "too many connections", "max_client_conn"):
		return NoConnectionFree
	case answer.Code == "28P01", says("password authentication failed", "SASL authentication failed"):
		return WrongPassword
	case says("pg_hba.conf"):
		return kindOfRule(says("rejects"), says("no encryption", "SSL off") && !says(`"[local]"`)) // a socket has no TLS
	case answer.Code == "28000" && says("does not exist"), says("no such user"):
		return NoRole
	case answer.Code == "28000":
		return NoLogin
	case says("statement pooling"):
		return StatementPool
	case answer.Code == "57P03":
		return NotReady
	case says("query_wait_timeout", "client_login_timeout", "server login", "server conn crashed", "pgbouncer cannot connect", "database is disabled", "database is paused"):
		return PoolWaits
	}
	return Unreachable
}

// kindOfRule returns what pg_hba.conf has against a connection.
func kindOfRule(rejects, withoutTLS bool) ConnectKind {
	switch {
	case rejects && withoutTLS:
		return RejectPlainRule
	case rejects:
		return RejectRule
	case withoutTLS:
		return NoPlainRule
	}
	return NoRule
}

// IsWrongPassword reports whether the server, asked for a log-in, takes the password or the account for wrong.
// Without this answer the reason may be another: a rule about addresses, or no database.
func (e *ConnectError) IsWrongPassword() bool {
	var answer *pgconn.PgError
	return errors.As(e.Cause, &answer) && answer.Code == "28P01"
}

// innermost returns the first cause of an error that wraps others.
func innermost(err error) error {
	for {
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			err = many.Unwrap()[0]
			continue
		}
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
