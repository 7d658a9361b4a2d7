package session

import (
	"context"
	"fmt"
	"strings"
)

// Entry is a login session as it is listed: never its token.
type Entry struct {
	ID      string `json:"id"`
	User    string `json:"user_id"`
	Email   string `json:"email"`
	Digest  string `json:"token_digest"` // the first characters of the digest of its token
	Address string `json:"address"`
	Agent   string `json:"user_agent"`
	Created string `json:"created_at"` // as the database has it, "" where it does not tell
	Active  string `json:"last_activity_at"`
	Expires string `json:"expires_at"`
	Age     *Age   `json:"age_seconds"` // nil where the row does not tell
	Idle    *Age   `json:"idle_seconds"`
}

// Group counts the sessions that have something in common.
type Group struct {
	By       string `json:"by"`   // age, user, tenant, network or user_agent
	Name     string `json:"name"` // what they have in common; "" where the rows do not tell
	Sessions int64  `json:"sessions"`
	Users    int64  `json:"users"`
}

// Lister lists live login sessions.
type Lister interface {
	// List returns the newest sessions of a selection, at most so many.
	List(ctx context.Context, selection Selection, most int) ([]Entry, error)
	// Stats groups the sessions of a selection by age, user, tenant, network and user agent, and
	// returns the largest groups of each, at most so many.
	Stats(ctx context.Context, selection Selection, most int) ([]Group, error)
}

// Finder finds users and tenants by what operators call them.
type Finder interface {
	// FindUsers returns the ids of users by id or e-mail address. The error is an
	// *UnknownNameError where one is not there.
	FindUsers(ctx context.Context, names []string) ([]string, error)
	// FindSessions returns the ids of sessions, live or not. The error is an *UnknownNameError where
	// one is not there.
	FindSessions(ctx context.Context, ids []string) ([]string, error)
	// HasToken reports whether there is a session, live or not, of a token with the digest.
	HasToken(ctx context.Context, digest string) (bool, error)
	// FindTenants returns the ids of tenants by id or name. The error is an *UnknownNameError
	// where one is not there, or several have the name.
	FindTenants(ctx context.Context, names []string) ([]string, error)
}

// UnknownNameError says that names stand for nobody: a slip must not read as nothing to do.
type UnknownNameError struct {
	What  string // user or tenant
	Names []string
}

// Error lists the names.
func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("there is no %s, or more than one, of the name %s", e.What, strings.Join(e.Names, ", "))
}
