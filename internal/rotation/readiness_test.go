package rotation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
)

var begunAt = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

// values is a database of encrypted values for an Observer. Its clock moves on by 15 seconds from look to look.
type values struct {
	moment rotation.Moment
	rows   map[string]map[string]rotation.SeenValue // by table and an arbitrary name
	writes map[string]int64
	digest uint64
}

func newValues() *values {
	return &values{moment: rotation.Moment{At: begunAt.Add(time.Hour), Database: migrate.Identity{Name: "ocmt", System: "1"}},
		rows: map[string]map[string]rotation.SeenValue{"secrets": {}, "users": {}, "device_keys": {}}, writes: map[string]int64{}}
}

// put writes a value as a server does: under a version, and never the text that was there.
func (v *values) put(table, name string, version int) {
	v.digest++
	v.rows[table][name] = rotation.SeenValue{Version: version, Digest: v.digest, Since: true}
	v.writes[table]++
}

// touch writes a row and leaves its value.
func (v *values) touch(table, name string) {
	value := v.rows[table][name]
	value.Since = true
	v.rows[table][name] = value
	v.writes[table]++
}

// fill puts values that were there before the rotation was begun.
func (v *values) fill(table string, names ...string) {
	for _, name := range names {
		v.put(table, name, 0)
		value := v.rows[table][name]
		value.Since = false
		v.rows[table][name] = value
	}
}

func (v *values) Moment(context.Context) (rotation.Moment, error) { return v.moment, nil }

func (v *values) Values(_ context.Context, table migrate.Table, _ rotation.ValueScope, visit func(rotation.SeenValue)) error {
	for _, value := range v.rows[table.Name] {
		visit(value)
	}
	return nil
}

func (v *values) Activity(_ context.Context, tables []migrate.Table) (rows []int64, err error) {
	for _, table := range tables {
		rows = append(rows, v.writes[table.Name])
	}
	v.moment.At = v.moment.At.Add(15 * time.Second)
	return rows, nil
}

func readinessTables() (tables []migrate.Table) {
	for _, name := range []string{"secrets", "users", "device_keys"} {
		tables = append(tables, migrate.Table{Schema: "public", Name: name, Key: "id", Columns: []migrate.Column{{Name: "value"}}})
	}
	return tables
}

// begunRequest is what the writes are held to after a rotation from version 0 to 1 was begun.
func begunRequest(v *values) rotation.ReadinessRequest {
	before := rotation.VersionCounts{}
	for _, table := range readinessTables() {
		counts := map[int]int64{}
		for _, value := range v.rows[table.Name] {
			counts[value.Version]++
		}
		before[table.Place(table.Columns[0])] = counts
	}
	return rotation.ReadinessRequest{Version: 1, Begun: begunAt, BeforeAt: begunAt, Database: v.moment.Database, Tables: readinessTables(), Before: before}
}

// lookAt looks, does something between, and looks again.
func lookAt(t *testing.T, v *values, request rotation.ReadinessRequest, between func()) *rotation.Readiness {
	t.Helper()
	observer := rotation.NewObserver(v, request)
	first, err := observer.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first.Ready {
		t.Error("one look alone says that the servers are ready")
	}
	between()
	seen, err := observer.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func codesOf(list []finding.Finding) (codes []finding.Code) {
	for _, one := range list {
		codes = append(codes, one.Code)
	}
	return codes
}

// If this fails, an operator moves the values while a server still writes the old version and cannot read what is moved,
// or waits for ever for a server that has long restarted.
func TestReadiness(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		before  func(*values)                    // after begin, before the first look
		request func(*rotation.ReadinessRequest) // what else is known
		between func(*values)                    // between the two looks
		want    []finding.Code                   // none: ready
		states  map[string]rotation.TableState
	}{
		{name: "the new version was written", before: func(v *values) { v.put("secrets", "a", 1) },
			states: map[string]rotation.TableState{"secrets": rotation.NewVersionSeen, "users": rotation.NoWritesSeen}},
		{name: "nothing was written", want: []finding.Code{finding.NothingWritten}},
		{name: "no server runs", request: func(r *rotation.ReadinessRequest) { r.NoWrites = []string{"all"} }},
		{name: "an old value is new", before: func(v *values) { v.put("secrets", "a", 1) }, between: func(v *values) { v.put("secrets", "b", 0) },
			want: []finding.Code{finding.OldVersionWritten}, states: map[string]rotation.TableState{"secrets": rotation.OldVersionSeen}},
		{name: "an old value was added before the first look", before: func(v *values) { v.put("secrets", "a", 1); v.put("users", "new", 0) },
			want: []finding.Code{finding.OldVersionWritten}, states: map[string]rotation.TableState{"users": rotation.OldVersionSeen}},
		{name: "an old value of a row that was only touched is none", before: func(v *values) { v.put("secrets", "a", 1) },
			between: func(v *values) { v.touch("secrets", "b") }},
		{name: "a table is touched, and shows nothing", before: func(v *values) { v.put("secrets", "a", 1); v.touch("users", "a") },
			want: []finding.Code{finding.NewVersionNotSeen}, states: map[string]rotation.TableState{"users": rotation.NewNotSeen}},
		{name: "the operator says that no secret is written there", before: func(v *values) { v.put("secrets", "a", 1); v.touch("users", "a") },
			request: func(r *rotation.ReadinessRequest) { r.NoWrites = []string{"public.users"} }, states: map[string]rotation.TableState{"users": rotation.NoWritesSaid}},
		{name: "what the operator says does not hide an old write", before: func(v *values) { v.put("secrets", "a", 1) }, between: func(v *values) { v.put("users", "b", 0) },
			request: func(r *rotation.ReadinessRequest) { r.NoWrites = []string{"all"} }, want: []finding.Code{finding.OldVersionWritten}},
		{name: "a table is written to between the looks, and its rows are gone", before: func(v *values) { v.put("secrets", "a", 1) },
			between: func(v *values) { v.writes["device_keys"]++ }, want: []finding.Code{finding.NewVersionNotSeen}},
		{name: "a newer version", before: func(v *values) { v.put("secrets", "a", 1) }, between: func(v *values) { v.put("secrets", "b", 2) }, want: []finding.Code{finding.NewerVersion}},
		{name: "a token in the clear", before: func(v *values) { v.put("secrets", "a", 1) }, between: func(v *values) { v.put("users", "a", rotation.NoVersion) },
			want: []finding.Code{finding.NewVersionNotSeen}},
		{name: "after a run its own values show nothing", before: func(v *values) { v.put("secrets", "a", 1) }, request: func(r *rotation.ReadinessRequest) { r.Moved = true },
			want: []finding.Code{finding.NothingWritten}},
		{name: "after a run what an earlier look has seen counts", request: func(r *rotation.ReadinessRequest) { r.Moved, r.Shown = true, []string{"public.secrets"} }},
		{name: "after a run what is written between the looks counts", request: func(r *rotation.ReadinessRequest) { r.Moved = true },
			between: func(v *values) { v.put("secrets", "a", 1) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := newValues()
			v.fill("secrets", "a", "b")
			v.fill("users", "a")
			request := begunRequest(v)
			if test.before != nil {
				test.before(v)
			}
			if test.request != nil {
				test.request(&request)
			}
			seen := lookAt(t, v, request, func() {
				if test.between != nil {
					test.between(v)
				}
			})
			if got := codesOf(seen.Reasons); !slices.Equal(got, test.want) || seen.Ready != (len(test.want) == 0) {
				t.Errorf("ready: %t, reasons %v; want %v", seen.Ready, seen.Reasons, test.want)
			}
			for _, table := range seen.Tables {
				if want, asked := test.states[table.Table]; asked && table.State != want {
					t.Errorf("%s: %s, want %s", table, table.State, want)
				}
			}
			if old := slices.Contains(test.want, finding.OldVersionWritten); old && seen.OldAt.IsZero() && test.between != nil {
				t.Error("when the old version was written is not told")
			}
		})
	}
}

// If this fails, one write of a server that has restarted since keeps the operator from going on, or what is told of an old
// write is forgotten between two commands.
func TestReadinessGoesOn(t *testing.T) {
	t.Parallel()
	v := newValues()
	v.fill("secrets", "a", "b", "c")
	request := begunRequest(v)
	v.put("secrets", "a", 1)
	seen := lookAt(t, v, request, func() { v.put("secrets", "new", 0) })
	state := rotation.ReadinessState{}.After(seen, nil)
	if state.IsReady() || state.OldAt != seen.To || !slices.Equal(state.Shown, nil) && len(state.Shown) > 0 {
		t.Errorf("after an old write: %+v", state)
	}
	// The server has restarted. What it wrote before is in the counts of the last look.
	request.Shown, request.BeforeAt = state.Shown, state.LookedAt
	request.Before = rotation.VersionCounts{}
	for _, column := range state.Counts {
		request.Before[column.Place] = column.Labels
	}
	seen = lookAt(t, v, request, func() { v.put("secrets", "b", 1) })
	state = state.After(seen, []string{"users"})
	if !seen.Ready || !state.IsReady() || state.NoWrites[0] != "users" {
		t.Errorf("the server has restarted: %+v, %+v", seen.Reasons, state)
	}
	if state.OldAt = state.ReadyAt.Add(time.Second); state.IsReady() {
		t.Error("an old write after they were ready is passed over")
	}
}

// If this fails, a look at a standby, at another database, or beside a run says something about the servers.
func TestReadinessRefusesToLook(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*values)
		want  func(error) bool
	}{
		"standby": {func(v *values) { v.moment.Standby = true }, func(err error) bool { return errors.Is(err, rotation.ErrReadinessStandby) }},
		"run":     {func(v *values) { v.moment.Running = true }, func(err error) bool { return errors.Is(err, rotation.ErrReadinessRun) }},
		"other database": {func(v *values) { v.moment.Database.System = "2" }, func(err error) bool {
			var refused *rotation.RefusedError
			return errors.As(err, &refused) && refused.Finding.Code == finding.OtherServer
		}},
	} {
		v := newValues()
		request := begunRequest(v)
		test.spoil(v)
		if _, err := rotation.NewObserver(v, request).Look(t.Context()); !test.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := newValues()
	observer := rotation.NewObserver(v, begunRequest(v))
	if _, err := observer.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.moment.Runs++
	if _, err := observer.Look(t.Context()); !errors.Is(err, rotation.ErrReadinessRun) {
		t.Errorf("a run between the looks: %v", err)
	}
}

// readinessRecord keeps nothing.
type readinessRecord struct{ state rotation.ReadinessState }

func (r *readinessRecord) Readiness(context.Context, int) (rotation.ReadinessState, error) {
	return r.state, nil
}

func (r *readinessRecord) RecordReadiness(_ context.Context, _ int, state rotation.ReadinessState, _ bool) error {
	r.state = state
	return nil
}

// If this fails, the servers are held to a version that they cannot have yet, or to counts of another time.
func TestRequestReadiness(t *testing.T) {
	t.Parallel()
	place := migrate.Place{Schema: "public", Table: "secrets", Column: "value"}
	begun := &rotation.Begun{From: 0, Baseline: rotation.Look{At: begunAt, Oldest: 77, Columns: []rotation.LabelCount{{Place: place, Labels: map[int]int64{0: 5}}}}}
	keys := []rotation.RecordedKey{{Version: 0, State: rotation.DecryptOnly}, {Version: 1, State: rotation.Active, Begun: begun}}
	record := &readinessRecord{}
	request, err := rotation.RequestReadiness(t.Context(), record, keys, readinessTables())
	if err != nil || request.Version != 1 || request.Since != 77 || request.Before[place][0] != 5 || request.BeforeAt != begunAt {
		t.Errorf("%+v, %v", request, err)
	}
	record.state = rotation.ReadinessState{LookedAt: begunAt.Add(time.Hour), Counts: []rotation.LabelCount{{Place: place, Labels: map[int]int64{0: 7}}}, Shown: []string{"public.users"}, Moved: true}
	request, err = rotation.RequestReadiness(t.Context(), record, keys, readinessTables())
	if err != nil || request.Before[place][0] != 7 || request.BeforeAt != begunAt.Add(time.Hour) || !request.Moved || request.Shown[0] != "public.users" {
		t.Errorf("after a look: %+v, %v", request, err)
	}
	if _, err = rotation.RequestReadiness(t.Context(), record, keys[:1], nil); !errors.Is(err, rotation.ErrNotBegun) {
		t.Errorf("nothing was begun: %v", err)
	}
	pending := append(slices.Clone(keys), rotation.RecordedKey{Version: 2, State: rotation.Pending})
	var refused *rotation.RefusedError
	if _, err = rotation.RequestReadiness(t.Context(), record, pending, nil); !errors.As(err, &refused) || !strings.Contains(refused.Finding.Fix, "rotate begin") {
		t.Errorf("a key is pending: %v", err)
	}
}

// If this fails, --no-writes with a misspelt table is taken for a word about none.
func TestUnknownTables(t *testing.T) {
	t.Parallel()
	request := rotation.ReadinessRequest{Tables: readinessTables(), NoWrites: []string{"users", "public.secrets", "all", "user", "other.users"}}
	if got := request.UnknownTables(); !slices.Equal(got, []string{"user", "other.users"}) {
		t.Errorf("%v", got)
	}
}
