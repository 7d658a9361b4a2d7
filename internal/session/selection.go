package session

import (
	"errors"
	"net/netip"
	"time"
)

// Selection says which access is to end. Its criteria are combined by AND. See
// docs/session-invalidate.md for the exact predicate of each.
type Selection struct {
	All            bool
	Users          []string // ids
	Tenants        []string // ids
	Sessions       []string // ids
	TokenHashes    []string // SHA-256 of tokens, in hexadecimal
	Networks       []netip.Prefix
	Agents         []string // parts of the user agent
	CreatedBefore  time.Duration
	IdleLongerThan time.Duration
	Expired        bool          // sessions that have expired, rather than live ones
	OverLimit      int           // sessions of a user beyond so many, the oldest first; 0 for no such criterion
	PastTimeout    time.Duration // sessions older than the server's timeout; 0 for no such criterion
	ExceptUsers    []string      // ids
	ExceptSessions []string      // ids
}

// The reasons why a selection is none.
var (
	ErrNothingSelected = errors.New("nothing is selected")
	ErrAllAndMore      = errors.New("everything is selected, and only a part of it")
	ErrExpiredLimit    = errors.New("expired sessions are beyond no limit: only live ones count")
)

// Validate returns ErrNothingSelected, ErrAllAndMore or ErrExpiredLimit where the selection is none.
func (s Selection) Validate() error {
	some := len(s.Users)+len(s.Tenants) > 0 || s.OfSessions()
	switch {
	case s.All && some:
		return ErrAllAndMore
	case !s.All && !some:
		return ErrNothingSelected
	case s.Expired && s.OverLimit > 0:
		return ErrExpiredLimit
	}
	return nil
}

// OfSessions reports whether a criterion is about single sessions.
func (s Selection) OfSessions() bool {
	return len(s.Sessions)+len(s.TokenHashes)+len(s.Networks)+len(s.Agents) > 0 || s.CreatedBefore > 0 || s.IdleLongerThan > 0 ||
		s.Expired || s.OverLimit > 0 || s.PastTimeout > 0
}

// OfUsers returns the selection for what has no session: the users themselves. Users are those that
// the selection has at the start; they are not used where everyone is selected.
func (s Selection) OfUsers(users []string) Selection {
	if s.All {
		return Selection{All: true, ExceptUsers: s.ExceptUsers}
	}
	return Selection{Users: append([]string{}, users...), ExceptUsers: s.ExceptUsers} // no users are not all users
}
