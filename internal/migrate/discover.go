package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Discovery is what looking through a database for values that the catalogue
// does not list came to.
type Discovery struct {
	Full     bool     `json:"full"`      // every value, not a sample
	Tables   int      `json:"tables"`    // looked through
	Columns  int      `json:"columns"`   // of them
	LookedAt int64    `json:"looked_at"` // values
	TooLarge int64    `json:"too_large"` // values too big to be looked through
	Unlisted []Find   `json:"unlisted"`
	Known    []Find   `json:"known"`
	Unread   []Unread `json:"unread"`
}

// Clean reports whether everything was looked at and nothing unlisted found.
func (d *Discovery) Clean() bool { return len(d.Unlisted) == 0 && len(d.Unread) == 0 }

// Find is a column with values that are shaped like ciphertexts of OCMT.
type Find struct {
	Schema   string        `json:"schema"`
	Table    string        `json:"table"`
	Column   string        `json:"column"`
	Values   int64         `json:"values"`    // that are, or hold, a ciphertext
	LookedAt int64         `json:"looked_at"` // of so many
	Versions map[int]int64 `json:"versions"`  // ciphertexts by the version that they name
	Opened   int64         `json:"opened"`    // ciphertexts that open with a key of the ring
	OpenedBy []int         `json:"opened_by_versions"`
	Key      string        `json:"key"`     // of one such row, "" where the table has no primary key
	Movable  bool          `json:"movable"` // ocmt.yaml can list it: a text of its own, in a table with one key column
	Reason   string        `json:"reason"`  // why it is left alone, where that is known

	keyColumn string
}

// String returns schema.table.column.
func (f Find) String() string { return f.Schema + "." + f.Table + "." + f.Column }

// Ours reports whether the values concern the keys of a ring: one opens them, or
// they name its version. Without keys nobody can say.
func (f Find) Ours(ring *crypto.Keyring) bool {
	if f.Opened > 0 {
		return true
	}
	for version := range f.Versions {
		if _, known := ring.Key(version); known {
			return true
		}
	}
	return false
}

// KnownUnder returns the columns that are listed as under other keys, and so are
// never moved, though values of them open with the key of a version.
func (d *Discovery) KnownUnder(version int) []Find {
	if d == nil {
		return nil
	}
	var list []Find
	for _, find := range d.Known {
		if slices.Contains(find.OpenedBy, version) {
			list = append(list, find)
		}
	}
	return list
}

// Unread is a table, or a column of it, that was not looked at.
type Unread struct {
	Code    string `json:"code"`
	Where   string `json:"where"`
	Message string `json:"message"`
	Fix     string `json:"fix"`

	Column string `json:"-"` // "" for the whole table
}

// TableName is a table's name. Visible says that the search path finds it by its
// name alone.
type TableName struct {
	Schema, Name string
	Visible      bool
}

// Relation is a heap of rows that can be searched: a table, or a partition.
type Relation struct {
	TableName
	Owner   TableName   // the table that people know it as
	Parents []TableName // every table that it is a partition or an heir of
	Key     []string    // the columns of its primary key
	Columns []SearchColumn
	ByPages bool     // the server reads a page range without reading the rest
	Unread  []Unread // what of it cannot be read
}

// SearchColumn is a column that can hold a text.
type SearchColumn struct {
	Name  string
	Kind  ColumnKind
	Array bool
	Plain bool // the engine could move it: text or varchar
}

// ColumnKind is how the texts lie in a column.
type ColumnKind int

// The kinds.
const (
	KindText ColumnKind = iota
	KindJSON
	KindBytes
)

// Stretch is a part of a Relation, and the bounds of looking through it.
type Stretch struct {
	Relation Relation
	From, To int64         // pages; To is not included
	Rows     int           // at most; 0 for all
	Largest  int           // bytes of a value that may hold a ciphertext within it
	Timeout  time.Duration // longest run of a statement
}

// Suspect is a value that the server takes for a ciphertext, or for JSON that
// holds one. The bytes are good only until the next one. Of a value that is too
// big only the first SuspectHead characters are there.
type Suspect struct {
	Column int // of the relation's
	Key    []string
	Value  []byte
}

// Looked counts what a Stretch had, by column of the relation.
type Looked struct{ Values, TooLarge []int64 }

// Searcher looks for suspicious values.
type Searcher interface {
	// Relations lists where the rows of the user's own tables lie. Foreign and
	// temporary tables are not among them.
	Relations(ctx context.Context) ([]Relation, error)
	// Pages returns how big a relation is. Its errors are those of Search.
	Pages(ctx context.Context, relation Relation) (int64, error)
	// Search visits the suspicious values of a stretch. The error is an
	// *UnreadError where only this relation cannot be read.
	Search(ctx context.Context, stretch Stretch, visit func(Suspect)) (Looked, error)
	Close(ctx context.Context)
}

// UnreadError says why a relation cannot be read.
type UnreadError struct {
	Unread
	Cause error
}

// Error says where and why.
func (e *UnreadError) Error() string { return e.Where + ": " + e.Message }

// Unwrap returns the cause.
func (e *UnreadError) Unwrap() error { return e.Cause }

// The bounds of a sample: some 128 pages of each heap, evenly spread and always
// with its end, where the newest rows are.
const (
	sampledStretches = 16
	sampledPages     = 8
	sampledRows      = 10_000 // where the server cannot read by pages
	sampledLargest   = 64 << 10
	sampledTimeout   = time.Second
	sampledBudget    = 2 * time.Second // of one relation
)

// The bounds of a full search: statements short enough to hold nothing back.
const (
	fullPages   = 2048
	fullLargest = 16 << 20
	fullTimeout = time.Minute
	// wholeTimeout is for a table that can be read in one go only.
	wholeTimeout = 6 * time.Hour
)

// DiscoverRequest says what to look for.
type DiscoverRequest struct {
	Catalogue []ocmt.Table
	Known     []ocmt.Known
	Full      bool
}

// Discover looks through every column that can hold a text for values that are
// shaped like ciphertexts of OCMT and that the catalogue does not list. Without a
// ring none is opened. It writes nothing.
func Discover(ctx context.Context, store Store, ring *crypto.Keyring, request DiscoverRequest, reporter Reporter) (*Discovery, error) {
	searcher, err := store.Searcher(ctx)
	if err != nil {
		return nil, err
	}
	defer searcher.Close(context.WithoutCancel(ctx))
	reporter.Phase("looking for values that the catalogue does not list")
	relations, err := searcher.Relations(ctx)
	if err != nil {
		return nil, err
	}
	d := &discoverer{searcher: searcher, ring: ring, request: request, reporter: reporter,
		result: &Discovery{Full: request.Full, Unlisted: []Find{}, Known: []Find{}, Unread: []Unread{}},
		found:  map[place]*Find{}, looked: map[place]int64{}, tables: map[TableName]bool{}}
	for _, relation := range relations {
		if err := d.relation(ctx, relation); err != nil {
			return nil, err
		}
	}
	return d.finish(), nil
}

// place is a column of a table, and which exclusion speaks of it.
type place struct {
	schema, table, column string
	known                 int // in the request's list; -1 for none
}

type discoverer struct {
	searcher Searcher
	ring     *crypto.Keyring
	request  DiscoverRequest
	reporter Reporter
	result   *Discovery
	found    map[place]*Find
	looked   map[place]int64
	tables   map[TableName]bool
}

// relation looks through one heap. That it cannot be read is a result: nothing
// found there is not nothing there.
func (d *discoverer) relation(ctx context.Context, relation Relation) error {
	if d.isRecord(relation) {
		return nil
	}
	relation.Columns = slices.DeleteFunc(slices.Clone(relation.Columns), func(c SearchColumn) bool { return d.listed(relation, c) })
	d.unread(relation)
	if len(relation.Columns) == 0 {
		return nil
	}
	d.tables[relation.Owner] = true
	for _, column := range relation.Columns {
		d.looked[placeOf(relation, column, -1)] += 0
	}
	err := d.stretches(ctx, relation)
	var unread *UnreadError
	if errors.As(err, &unread) {
		d.result.Unread = append(d.result.Unread, unread.Unread)
		return nil
	}
	return err
}

// unread notes what cannot be read. A column that the catalogue lists is no
// concern of the search, and a table without any readable column is told once.
func (d *discoverer) unread(relation Relation) {
	for _, unread := range relation.Unread {
		if unread.Column != "" && d.listed(relation, SearchColumn{Name: unread.Column}) {
			continue
		}
		if unread.Column != "" && len(relation.Columns) == 0 {
			unread.Where = relation.Schema + "." + relation.Name
			d.result.Unread = append(d.result.Unread, unread)
			return
		}
		d.result.Unread = append(d.result.Unread, unread)
	}
}

func (d *discoverer) stretches(ctx context.Context, relation Relation) error {
	budget, cancel := context.WithTimeout(ctx, sampledBudget)
	defer cancel()
	pages, err := d.searcher.Pages(ctx, relation)
	if err != nil {
		return err
	}
	tooLarge := int64(0)
	for _, stretch := range stretchesOf(relation, pages, d.request.Full) {
		if !d.request.Full && budget.Err() != nil && ctx.Err() == nil {
			return &UnreadError{Unread: Unread{Code: "too_slow", Where: relation.Schema + "." + relation.Name,
				Message: "only a part of the sample was looked at in the time that it has",
				Fix:     "ocmt migrate columns --discover --full takes the time that it needs"}}
		}
		looked, err := d.searcher.Search(ctx, stretch, func(s Suspect) { d.suspect(relation, s) })
		if err != nil {
			return err
		}
		for i, column := range relation.Columns {
			d.looked[placeOf(relation, column, -1)] += looked.Values[i]
			d.result.LookedAt += looked.Values[i]
			tooLarge += looked.TooLarge[i]
		}
		d.reporter.Progress(d.result.LookedAt, 0)
	}
	d.result.TooLarge += tooLarge
	if d.request.Full && tooLarge > 0 {
		return &UnreadError{Unread: Unread{Code: "too_large", Where: relation.Schema + "." + relation.Name,
			Message: fmt.Sprintf("%d values of more than %d MiB were not looked through", tooLarge, fullLargest>>20),
			Fix:     "look at them by other means, or list the column under known in ocmt.yaml"}}
	}
	return nil
}

// stretchesOf spreads the sample over a heap, or takes all of it in turn. The
// last stretch has no end, so that a table that grows meanwhile is seen whole.
func stretchesOf(relation Relation, pages int64, full bool) []Stretch {
	base := Stretch{Relation: relation, To: EndOfHeap, Largest: sampledLargest, Timeout: sampledTimeout}
	step, count := int64(0), 1
	switch {
	case full:
		base.Largest, base.Timeout = fullLargest, fullTimeout
		step, count = fullPages, int((pages+fullPages-1)/fullPages)
	case pages > sampledStretches*sampledPages:
		step, count = (pages-sampledPages)/(sampledStretches-1), sampledStretches
	}
	if !relation.ByPages {
		count = 1
		base.Rows = sampledRows
		if full {
			base.Rows, base.Timeout = 0, wholeTimeout
		}
	}
	list := make([]Stretch, max(1, count))
	for i := range list {
		list[i] = base
		list[i].From = int64(i) * step
		if i == len(list)-1 {
			break
		}
		list[i].To = list[i].From + sampledPages
		if full {
			list[i].To = list[i].From + step
		}
	}
	return list
}

// EndOfHeap is behind the last page that a heap can have.
const EndOfHeap = 1<<32 - 1

func placeOf(relation Relation, column SearchColumn, known int) place {
	return place{relation.Owner.Schema, relation.Owner.Name, column.Name, known}
}

// names reports whether a name of the catalogue means this relation, or a table
// that it is a part of.
func (r Relation) names(schema, name string) bool {
	for _, table := range append([]TableName{r.TableName}, r.Parents...) {
		if table.Name == name && (table.Schema == schema || schema == "" && table.Visible) {
			return true
		}
	}
	return false
}

func (d *discoverer) isRecord(relation Relation) bool {
	return slices.ContainsFunc(ocmt.RecordTables(), func(name string) bool { return relation.names("", name) })
}

func (d *discoverer) listed(relation Relation, column SearchColumn) bool {
	for _, table := range d.request.Catalogue {
		if !relation.names(table.Schema, table.Name) && (table.OldName == "" || !relation.names(table.Schema, table.OldName)) {
			continue
		}
		if slices.ContainsFunc(table.Columns, func(c ocmt.Column) bool { return c.Name == column.Name }) {
			return true
		}
	}
	return false
}

// known returns which exclusion speaks of a sighting, or -1.
func (d *discoverer) known(relation Relation, column SearchColumn, s sighting) int {
	return slices.IndexFunc(d.request.Known, func(k ocmt.Known) bool {
		return k.Column == column.Name && relation.names(k.Schema, k.Table) && (k.Member == "" || k.Member == s.member)
	})
}

// suspect counts what a suspicious value holds, once for each exclusion that
// speaks of a part of it.
func (d *discoverer) suspect(relation Relation, suspect Suspect) {
	column := relation.Columns[suspect.Column]
	counted := map[place]bool{}
	for _, seen := range sightings(suspect.Value) {
		at := placeOf(relation, column, d.known(relation, column, seen))
		find := d.found[at]
		if find == nil {
			find = &Find{Schema: at.schema, Table: at.table, Column: at.column, Versions: map[int]int64{}, OpenedBy: []int{}, Movable: true}
			d.found[at] = find
		}
		if !counted[at] {
			counted[at] = true
			find.Values++
			find.row(relation, column, suspect)
		}
		find.Movable = find.Movable && column.Plain && !seen.nested && len(relation.Key) == 1
		find.Versions[seen.Version]++
		if version, opened := openedBy(d.ring, seen); opened {
			find.Opened++
			if !slices.Contains(find.OpenedBy, version) {
				find.OpenedBy = append(find.OpenedBy, version)
			}
		}
	}
}

// row keeps the key of the first row, unless the key itself is or holds the
// value: a value is never told.
func (f *Find) row(relation Relation, column SearchColumn, suspect Suspect) {
	if len(relation.Key) == 1 {
		f.keyColumn = relation.Key[0]
	}
	if f.Key != "" || slices.Contains(relation.Key, column.Name) {
		return
	}
	for _, part := range suspect.Key {
		if len(sightings([]byte(part))) > 0 {
			return
		}
	}
	f.Key = strings.Join(suspect.Key, ", ")
}

// finish puts the finds in order.
func (d *discoverer) finish() *Discovery {
	d.result.Tables, d.result.Columns = len(d.tables), len(d.looked)
	for _, at := range slices.SortedFunc(maps.Keys(d.found), func(a, b place) int {
		return strings.Compare(a.schema+"."+a.table+"."+a.column, b.schema+"."+b.table+"."+b.column)
	}) {
		find := *d.found[at]
		slices.Sort(find.OpenedBy)
		find.LookedAt = d.looked[place{at.schema, at.table, at.column, -1}]
		if at.known < 0 {
			d.result.Unlisted = append(d.result.Unlisted, find)
			continue
		}
		find.Movable, find.Reason = false, d.request.Known[at.known].Reason
		d.result.Known = append(d.result.Known, find)
	}
	return d.result
}

// unlisted are the obstacles that the finds make for a run with these keys.
func (d *Discovery) unlisted(ring *crypto.Keyring) []Obstacle {
	var list []Obstacle
	for _, find := range d.Unlisted {
		if find.Ours(ring) {
			list = append(list, find.obstacle())
		}
	}
	return list
}

func (f Find) obstacle() Obstacle {
	o := Obstacle{Code: "unlisted_column", Where: f.String(), Fix: f.Fix(),
		Message: fmt.Sprintf("%d of %d values looked at are shaped like ciphertexts, and the catalogue does not list the column", f.Values, f.LookedAt)}
	if f.Opened > 0 {
		o.Message += fmt.Sprintf("; %d open with the keys that are set: they would be lost with the old key", f.Opened)
	}
	return o
}

// Fix says how to have the values moved, or left.
func (f Find) Fix() string {
	leave := fmt.Sprintf("if another key opens them, list it in ocmt.yaml under known: - {schema: %s, table: %s, column: %s, reason: …}", f.Schema, f.Table, f.Column)
	if !f.Movable {
		return "ocmt moves a text or varchar that is the ciphertext itself, in a table with a primary key of one column; bring these under the new key with the program that writes them; " + leave
	}
	return fmt.Sprintf("to move them, list it in ocmt.yaml under columns: - {schema: %s, table: %s, key: %s, column: %s}; ", f.Schema, f.Table, f.keyColumn, f.Column) + leave
}
