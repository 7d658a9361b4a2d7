package databasepassword

import (
	"context"
	"io"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Setting is the setting whose password is changed, and PendingName the name under which the store keeps the new
// address from before the change until all is done.
// OldRoleName is the name under which it keeps the old one of two roles for so long.
const (
	Setting     = "DATABASE_URL"
	PendingName = "OCMT_PENDING_DATABASE_URL"
	OldRoleName = "OCMT_PENDING_DATABASE_OLD_ROLE"
)

// Store is the part of a secret store that is needed here; see secretstore.Store.
type Store interface {
	Place() string
	Get(ctx context.Context, name string) (secret.Value, error)
	Apply(ctx context.Context, changes ...secretstore.Change) error
}

// Server is PostgreSQL, as it is reached by addresses.
type Server interface {
	// LogIn logs in at an address on a connection of its own, asks a question and logs out. The error wraps
	// ErrRefused where account or password are refused, also ErrNoLogin where it is known that the password is right and
	// the role may not log in, and ErrNoAnswer where a pool lets the account in alone.
	LogIn(ctx context.Context, address secret.Value) error
	// Open logs in and keeps the connection, with which a change can be taken back also when nobody can log in.
	// The error is as for LogIn.
	Open(ctx context.Context, address secret.Value) (Session, error)
	// Lock takes the locks of roles in the database of an address. It does not wait: the error is a *LockedError where
	// another run has one of them.
	Lock(ctx context.Context, address secret.Value, roles ...string) (Lock, error)
}

// Session is a connection to PostgreSQL that changes roles. It serves one goroutine.
type Session interface {
	Describe(ctx context.Context, role string) (Role, error)
	// Verifier returns what the server keeps of a role's password. It is not set where the account may not read it.
	Verifier(ctx context.Context, role string) (secret.Value, error)
	// SetPassword gives a role the password of a verifier.
	SetPassword(ctx context.Context, role string, verifier secret.Value) error
	// SetLogin lets a role log in, or not any more.
	SetLogin(ctx context.Context, role string, allowed bool) error
	// Connections counts the connections of a role, by the address of the client, without those of this tool.
	// With a moment of Role.Now it counts those alone that were made before it.
	Connections(ctx context.Context, role, before string) ([]Peer, error)
	// Rights says what a role has by itself and through others.
	Rights(ctx context.Context, role string) (Rights, error)
	Close(ctx context.Context)
}

// Role is what a server says of a role, and of the connection that was asked.
type Role struct {
	Exists     bool
	CanLogin   bool
	Expired    bool   // VALID UNTIL is past: no password of the role is accepted
	ValidUntil string // "" where the role has none
	// MayAlter says that the account may change the role, and Missing which rights it needs for it, as SQL.
	MayAlter bool
	Missing  string
	// Encryption is password_encryption of the server.
	Encryption string
	Iterations int // of a verifier that the server would make itself
	Standby    bool
	Pooled     bool   // a pool stands between here and the server
	Server     string // names the running server
	Account    string // that was logged in
	Now        string // the server's clock
}

// Peer is where connections come from. Address is empty for those on a socket.
type Peer struct {
	Address string `json:"address"`
	Count   int    `json:"connections"`
}

// Pool is a PgBouncer that has passwords in a file.
type Pool interface {
	// Path names the file.
	Path() string
	// Secret returns the entry of an account; it is not set where there is none.
	Secret(account string) (secret.Value, error)
	// Set writes the entry of an account, or takes it out where it is not set.
	Set(account string, to secret.Value) error
	// Reload makes PgBouncer read the file. asked is false where nobody has said how to reach it.
	Reload(ctx context.Context) (asked bool, err error)
}

// Reporter is told how far the work is.
type Reporter interface {
	// Step says what has been done, or was seen.
	Step(text string)
	// Waiting says what is waited for.
	Waiting(text string)
}

// Parts are what a change works with.
type Parts struct {
	Store  Store
	Server Server
	// Own is the address of an account that may have more rights than that of the store. It may not be set.
	Own      secret.Value
	Pool     Pool // nil where there is none
	Reporter Reporter
	// Make makes a new password of letters and digits.
	Make   func(random io.Reader) (string, error)
	Random io.Reader
	Clock  func() time.Time
	Sleep  func(ctx context.Context, length time.Duration) error
	// Record notes the change in the tool's own record.
	Record func(ctx context.Context, result *Result) error
}
