package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// The reasons why nothing can be said of what the servers write.
var (
	// ErrReadinessStandby says that the server is a standby, which may be behind what the servers have written.
	ErrReadinessStandby = errors.New("this server is a standby, and may be behind what the OCMT servers have written")
	// ErrReadinessRun says that a run moved values meanwhile, whose writes look like those of a server.
	ErrReadinessRun = errors.New("a run was at work on this database meanwhile, and its writes look like those of a server")
)

// NoVersion is the version of a value that is no ciphertext, such as a token in the clear.
const NoVersion = -1

// SeenValue is one value of a look.
type SeenValue struct {
	Column  int    // of the table, counted from 0
	Version int    // of its label; 0 for the legacy form, NoVersion for what is no ciphertext
	Digest  uint64 // of the stored text
	Since   bool   // its row was written since the rotation was begun
}

// Moment is what a database says of itself when a look begins.
type Moment struct {
	At       time.Time // by the clock of the server
	Database migrate.Identity
	Standby  bool
	Running  bool  // a run of this tool holds the lock
	Runs     int64 // how many entries the record of runs has
}

// ValueLooker looks at the encrypted values of a database.
type ValueLooker interface {
	// Moment asks for the present.
	Moment(ctx context.Context) (Moment, error)
	// Values visits every value of a table once, in one statement.
	Values(ctx context.Context, table migrate.Table, asked ValueScope, visit func(SeenValue)) error
	// Activity returns, for each table, how many rows were inserted and updated since the server's
	// statistics were reset.
	Activity(ctx context.Context, tables []migrate.Table) ([]int64, error)
}

// VersionCounts counts values by their version, for each column.
type VersionCounts map[migrate.Place]map[int]int64

// ValueScope says what is asked of the values of a table.
type ValueScope struct {
	Since    uint32 // what this transaction, a number of 32 bits, or a later one wrote is marked
	Versions []int  // those that most labels name, which are told apart the fastest
}

// ReadinessRequest says what the writes of the servers are held to.
type ReadinessRequest struct {
	Version  int              // the version that the servers are to write
	From     int              // the version before it
	Begun    time.Time        // when the rotation was begun; the zero time where ocmt rotate begin did not
	Since    uint32           // what this transaction, a number of 32 bits, or a later one wrote was written since
	Database migrate.Identity // the database that it was begun on
	Tables   []migrate.Table
	// Before counts the values at the last look, or where there was none when the rotation was begun; nil where nothing did.
	Before   VersionCounts
	BeforeAt time.Time
	Shown    []string // tables that have shown the new version in an earlier look, as schema.table
	// Moved says that a run has moved values since: what is under the new version need not come from a server.
	Moved bool
	// NoWrites are the tables that the servers write no secret into, as the operator says: table or schema.table,
	// or EveryTable.
	NoWrites []string
}

// EveryTable stands in NoWrites for all tables, where no server runs.
const EveryTable = "all"

// TableState is what was seen of the writes to a table.
type TableState string

// The states of a table.
const (
	NewVersionSeen TableState = "new_version"    // a server has written the new version
	OldVersionSeen TableState = "old_version"    // a server has written another one
	NewNotSeen     TableState = "no_new_version" // it was written to, and no secret under the new version was seen
	NoWritesSeen   TableState = "no_writes"      // nothing was written since the rotation was begun
	NoWritesSaid   TableState = "said"           // it was written to, and the operator says that no secret is
)

// OtherWrites are values under another version that were written.
type OtherWrites struct {
	Column  string    `json:"column"`
	Version int       `json:"version"`
	Values  int64     `json:"values"`
	After   time.Time `json:"after"`   // when they were not there yet
	SeenAt  time.Time `json:"seen_at"` // when they were there
}

// TableReadiness is what was seen of a table.
type TableReadiness struct {
	Schema string        `json:"schema"`
	Table  string        `json:"table"`
	State  TableState    `json:"state"`
	New    int64         `json:"new_version_values"` // values under the new version
	Old    int64         `json:"old_version_values"` // values under older versions
	Rows   int64         `json:"rows_written"`       // rows inserted and updated between the first look and the last
	Others []OtherWrites `json:"other_versions_written"`

	since bool // a row with a value was written since the rotation was begun
}

// String returns schema.table.
func (t TableReadiness) String() string { return t.Schema + "." + t.Table }

// Readiness is what looking at the writes of the servers came to.
type Readiness struct {
	Version int       `json:"version"`
	Older   int       `json:"from_version"`
	Ready   bool      `json:"ready"`
	Begun   time.Time `json:"begun_at"`
	Looks   int       `json:"looks"`
	From    time.Time `json:"looked_from"` // the first look
	To      time.Time `json:"looked_to"`   // the last one
	// OneIn says that only one of so many values was compared from look to look, because there are more than
	// are kept in memory. It is 1 where all were.
	OneIn   int64             `json:"compared_one_in"`
	Tables  []TableReadiness  `json:"tables"`
	Servers []ServerAnswer    `json:"servers"` // those that were asked
	Reasons []finding.Finding `json:"reasons"` // why it is not ready; none where it is

	// Counts are those of the last look.
	Counts VersionCounts `json:"-"`
	// OldAt is when a write of an older version was last seen; zero where none was.
	OldAt time.Time `json:"-"`
}

// Shown returns the tables that have shown the new version, as schema.table.
func (r *Readiness) Shown() (list []string) {
	for _, table := range r.Tables {
		if table.State == NewVersionSeen {
			list = append(list, table.String())
		}
	}
	return list
}

// Observer compares looks at the values of a database. A value that was not there at the look before, and is
// under an older version, is the work of a server that has not restarted. That its row was written is no proof:
// servers write a row for other reasons too.
type Observer struct {
	looker  ValueLooker
	request ReadinessRequest
	before  *digestSet // of the look before; nil before the first
	from    time.Time
	last    time.Time
	looks   int
	rows    []int64 // Activity at the first look
	looked  bool    // runs is known
	runs    int64   // entries of the record of runs when it was first asked
	shown   map[string]bool
	// grown are the values that the first look found more than there were before, by table. The second look tells them;
	// they say nothing of what is written later.
	grown [][]OtherWrites
}

// NewObserver returns an observer that has not looked yet.
func NewObserver(looker ValueLooker, request ReadinessRequest) *Observer {
	o := &Observer{looker: looker, request: request, shown: map[string]bool{}}
	for _, name := range request.Shown {
		o.shown[name] = true
	}
	return o
}

// UnknownTables returns the names of NoWrites that are no table of the request.
func (r ReadinessRequest) UnknownTables() (unknown []string) {
	for _, name := range r.NoWrites {
		if name != EveryTable && !slices.ContainsFunc(r.Tables, func(table migrate.Table) bool { return names(table, name) }) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// names reports whether a name, with its schema or without, is that of a table.
func names(table migrate.Table, name string) bool {
	return strings.EqualFold(name, table.Name) || strings.EqualFold(name, table.String())
}

// isSaid reports whether the operator says that no secret is written to a table.
func (r ReadinessRequest) isSaid(table migrate.Table) bool {
	return slices.ContainsFunc(r.NoWrites, func(name string) bool { return name == EveryTable || names(table, name) })
}

// Look looks once, and says what it and the looks before have shown. One look alone compares the counts with
// those before; what is written meanwhile shows from the second look on, and only then it can be ready. The error
// is ErrReadinessStandby, ErrReadinessRun, or a *RefusedError where it is another database.
func (o *Observer) Look(ctx context.Context) (*Readiness, error) {
	moment, err := o.checkMoment(ctx)
	if err != nil {
		return nil, err
	}
	seen := &lookState{observer: o, moment: moment, digests: newDigestSet(o.before), counts: VersionCounts{}}
	for _, table := range o.request.Tables {
		if err := seen.readTable(ctx, table); err != nil {
			return nil, err
		}
	}
	rows, err := o.looker.Activity(ctx, o.request.Tables)
	if err != nil {
		return nil, err
	}
	// A run that began during the look has left its writes in it.
	if _, err := o.checkMoment(ctx); err != nil {
		return nil, err
	}
	switch o.looks {
	case 0:
		o.rows, o.from = rows, moment.At
		o.grown = seen.findGrown()
	case 1:
		for i, grown := range o.grown {
			seen.tables[i].Others = append(seen.tables[i].Others, grown...)
		}
	}
	for i := range seen.tables {
		seen.tables[i].Rows = max(0, rows[i]-o.rows[i])
	}
	seen.digests.seal()
	o.before, o.last = seen.digests, moment.At
	o.looks++
	return seen.judge(), nil
}

// checkMoment asks for the present, and refuses what cannot show how the servers write.
func (o *Observer) checkMoment(ctx context.Context) (Moment, error) {
	moment, err := o.looker.Moment(ctx)
	switch {
	case err != nil:
		return moment, err
	case moment.Standby:
		return moment, ErrReadinessStandby
	case moment.Running, o.looked && moment.Runs != o.runs:
		return moment, ErrReadinessRun
	}
	o.looked, o.runs = true, moment.Runs
	if found := migrate.CheckOrigin(o.request.Database, migrate.Origin{Database: moment.Database}); len(found) > 0 {
		return moment, &RefusedError{Finding: found[0]}
	}
	return moment, nil
}

// lookState is one look while it is made.
type lookState struct {
	observer *Observer
	moment   Moment
	digests  *digestSet
	counts   VersionCounts
	tables   []TableReadiness
}

// readTable counts the values of a table, and finds those that were not there at the look before.
func (l *lookState) readTable(ctx context.Context, table migrate.Table) error {
	request := l.observer.request
	seen := TableReadiness{Schema: table.Schema, Table: table.Name, Others: []OtherWrites{}}
	counts := make([]map[int]int64, len(table.Columns))
	fresh := make([]map[int]int64, len(table.Columns))
	for i, column := range table.Columns {
		counts[i], fresh[i] = map[int]int64{}, map[int]int64{}
		l.counts[table.Place(column)] = counts[i]
	}
	err := l.observer.looker.Values(ctx, table, ValueScope{request.Since, []int{request.Version, request.From}}, func(value SeenValue) {
		counts[value.Column][value.Version]++
		seen.since = seen.since || value.Since
		if l.digests.add(value.Digest) && value.Version != NoVersion {
			fresh[value.Column][value.Version]++
		}
	})
	if err != nil {
		return fmt.Errorf("looking at the values of %s: %w", table, err)
	}
	for i, column := range table.Columns {
		for version, values := range counts[i] {
			switch {
			case version == request.Version:
				seen.New += values
			case version >= 0 && version < request.Version:
				seen.Old += values
			}
		}
		for version, values := range fresh[i] {
			if version == request.Version {
				l.observer.shown[seen.String()] = true
				continue
			}
			seen.Others = append(seen.Others, OtherWrites{column.Name, version, values, l.observer.last, l.moment.At})
		}
	}
	// Nothing was under the new version before the rotation was begun, so a server has written what is.
	if seen.New > 0 && !request.Moved {
		l.observer.shown[seen.String()] = true
	}
	l.tables = append(l.tables, seen)
	return nil
}

// findGrown finds columns with more values under another version than they had before.
func (l *lookState) findGrown() [][]OtherWrites {
	request := l.observer.request
	found := make([][]OtherWrites, len(request.Tables))
	if request.Before == nil {
		return found
	}
	for i, table := range request.Tables {
		for _, column := range table.Columns {
			place := table.Place(column)
			for version, values := range l.counts[place] {
				if grown := values - request.Before[place][version]; version != NoVersion && version != request.Version && grown > 0 {
					found[i] = append(found[i], OtherWrites{column.Name, version, grown, request.BeforeAt, l.moment.At})
				}
			}
		}
	}
	return found
}
