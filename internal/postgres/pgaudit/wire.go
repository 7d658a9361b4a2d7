package pgaudit

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/postgres"
)

// The codes of the first answer to a log-in (PostgreSQL documentation, Message Formats, Authentication*).
const (
	codeOK        = 0
	codePassword  = 3
	codeMD5       = 5
	codeSASL      = 10
	sslRequest    = 80877103
	wireTimeLimit = 10 * time.Second
	maxAnswer     = 64 << 10
)

// wireAnswer is what a server says before anybody has logged in.
type wireAnswer struct {
	code        uint32
	encrypted   bool
	certificate bool   // it asked for a client certificate, and was shown one
	refused     string // the SQLSTATE, where it asks nothing and refuses
}

// dialWire connects as the audit's own connection does, to the same address.
func dialWire(ctx context.Context, address net.Addr) (net.Conn, error) {
	dial := netconn.Quiet(netconn.Dial((&net.Dialer{Timeout: wireTimeLimit}).DialContext))
	conn, err := dial(ctx, address.Network(), address.String())
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	deadline, cancel := context.WithTimeout(ctx, wireTimeLimit)
	end, _ := deadline.Deadline()
	cancel()
	if err := conn.SetDeadline(end); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	return conn, nil
}

// requestTLS asks whether the server speaks TLS. Nothing else is sent.
func requestTLS(conn net.Conn) (bool, error) {
	request := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), sslRequest)
	if _, err := conn.Write(request); err != nil {
		return false, fmt.Errorf("asking for TLS: %w", err)
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return false, fmt.Errorf("asking for TLS: %w", err)
	}
	return answer[0] == 'S', nil
}

// askForTLS connects, asks for TLS and closes.
func askForTLS(ctx context.Context, address net.Addr) (bool, error) {
	conn, err := dialWire(ctx, address)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	return requestTLS(conn)
}

// askForLogin connects, begins to log in as the account of the target, reads what the server asks for, and
// closes. No password is sent. TLS is used as the target says, where the server offers it.
func askForLogin(ctx context.Context, address net.Addr, target postgres.Target) (answer wireAnswer, err error) {
	conn, err := dialWire(ctx, address)
	if err != nil {
		return answer, err
	}
	defer func() { _ = conn.Close() }()
	if target.TLS != nil && target.Mode != "allow" {
		offered, err := requestTLS(conn)
		if err != nil {
			return answer, err
		}
		if offered {
			if conn, err = startTLS(ctx, conn, target.TLS, &answer); err != nil {
				return answer, err
			}
		}
	}
	startup, err := (&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters: map[string]string{"user": target.Account, "database": target.Database, "application_name": "ocmt-audit"}}).Encode(nil)
	if err != nil {
		return answer, fmt.Errorf("beginning to log in: %w", err)
	}
	if _, err := conn.Write(startup); err != nil {
		return answer, fmt.Errorf("beginning to log in: %w", err)
	}
	return answer, readAnswer(conn, &answer)
}

// startTLS makes a connection encrypted, and notes whether a client certificate was shown.
func startTLS(ctx context.Context, conn net.Conn, config *tls.Config, answer *wireAnswer) (net.Conn, error) {
	config = config.Clone()
	if get := config.GetClientCertificate; get != nil || len(config.Certificates) > 0 {
		certificates := config.Certificates
		config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			answer.certificate = true
			if get != nil {
				return get(info)
			}
			return &certificates[0], nil
		}
	}
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return conn, fmt.Errorf("beginning TLS: %w", err)
	}
	answer.encrypted = true
	return encrypted, nil
}

// errNoAnswer says that what answers is no PostgreSQL.
var errNoAnswer = errors.New("it does not answer as PostgreSQL does")

// readAnswer reads the first message of a server.
func readAnswer(from io.Reader, answer *wireAnswer) error {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return fmt.Errorf("reading what the server asks for: %w", err)
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length < 4 || length > maxAnswer {
		return errNoAnswer
	}
	body := make([]byte, length-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return fmt.Errorf("reading what the server asks for: %w", err)
	}
	switch {
	case head[0] == 'R' && len(body) >= 4:
		answer.code = binary.BigEndian.Uint32(body)
		return nil
	case head[0] == 'E':
		var said pgproto3.ErrorResponse
		if err := said.Decode(body); err != nil || said.Code == "" {
			return errNoAnswer
		}
		answer.refused = said.Code
		return nil
	}
	return errNoAnswer
}
