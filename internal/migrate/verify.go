package migrate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Verification is what opening every value came to.
type Verification struct {
	Opened    int64         `json:"opened"`    // values that open under the target key alone
	Plaintext int64         `json:"plaintext"` // plaintext values, where OCMT itself writes such
	Versions  map[int]int64 `json:"under_other_versions"`
	SetAside  int64         `json:"not_opened"` // values that do not open, or do not parse
	List      []SetAside    `json:"not_opened_list"`
	// Mislabelled is how many of them open with another key than their label says.
	Mislabelled int64 `json:"mislabelled"`
	// Refused counts, by the version of their label, those that the key of that version does not open.
	Refused map[int]int64 `json:"-"`
	// SealedTwice is how many of them open, and contain a ciphertext that needs another key.
	SealedTwice int64 `json:"sealed_twice"`
	// Accepted are values that no key opens and that are accepted as lost.
	Accepted []Accepted `json:"accepted"`
	// Elsewhere says where the values under other versions are.
	Elsewhere []Elsewhere `json:"under_other_versions_list"`
	Absent    []string    `json:"absent"`
	// Obstacles say why the values could not be looked at.
	Obstacles []finding.Finding `json:"-"`
	// Doubts are about what could hide values: tables that should hold some and have
	// none, and transactions that have not ended.
	Doubts []finding.Finding `json:"-"`
	// Narrowed says that only some tables or columns were looked at, which is no proof.
	Narrowed bool `json:"narrowed"`

	// Read has the columns that were read of each heap, by its OID.
	Read map[string][]string `json:"-"`
	// Oldest is the oldest transaction that was running when the first snapshot was taken, as a
	// number of 32 bits. What it or a later one wrote may have moved meanwhile.
	Oldest *uint32 `json:"-"`
	// KeyVersions are the versions that a key was set of.
	KeyVersions []int `json:"-"`
}

// Elsewhere counts the values of one column under a version that is not the target.
type Elsewhere struct {
	Place
	Version int    `json:"version"`
	Values  int64  `json:"values"`
	Key     string `json:"key"` // of one such row
}

// Proven reports whether every value of the database opens under the target key alone.
func (v *Verification) Proven() bool { return v.Clean() && !v.Narrowed }

// Clean reports whether every value that was looked at opens under the target key alone,
// and nothing could hide others.
func (v *Verification) Clean() bool {
	return v.SetAside == 0 && len(v.Versions) == 0 && len(v.Obstacles) == 0 && len(v.Doubts) == 0
}

// values returns how many values were looked at and parse.
func (v *Verification) values() (values int64) {
	for _, count := range v.Versions {
		values += count
	}
	return values + v.Opened + v.Plaintext
}

// VerifySources is what a verification reads from.
type VerifySources struct {
	Tables Describer
	Conns  Connector
	Record ValueRecord
	Guard  SnapshotGuard
	Clock  Clock
	Pacing *Pacing // holds back the reading; nil for full speed
}

// Verify opens every value of the catalogue's columns with the key of request.To
// alone, and says what does not open. It writes nothing and keeps no plaintext.
// request.From is not used. All tables are read in one snapshot, so that a value that
// moves from one table to another is not missed in both; see snapshotReader for what
// could still hide a value from it.
func Verify(ctx context.Context, sources VerifySources, ring *crypto.Keyring, request Request, reporter Reporter) (*Verification, error) {
	alone, err := ring.Only(request.To)
	if err != nil {
		return nil, err
	}
	found, err := request.describe(ctx, sources.Tables)
	if err != nil {
		return nil, err
	}
	obstacles, err := findReadObstacles(ctx, sources.Tables, request, found)
	if err != nil || len(obstacles) > 0 {
		return &Verification{Versions: map[int]int64{}, Absent: found.Absent, Obstacles: obstacles}, err
	}
	// The record is read before the snapshot is taken: while the snapshot is open, a
	// lock request on one of its tables waits for it, and a read behind that request
	// would wait too.
	recorded, err := sources.Record.RecordedValues(ctx)
	if err != nil {
		return nil, err
	}
	accepted, err := sources.Record.AcceptedValues(ctx)
	if err != nil {
		return nil, err
	}
	reader := &snapshotReader{sources: sources, ring: alone, whole: ring, accepted: newAcceptedValues(accepted), request: request, tables: found.Tables, reporter: reporter}
	result, values, err := reader.read(ctx)
	if err != nil {
		return nil, err
	}
	result.Absent, result.Narrowed, result.KeyVersions = found.Absent, request.isNarrowed(), ring.Versions()
	if len(result.Obstacles) == 0 && !request.AllowEmpty {
		result.Doubts = append(result.Doubts, findEmptied(request, found.Tables, values, recorded)...)
		result.Doubts = append(result.Doubts, findMissing(request, found.Tables, recorded)...)
	}
	return result, nil
}

// findReadObstacles returns the findings that hide values from a reader, and one where
// there is no table at all: finding nothing then proves nothing. A standby proves
// nothing either, because it may be behind what the servers have written.
func findReadObstacles(ctx context.Context, tables Describer, request Request, found *Description) ([]finding.Finding, error) {
	all, err := tables.CheckAccess(ctx, found.Tables)
	if err != nil {
		return nil, err
	}
	kept := request.WithoutKnown(found.Findings)
	for _, one := range all {
		if isUnreadable([]finding.Finding{one}) || one.Code == finding.Standby || one.Code == finding.CitusWorker {
			kept = append(kept, one)
		}
	}
	if len(found.Tables) == 0 {
		kept = append(kept, finding.Finding{Code: finding.NoTables, Severity: finding.Error, Where: "database",
			Message: "none of the tables that hold encrypted values is here", Fix: "check that DATABASE_URL names the OCMT database"})
	}
	return kept, nil
}

// verifier opens values and counts what became of them.
type verifier struct {
	ring     *crypto.Keyring // the target key alone
	whole    *crypto.Keyring // every key, to say what opens a value that the target key does not
	accepted acceptedValues
	target   int
	result   *Verification
	reporter Reporter
	setAside setAsideList
	rows     atomic.Int64
	perTable map[string]int64 // values of each table, by schema.table

	mu        sync.Mutex // guards result and elsewhere
	elsewhere elsewhereCounts
}

// openTables opens the values of a scope of the tables.
func (v *verifier) openTables(ctx context.Context, reader Reader, tables []Table, scope Scope, workers int) error {
	for _, table := range tables {
		v.reporter.Table(table.String())
		before := v.result.values() + v.setAside.seen()
		scope := scope
		if table.Spread != nil {
			scope.WrittenSince = nil
		}
		if err := v.openTable(ctx, reader, table, scope, workers); err != nil {
			return err
		}
		v.perTable[table.String()] += v.result.values() + v.setAside.seen() - before
	}
	return nil
}

// openTable reads a table on one connection and opens its values with several workers.
func (v *verifier) openTable(ctx context.Context, reader Reader, table Table, scope Scope, workers int) error {
	queue := newRowQueue(workers)
	group, ctx := crash.WithContext(ctx)
	group.Go(func() error { return queue.fill(ctx, reader, table, scope) })
	for range workers {
		group.Go(func() error {
			opener, others := crypto.NewResealer(v.ring, nil), crypto.NewResealer(v.whole, nil)
			queue.drain(func(rows []Row) {
				counts := openCounts{elsewhere: elsewhereCounts{}, refused: map[int]int64{}}
				for i := range rows {
					v.openRow(opener, others, &table, &rows[i], &counts)
				}
				v.add(counts)
				v.reporter.Progress(v.rows.Add(int64(len(rows))), 0)
			})
			return nil
		})
	}
	return group.Wait()
}

// openRow opens the values of a row.
func (v *verifier) openRow(opener, others *crypto.Resealer, table *Table, row *Row, counts *openCounts) {
	for i, size := range row.TooLarge {
		if size >= 0 {
			v.setAside.add(SetAside{Place: table.Place(table.Columns[i]), Key: table.ShownKey(row.Key), Reason: reasonTooLarge, Detail: tooLarge(*table, *row).Error()})
		}
	}
	for i, text := range row.Values {
		if len(text) > 0 {
			v.openValue(opener, others, table, &table.Columns[i], row, text, counts)
		}
	}
	if row.IsLarge() { // their memory is too much to be kept
		opener.Wipe()
		others.Wipe()
	}
}

// openValue opens a value, and counts what became of it.
func (v *verifier) openValue(opener, others *crypto.Resealer, table *Table, column *Column, row *Row, text []byte, counts *openCounts) {
	c, err := opener.Parse(text)
	switch {
	case err != nil && isPlaintext(*column, text):
		counts.plaintext++
		return
	case err == nil && c.Version != v.target:
		err = v.openElsewhere(others, c)
	case err == nil:
		if err = v.openTarget(opener, others, c); err == nil {
			counts.opened++
			return
		}
	}
	reason := ""
	if err != nil {
		reason = reasonOf(err)
	}
	// An acceptance holds as long as no key opens the value: one that is set now may.
	if one, accepted := v.findAccepted(opener, table, column, row, text); accepted && err != nil && reason != reasonMislabelled {
		v.setAside.addAccepted(one)
		return
	}
	if err == nil || errors.Is(err, crypto.ErrUnknownVersion) {
		counts.addElsewhere(*table, *column, *row, c.Version)
		return
	}
	counts.addUnopened(reason, c.Version)
	v.setAside.add(SetAside{Place: table.Place(*column), Key: table.ShownKey(row.Key), Reason: reason, Detail: err.Error()})
}

// findAccepted returns the acceptance of a value. There is none of one that does not parse where a key opens a
// ciphertext in it: it is quoted, or behind a word.
func (v *verifier) findAccepted(opener *crypto.Resealer, table *Table, column *Column, row *Row, text []byte) (Accepted, bool) {
	one, accepted := v.accepted.find(*table, *column, *row, text)
	if !accepted {
		return one, false
	}
	if _, err := opener.Parse(text); err == nil {
		return one, true
	}
	_, opens := discover.OpenInside(v.whole, text)
	return one, !opens
}

// openTarget opens a value under the target version with its key alone, and looks inside.
func (v *verifier) openTarget(opener, others *crypto.Resealer, c crypto.Ciphertext) error {
	plaintext, err := opener.Open(c)
	if err != nil {
		return explainUnopened(v.whole, others, c, err)
	}
	return findInside(v.whole, plaintext, v.target)
}

// openElsewhere opens a value under another version with the key of that, where one is set: what it
// says of its version may not be true. The error is that of crypto.ErrUnknownVersion where there is
// no such key and no other one opens it.
func (v *verifier) openElsewhere(others *crypto.Resealer, c crypto.Ciphertext) error {
	plaintext, err := others.Open(c)
	if err != nil {
		return explainUnopened(v.whole, others, c, err)
	}
	return findInside(v.whole, plaintext, v.target, c.Version)
}

// add adds what one worker has counted.
func (v *verifier) add(counts openCounts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Opened += counts.opened
	v.result.Plaintext += counts.plaintext
	v.result.Mislabelled += counts.mislabelled
	v.result.SealedTwice += counts.sealedTwice
	for version, values := range counts.refused {
		v.result.Refused[version] += values
	}
	for _, found := range counts.elsewhere {
		v.result.Versions[found.Version] += found.Values
		v.elsewhere.add(*found)
	}
}
