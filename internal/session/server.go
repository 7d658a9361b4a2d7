package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Token is a secret that a server takes. It is a function, because nothing prints what a function
// returns; an alias, so that who speaks to servers need not know this package.
type Token = func() string

// NewToken returns a token that does not print.
func NewToken(text string) Token { return func() string { return text } }

// DigestOf returns what a server stores of the token of a login session: its SHA-256, in hexadecimal
// (contract, section 3).
func DigestOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Server is a process of the management server, asked at its endpoint. Each has a memory of its own
// (contract, section 4).
type Server interface {
	// Address is the endpoint.
	Address() string
	// LockVault has the server forget a vault. No error is no proof.
	LockVault(ctx context.Context, vault Token) error
	// LogOut ends a session, and closes the WebSockets of its user.
	LogOut(ctx context.Context, session Token) error
	// Accepts reports whether the server takes a session for alive; an error leaves that open.
	Accepts(ctx context.Context, session Token) (bool, error)
}

// ErrKept says that a server answered, and has not done what it was asked for.
var ErrKept = errors.New("it answered, and the vault's key in Redis is as it was: that address may not be the management server of this Redis")

// ServerError says that a server could not be asked, while what stands in the stores is done.
type ServerError struct {
	Address string
	Doing   string // what it was asked for
	Left    int64  // how many it was not asked for, and the one that failed
	Cause   error
}

// Error says what could not be done where, and why.
func (e *ServerError) Error() string {
	return fmt.Sprintf("%s at %s: %v; %d left", e.Doing, e.Address, e.Cause, e.Left)
}

// Unwrap returns the cause.
func (e *ServerError) Unwrap() error { return e.Cause }

// markOf stands for a set of servers, in the value of a vault that they have forgotten.
func markOf(servers []Server) string {
	addresses := make([]string, len(servers))
	for i, server := range servers {
		addresses[i] = server.Address()
	}
	slices.Sort(addresses)
	sum := sha256.Sum256([]byte(strings.Join(addresses, "\n")))
	return hex.EncodeToString(sum[:4])
}

// lockVaults has every server forget the vaults that stand ended in Redis.
func (e *ender) lockVaults(ctx context.Context) error {
	if len(e.Servers) == 0 || e.Cache == nil {
		return nil
	}
	e.reporter.Phase("locking vaults in the servers' memory")
	locked, err := e.Cache.LockEnded(ctx, e.Servers, markOf(e.Servers), e.stop)
	e.result.Locked += locked
	var failure *ServerError
	if err != nil && !errors.As(err, &failure) && !errors.Is(err, ErrStopped) {
		return &CacheError{err}
	}
	return err
}
