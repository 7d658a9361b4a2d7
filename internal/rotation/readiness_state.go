package rotation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// ReadinessState is what the record keeps of the looks at what the servers write under a version.
type ReadinessState struct {
	ReadyAt  time.Time `json:"ready_at"`     // when they were last seen to be ready; the zero time where they never were
	OldAt    time.Time `json:"old_write_at"` // when a write of an older version was last seen; likewise
	LookedAt time.Time `json:"looked_at"`    // the last look; the zero time where there was none
	Shown    []string  `json:"tables_shown"` // tables that have shown the new version, as schema.table
	NoWrites []string  `json:"no_writes"`    // what the operator said when they were ready
	// Counts are those of the last look.
	Counts []LabelCount `json:"counts"`
	// Moved says that a run has moved values to the version since it was made. The record of runs has it.
	Moved bool `json:"-"`
}

// IsReady reports whether the servers were seen to be ready, and no older write was seen since.
func (s ReadinessState) IsReady() bool { return !s.ReadyAt.IsZero() && !s.OldAt.After(s.ReadyAt) }

// ReadinessRecord keeps what looking at the writes of the servers came to.
type ReadinessRecord interface {
	// Readiness returns what is kept for the version that the servers are to write.
	Readiness(ctx context.Context, version int) (ReadinessState, error)
	// RecordReadiness keeps it. Where the servers are ready now, the tool's own record gets an entry. The error is
	// ErrNotExpected where the version is not the active one any more.
	RecordReadiness(ctx context.Context, version int, state ReadinessState, ready bool) error
}

// ErrNotBegun says that ocmt rotate begin has made no key that is in use, and the record has no older one either.
var ErrNotBegun = errors.New("no rotation was begun with ocmt rotate begin")

// RequestReadiness returns what the writes of the servers are held to, by the record: the version that is active, the
// counts of the last look or those from when it was made, and the tables that have shown it. Of a key that was made by
// hand nothing was counted: only what is written between the looks tells. The error is ErrNotBegun,
// or a *RefusedError where a made key is not in place.
func RequestReadiness(ctx context.Context, record ReadinessRecord, keys []RecordedKey, tables []migrate.Table) (ReadinessRequest, error) {
	active := NewestIn(keys, Active)
	if pending := NewestIn(keys, Pending); pending != nil {
		return ReadinessRequest{}, &RefusedError{Finding: finding.Finding{Code: finding.NotReady, Severity: finding.Error, Where: versionName(pending.Version),
			Message: fmt.Sprintf("key version %d was made, and is not known to be in place", pending.Version),
			Fix:     "run ocmt rotate begin again, which goes on; then restart the servers"}}
	}
	if active == nil || active.Begun == nil && olderThan(keys, active.Version) == nil {
		return ReadinessRequest{}, ErrNotBegun
	}
	state, err := record.Readiness(ctx, active.Version)
	if err != nil {
		return ReadinessRequest{}, err
	}
	request := ReadinessRequest{Version: active.Version, Tables: tables, Shown: state.Shown, Moved: state.Moved}
	if begun := active.Begun; begun != nil {
		baseline := begun.Baseline
		request.From, request.Begun, request.Since, request.Database = begun.From, baseline.At, baseline.Oldest, baseline.Database
		request.Before, request.BeforeAt = countsOf(baseline.Columns), baseline.At
	} else {
		request.From, request.Moved = olderThan(keys, active.Version).Version, true
	}
	if !state.LookedAt.IsZero() {
		request.Before, request.BeforeAt = countsOf(state.Counts), state.LookedAt
	}
	return request, nil
}

// olderThan returns the newest version of the record below another one, or nil.
func olderThan(keys []RecordedKey, version int) (older *RecordedKey) {
	for _, key := range keys {
		if key.Version < version {
			older = &key
		}
	}
	return older
}

// After returns what the record is to keep after a look.
func (s ReadinessState) After(seen *Readiness, noWrites []string) ReadinessState {
	s.LookedAt, s.Counts = seen.To, seen.Counts.list()
	s.Shown = append(slices.Clone(s.Shown), seen.Shown()...)
	slices.Sort(s.Shown)
	s.Shown = slices.Compact(s.Shown)
	if seen.OldAt.After(s.OldAt) {
		s.OldAt = seen.OldAt
	}
	if seen.Ready {
		s.ReadyAt, s.NoWrites = seen.To, noWrites
	}
	return s
}

// countsOf returns the counts of columns by their places.
func countsOf(list []LabelCount) VersionCounts {
	counts := VersionCounts{}
	for _, column := range list {
		counts[column.Place] = column.Labels
	}
	return counts
}

// list returns the counts in the order of their columns.
func (c VersionCounts) list() []LabelCount {
	list := make([]LabelCount, 0, len(c))
	for place, counts := range c {
		column := LabelCount{Place: place, Labels: maps.Clone(counts), Other: counts[NoVersion]}
		delete(column.Labels, NoVersion)
		list = append(list, column)
	}
	slices.SortFunc(list, func(a, b LabelCount) int { return strings.Compare(a.String(), b.String()) })
	return list
}
