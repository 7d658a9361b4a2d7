package migrate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Verification is what opening every value came to.
type Verification struct {
	Opened    int64         `json:"opened"`    // open under the target key alone
	Plaintext int64         `json:"plaintext"` // in the clear, as OCMT itself writes them
	Versions  map[int]int64 `json:"under_other_versions"`
	SetAside  int64         `json:"not_opened"` // neither of these
	List      []SetAside    `json:"not_opened_list"`
	// Elsewhere says where the values under other versions stand.
	Elsewhere []Elsewhere `json:"under_other_versions_list"`
	Absent    []string    `json:"absent"`
	Obstacles []Obstacle  `json:"-"` // why the values could not be looked at
	// Doubts are tables that should hold values and have none: nothing is proven
	// of what is not there.
	Doubts []Obstacle `json:"-"`
}

// Elsewhere is the values of one column under a version that is not the target.
type Elsewhere struct {
	Table   string `json:"table"`
	Column  string `json:"column"`
	Version int    `json:"version"`
	Values  int64  `json:"values"`
	Key     string `json:"key"` // of one such row
}

// Proven reports whether every value opens under the target key alone.
func (v *Verification) Proven() bool {
	return v.SetAside == 0 && len(v.Versions) == 0 && len(v.Obstacles) == 0 && len(v.Doubts) == 0
}

// seen is how many values were looked at.
func (v *Verification) seen() (values int64) {
	for _, count := range v.Versions {
		values += count
	}
	return values + v.Opened + v.Plaintext
}

// Verify opens every value of the catalogue's columns with the key of
// request.To alone and tells what does not open. It writes nothing and keeps
// nothing of the plaintext. request.From is not looked at.
func Verify(ctx context.Context, store Store, ring *crypto.Keyring, request Request, reporter Reporter) (*Verification, error) {
	alone, err := ring.Only(request.To)
	if err != nil {
		return nil, err
	}
	selected, err := request.selected()
	if err != nil {
		return nil, err
	}
	found, err := store.Describe(ctx, selected)
	if err != nil {
		return nil, err
	}
	result := &Verification{Versions: map[int]int64{}, Absent: found.Absent}
	if result.Obstacles, err = readObstacles(ctx, store, request, found); err != nil || len(result.Obstacles) > 0 {
		return result, err
	}
	// The record is read before: while the snapshot is open, whoever waits for one of
	// the tables would be waited for.
	recorded, err := store.Recorded(ctx)
	if err != nil {
		return nil, err
	}
	// One snapshot for all tables: a value that moves from one to another while
	// they are read must not be missed in both.
	session, err := store.OpenSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close(context.WithoutCancel(ctx))
	reporter.Phase("opening every value")
	v := &verifier{ring: alone, target: request.To, result: result, reporter: reporter, elsewhere: elsewhere{}}
	values := map[string]int64{}
	for _, table := range found.Tables {
		before := result.seen() + v.aside.number()
		if err := v.table(ctx, session, table, request.Workers); err != nil {
			return nil, err
		}
		values[table.Name] += result.seen() + v.aside.number() - before
	}
	result.SetAside, result.List, result.Elsewhere = v.aside.count, v.aside.list, v.elsewhere.list()
	if !request.AllowEmpty {
		result.Doubts = emptied(request, found.Tables, values, recorded)
	}
	return result, nil
}

// readObstacles keeps those obstacles that hide values from a reader, and adds
// one where there is no table at all: nothing found is not proof. What a standby
// shows is none either: it may be older than what the servers have written.
func readObstacles(ctx context.Context, store Store, request Request, found *Description) ([]Obstacle, error) {
	all, err := store.Obstacles(ctx, found.Tables)
	if err != nil {
		return nil, err
	}
	kept := request.unknown(found.Obstacles)
	for _, obstacle := range all {
		if unreadable([]Obstacle{obstacle}) || obstacle.Code == CodeStandby {
			kept = append(kept, obstacle)
		}
	}
	if len(found.Tables) == 0 {
		kept = append(kept, Obstacle{Code: "no_tables", Where: "database",
			Message: "none of the tables that hold encrypted values is here", Fix: "check that DATABASE_URL names the OCMT database"})
	}
	return kept, nil
}

type verifier struct {
	ring     *crypto.Keyring
	target   int
	result   *Verification
	reporter Reporter
	aside    setAsideList
	rows     atomic.Int64

	mu        sync.Mutex // guards result and elsewhere
	elsewhere elsewhere
}

// elsewhere collects values under other versions by column and version. It is as
// large as the catalogue, not as the tables.
type elsewhere map[elsewhereKey]*Elsewhere

type elsewhereKey struct {
	table, column string
	version       int
}

func (e elsewhere) add(found Elsewhere) {
	key := elsewhereKey{found.Table, found.Column, found.Version}
	if known := e[key]; known != nil {
		known.Values += found.Values
		return
	}
	e[key] = &found
}

// list returns them in order.
func (e elsewhere) list() []Elsewhere {
	list := make([]Elsewhere, 0, len(e))
	for _, found := range e {
		list = append(list, *found)
	}
	slices.SortFunc(list, func(a, b Elsewhere) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column), cmp.Compare(a.Version, b.Version))
	})
	return list
}

func (v *verifier) table(ctx context.Context, reader Reader, table Table, workers int) error {
	passed := newHands(workers)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return passed.read(ctx, reader, table) })
	for range workers {
		group.Go(func() error {
			opener := crypto.NewResealer(v.ring, nil)
			passed.each(func(rows []Row) {
				counted := counts{elsewhere: elsewhere{}}
				for _, row := range rows {
					v.row(opener, table, row, &counted)
				}
				v.add(counted)
				v.reporter.Progress(v.rows.Add(int64(len(rows))), 0)
			})
			return nil
		})
	}
	return group.Wait()
}

// counts is what one worker counted in some rows.
type counts struct {
	opened, plaintext int64
	elsewhere         elsewhere
}

func (v *verifier) row(opener *crypto.Resealer, table Table, row Row, counted *counts) {
	for i, text := range row.Values {
		if text == nil {
			continue
		}
		column := table.Columns[i]
		c, err := opener.Parse(text)
		if err != nil && column.PlaintextAllowed && crypto.Reason(err) == crypto.Reason(crypto.ErrNotCiphertext) {
			counted.plaintext++
			continue
		}
		if err == nil && c.Version != v.target {
			counted.other(table, column, row, c.Version)
			continue
		}
		if err == nil {
			_, err = opener.Open(c)
		}
		if err == nil {
			counted.opened++
			continue
		}
		v.aside.add(SetAside{Table: table.Name, Column: column.Name, Key: table.KeyText(row.Key), Reason: crypto.Reason(err), Detail: err.Error()})
	}
}

// other counts a value under another version, and keeps the key of the first one.
func (c *counts) other(table Table, column Column, row Row, version int) {
	if known := c.elsewhere[elsewhereKey{table.Name, column.Name, version}]; known != nil {
		known.Values++
		return
	}
	c.elsewhere.add(Elsewhere{Table: table.Name, Column: column.Name, Version: version, Values: 1, Key: table.KeyText(row.Key)})
}

// add adds what one worker counted.
func (v *verifier) add(counted counts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Opened += counted.opened
	v.result.Plaintext += counted.plaintext
	for _, found := range counted.elsewhere {
		v.result.Versions[found.Version] += found.Values
		v.elsewhere.add(*found)
	}
}
