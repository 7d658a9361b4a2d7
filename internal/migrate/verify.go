package migrate

import (
	"context"
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
	Absent    []string      `json:"absent"`
	Obstacles []Obstacle    `json:"-"` // why the values could not be looked at
}

// Proven reports whether every value opens under the target key alone.
func (v *Verification) Proven() bool {
	return v.SetAside == 0 && len(v.Versions) == 0 && len(v.Obstacles) == 0
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
	// One snapshot for all tables: a value that moves from one to another while
	// they are read must not be missed in both.
	session, err := store.OpenSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close(context.WithoutCancel(ctx))
	reporter.Phase("opening every value")
	v := &verifier{ring: alone, target: request.To, result: result, reporter: reporter}
	for _, table := range found.Tables {
		if err := v.table(ctx, session, table, request.Workers); err != nil {
			return nil, err
		}
	}
	result.SetAside, result.List = v.aside.count, v.aside.list
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
	mu       sync.Mutex
	rows     atomic.Int64
}

func (v *verifier) table(ctx context.Context, reader Reader, table Table, workers int) error {
	passed := newHands(workers)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return passed.read(ctx, reader, table) })
	for range workers {
		group.Go(func() error {
			opener := crypto.NewResealer(v.ring, nil)
			passed.each(func(rows []Row) {
				counted := Verification{Versions: map[int]int64{}}
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

func (v *verifier) row(opener *crypto.Resealer, table Table, row Row, counted *Verification) {
	for i, text := range row.Values {
		if text == nil {
			continue
		}
		column := table.Columns[i]
		c, err := opener.Parse(text)
		if err != nil && column.PlaintextAllowed && crypto.Reason(err) == crypto.Reason(crypto.ErrNotCiphertext) {
			counted.Plaintext++
			continue
		}
		if err == nil && c.Version != v.target {
			counted.Versions[c.Version]++
			continue
		}
		if err == nil {
			_, err = opener.Open(c)
		}
		if err == nil {
			counted.Opened++
			continue
		}
		v.aside.add(SetAside{Table: table.Name, Column: column.Name, Key: table.KeyText(row.Key), Reason: crypto.Reason(err), Detail: err.Error()})
	}
}

// add adds what one worker counted.
func (v *verifier) add(counted Verification) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Opened += counted.Opened
	v.result.Plaintext += counted.Plaintext
	for version, values := range counted.Versions {
		v.result.Versions[version] += values
	}
}
