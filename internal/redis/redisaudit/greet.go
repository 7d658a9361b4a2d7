package redisaudit

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/netconn"
)

// Greet implements audit.RedisServer.
func (s *server) Greet(ctx context.Context) (audit.RedisGreeting, error) {
	greeting, err := s.greetAt(ctx, s.place.Address)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", &audit.GapError{Gap: audit.Gap{What: "whether " + s.place.Address + " asks for a password", Reason: reasonOf(err)}}
	}
	return greeting, nil
}

// greetAt sends PING at an address of the server, on a connection that nothing else is sent on.
func (s *server) greetAt(ctx context.Context, address string) (audit.RedisGreeting, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	conn, err := s.universal.Dialer(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	// A server in protected mode answers before it is asked, and closes: the write may fail then.
	_, _ = io.WriteString(conn, "PING\r\n")
	const longest = 512
	answer, err := bufio.NewReader(io.LimitReader(conn, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) || answer == "" {
		return "", err
	}
	for text, greeting := range map[string]audit.RedisGreeting{"+PONG": audit.RedisAnswers, "-NOAUTH": audit.RedisAsksPassword,
		"-DENIED": audit.RedisProtected, "-NOPERM": audit.RedisMayNotPing} {
		if strings.HasPrefix(answer, text) {
			return greeting, nil
		}
	}
	return audit.RedisUnknownAnswer, nil
}

// GreetOutside implements audit.RedisServer.
func (s *server) GreetOutside(ctx context.Context) (greeting audit.RedisGreeting, ok bool, err error) {
	_, port, err := net.SplitHostPort(s.place.Address)
	if err != nil || s.place.Reach != audit.RedisLoopback {
		return "", false, nil
	}
	own, err := netconn.OwnAddresses()
	if err != nil {
		return "", false, nil
	}
	for _, address := range own {
		ok = true
		greeting, err := s.greetAt(ctx, net.JoinHostPort(address.String(), port))
		var refused *net.OpError
		switch {
		case ctx.Err() != nil:
			return "", true, ctx.Err()
		case err == nil:
			return greeting, true, nil
		case !errors.As(err, &refused) || refused.Op != "dial":
			return audit.RedisUnknownAnswer, true, nil // somebody took the connection
		}
	}
	return "", ok, nil
}

// handshakeTime bounds a handshake that may not be answered: a port without TLS waits for the end of a
// line that does not come.
const handshakeTime = 2 * time.Second

// SpeaksTLS implements audit.RedisServer.
func (s *server) SpeaksTLS(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, min(handshakeTime, s.options.Timeout))
	defer cancel()
	conn, err := new(net.Dialer).DialContext(limited, "tcp", s.place.Address)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, &audit.GapError{Gap: audit.Gap{What: "whether " + s.place.Address + " speaks TLS", Reason: reasonOf(err)}}
	}
	defer func() { _ = conn.Close() }()
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}) //nolint:gosec // nothing is sent over it: the question is whether there is TLS at all
	return client.HandshakeContext(limited) == nil, ctx.Err()
}

// isPrivateSocket reports whether no account but its owner can open a socket: by its mode, or by that of a
// folder above it.
func isPrivateSocket(path string) bool {
	const groupAndOthers, enter = 0o066, 0o011
	found, err := os.Stat(path)
	if err != nil {
		return false
	}
	closed, err := isClosedAbove(path, enter)
	return found.Mode().Perm()&groupAndOthers == 0 || err == nil && closed
}

// isClosedAbove reports whether one of the folders above a path has none of the bits that let others enter it.
func isClosedAbove(path string, enter os.FileMode) (bool, error) {
	for parent := filepath.Dir(path); ; parent = filepath.Dir(parent) {
		found, err := os.Stat(parent)
		if err != nil {
			return false, err
		}
		if found.Mode().Perm()&enter == 0 {
			return true, nil
		}
		if parent == filepath.Dir(parent) {
			return false, nil
		}
	}
}
