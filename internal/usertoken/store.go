package usertoken

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Selection says whose tokens are renewed. Users and Tenants are combined by AND.
type Selection struct {
	All     bool
	Users   []string // ids
	Tenants []string // ids
}

// The reasons why a selection is none. Nothing selected is never everything.
var (
	ErrNothingSelected = errors.New("nothing is selected")
	ErrAllAndMore      = errors.New("everything is selected, and only a part of it")
)

// Validate returns ErrNothingSelected or ErrAllAndMore where the selection is none.
func (s Selection) Validate() error {
	some := len(s.Users)+len(s.Tenants) > 0
	switch {
	case s.All && some:
		return ErrAllAndMore
	case !s.All && !some:
		return ErrNothingSelected
	}
	return nil
}

// Row is a user's row. Text is what stands in it, in whatever form.
type Row struct {
	User string // id
	Text secret.Value
}

// Change is a new text for a row that still has the old one.
type Change struct {
	User     string // id
	Old, New secret.Value
}

// Owner is a user whose token is a new one, with what the database knows of the container that has the old one.
type Owner struct {
	User      string `json:"user"` // id
	Email     string `json:"email"`
	Container string `json:"container"` // "" where the database does not tell
}

// Table is the table of users, as far as it matters here.
type Table struct {
	Database string // the name of the database
	Name     string // schema.name
	// Containers says that the table has a column with the container of each user.
	Containers bool
	// Triggers are enabled triggers and rules that run for each new token, and may keep a copy of it.
	Triggers []string
}

// BarredError says why the tokens cannot be renewed, or not all be seen, before anything is changed.
type BarredError struct {
	Reason, Fix string
	Missing     []finding.Right // the rights whose absence is the whole matter
}

// Error says why.
func (e *BarredError) Error() string { return e.Reason }

// Reader reads tokens.
type Reader interface {
	// Check describes the table. The error is a *BarredError where tokens may be hidden from the account, or
	// could not be written.
	Check(ctx context.Context) (Table, error)
	// Census visits the rows of a selection, as they are at one moment.
	Census(ctx context.Context, selection Selection, visit func(Row) error) error
	// Samples returns stored texts that say that they are under a version of the key, at most so many.
	Samples(ctx context.Context, version, most int) ([]secret.Value, error)
	// Read returns the rows of users as they are now, without those that are gone.
	Read(ctx context.Context, users []string) ([]Row, error)
	// Owners returns users by id, with their containers.
	Owners(ctx context.Context, users []string) ([]Owner, error)
	// Writers returns transactions that have written to the table and not ended.
	Writers(ctx context.Context) ([]string, error)
}

// Writer writes tokens.
type Writer interface {
	// Write writes each change whose row still has the old text, in one transaction, and returns the ids of
	// those users. Rows that others hold are left, and a later look finds them.
	Write(ctx context.Context, changes []Change) (written []string, err error)
	// Flush returns when what was written is safe on disk.
	Flush(ctx context.Context) error
}

// Store reads and writes tokens.
type Store interface {
	Reader
	Writer
}

// Pace holds work back, so that live servers get their turn.
type Pace interface {
	// Do does a piece of work, and rests after it where others are at work.
	Do(ctx context.Context, work func() error) error
}

// Reporter is told how the work goes on.
type Reporter interface {
	// Phase names what is done now.
	Phase(name string)
	// Progress says how many tokens were renewed, of how many.
	Progress(done, total int64)
	// Waiting says what is waited for; "" for nothing.
	Waiting(reason string)
}

// Sources is what a run works with.
type Sources struct {
	Store  Store
	Ring   *crypto.Keyring
	Random io.Reader // a cryptographic source
	Pace   Pace
	Clock  func() time.Time
	// Patience is how long transactions that have written and not ended are waited for, and rows that others hold.
	Patience time.Duration
}
