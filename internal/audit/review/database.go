package review

import (
	"context"
	"time"
)

// Database reads the audit tables of a deployment. It writes nothing.
type Database interface {
	// Describe looks which tables and columns there are, and how they can be read in order.
	Describe(ctx context.Context) (*Description, error)
	// Read returns rows of each source that a filter takes, the newest first, after a cursor, at most
	// so many of each. Rows without a time are left out.
	Read(ctx context.Context, filter Filter, after Cursor, most int) ([]Batch, error)
	// Undated returns rows without a time, and how many there are.
	Undated(ctx context.Context, filter Filter, most int) ([]Undated, error)
	// Stream hands over every row that a filter takes, a source after the other, in no order.
	Stream(ctx context.Context, filter Filter, visit func(*Row) error) error
	// Habits counts what users have done, by address and by hour, in a time. It hands over one count
	// after the other, because a large deployment has many. Two sources may each have one of the same kind.
	Habits(ctx context.Context, filter Filter, from, to time.Time, visit func(Habit)) error
	// Emails returns the addresses of users by their ids, of those that are known.
	Emails(ctx context.Context, ids []string) (map[string]string, error)
}

// Batch is rows of one source, the newest first.
type Batch struct {
	Source Source
	Rows   []Entry
	// More says that the source may have further rows.
	More bool
	// Apart says that the rows with a tenant are in the order of their ids, and the others in that of
	// their times.
	Apart bool
}

// Undated is the rows of a source that have no time, and stand at no place of the timeline.
type Undated struct {
	Source Source `json:"source"`
	// Count is -1 where it was not counted, because no index serves it and the table is large.
	Count int64 `json:"count"`
	// Rows are some of them.
	Rows []Entry `json:"rows"`
}

// Habit counts what a user has done from an address in an hour of the day, in UTC.
type Habit struct {
	User    string
	Address string // "" where the rows do not tell
	Hour    int
	Rows    int64
}
