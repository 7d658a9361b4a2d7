package due_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/due"
	"github.com/ocmt/ocmt/pkg/secret"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func daysAgo(days int) time.Time { return now.AddDate(0, 0, -days) }

// record is a record in memory, as the table has it: newest first.
type record struct {
	entries []chain.Entry
	absent  bool
	err     error
}

func (r *record) add(action, subject string, days int) *record {
	r.entries = append(r.entries, chain.Entry{Sequence: int64(len(r.entries) + 1), At: daysAgo(days), Action: action, Subject: subject, Details: json.RawMessage("{}")})
	return r
}

// report adds what an operator reported, as of a day.
func (r *record) report(subject string, days int) *record {
	details, _ := json.Marshal(map[string]string{"note": "", "happened_at": chain.FormatTime(daysAgo(days))}) // strings encode
	r.entries = append(r.entries, chain.Entry{Sequence: int64(len(r.entries) + 1), At: now, Action: chain.ActionSecretRotated, Subject: subject, Details: details})
	return r
}

func (r *record) Entries(_ context.Context, query chain.Query) (list []chain.Entry, there bool, err error) {
	for i := len(r.entries) - 1; i >= 0; i-- {
		if query.Takes(r.entries[i]) {
			list = append(list, r.entries[i])
		}
	}
	return list, !r.absent, r.err
}

const (
	rotated  = chain.ActionSecretRotated
	incident = chain.ActionIncidentOpened
)

// If this fails, a secret that is overdue or that was taken in an incident passes as fine, or one is changed for nothing.
func TestStates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		record  *record
		kind    string
		state   due.State
		changed int // days ago; -1 for never
		due     int // days ago; -1000 for no time
	}{
		"nothing recorded":             {&record{}, "admin-token", due.Unknown, -1, -1000},
		"no record":                    {&record{absent: true}, "encryption", due.Unknown, -1, -1000},
		"another one":                  {(&record{}).add(rotated, "AGENT_SERVER_TOKEN", 1), "admin-token", due.Unknown, -1, -1000},
		"in its quarter":               {(&record{}).add(rotated, "ADMIN_TOKEN", 99), "admin-token", due.InTime, 99, -1},
		"beyond its quarter":           {(&record{}).add(rotated, "ADMIN_TOKEN", 101), "admin-token", due.Overdue, 101, 1},
		"twice, the later one first":   {(&record{}).add(rotated, "ADMIN_TOKEN", 5).add(rotated, "ADMIN_TOKEN", 120), "admin-token", due.InTime, 5, -95},
		"reported wrongly, then right": {(&record{}).report("ADMIN_TOKEN", 5).report("ADMIN_TOKEN", 120), "admin-token", due.Overdue, 120, 20},
		"corrected by another setting": {(&record{}).report("MANAGEMENT_API_TOKEN", 5).report("INTERNAL_ADMIN_TOKEN", 9), "internal-admin-token", due.InTime, 9, -1000},
		"made, and reported as older":  {(&record{}).add(rotated, "ADMIN_TOKEN", 5).report("ADMIN_TOKEN", 120), "admin-token", due.InTime, 5, -95},
		"made before the report":       {(&record{}).add(rotated, "ADMIN_TOKEN", 200).report("ADMIN_TOKEN", 5).report("ADMIN_TOKEN", 120), "admin-token", due.Overdue, 120, 20},
		"by its other setting":         {(&record{}).add(rotated, "MANAGEMENT_API_TOKEN", 5), "internal-admin-token", due.InTime, 5, -1000},
		"by a setting of two":          {(&record{}).add(rotated, "AUTH_TOKEN", 5), "agent-token", due.Unknown, -1, -1000},
		"without a setting":            {(&record{}).add(rotated, "gateway-tokens", 5), "gateway-tokens", due.InTime, 5, -1000},
		"never due by time":            {(&record{}).add(rotated, "CSRF_SECRET", 900), "csrf-secret", due.InTime, 900, -1000},
		"before the incident":          {(&record{}).add(rotated, "ADMIN_TOKEN", 9).add(incident, "", 8), "admin-token", due.AfterIncident, 9, 8},
		"at the incident":              {(&record{}).add(rotated, "ADMIN_TOKEN", 8).add(incident, "", 8), "admin-token", due.AfterIncident, 8, 8},
		"after the incident":           {(&record{}).add(incident, "", 8).add(rotated, "ADMIN_TOKEN", 7), "admin-token", due.InTime, 7, -93},
		"unknown, after an incident":   {(&record{}).add(incident, "", 8), "gateway-tokens", due.AfterIncident, -1, 8},
		"two incidents":                {(&record{}).add(incident, "", 3).add(incident, "", 30).add(rotated, "ADMIN_TOKEN", 10), "admin-token", due.AfterIncident, 10, 3},
		"overdue, and after incidents": {(&record{}).add(rotated, "ADMIN_TOKEN", 300).add(incident, "", 8), "admin-token", due.AfterIncident, 300, 8},
	} {
		kind, there := secret.Lookup(c.kind)
		if !there {
			t.Fatalf("there is no kind %s", c.kind)
		}
		report, err := due.Look(context.Background(), c.record, []secret.Kind{kind}, now)
		if err != nil || len(report.Kinds) != 1 || report.Recorded == c.record.absent {
			t.Errorf("%s: %+v, %v", name, report.Recorded, err)
			continue
		}
		got := report.Kinds[0]
		if got.State != c.state || got.Changed.IsZero() != (c.changed < 0) || c.changed >= 0 && !got.Changed.Equal(daysAgo(c.changed)) ||
			got.Due.IsZero() != (c.due == -1000) || c.due != -1000 && !got.Due.Equal(daysAgo(c.due)) || got.State.IsDue() != (c.state == due.Overdue || c.state == due.AfterIncident) {
			t.Errorf("%s: %s, changed %s, due %s", name, got.State, got.Changed, got.Due)
		}
	}
}

// If this fails, a key that is older than an incident passes as changed after it, because its run came after it.
func TestKeyOfValues(t *testing.T) {
	t.Parallel()
	v0, v1, v2 := chain.VersionSubject(0), chain.VersionSubject(1), chain.VersionSubject(2)
	begun, retired, placed, back := chain.ActionRunBegun, chain.ActionKeyRetired, chain.ActionKeyInPlace, chain.ActionRollbackBegun
	for name, c := range map[string]struct {
		record  *record
		changed int // days ago; -1 for never
	}{
		"a run that is not proven":          {(&record{}).add(placed, v1, 9).add(begun, v1, 8), -1},
		"in place, run and proven":          {(&record{}).add(placed, v1, 9).add(begun, v1, 8).add(begun, v1, 7).add(retired, v0, 6), 9},
		"put in place by hand":              {(&record{}).add(begun, v1, 8).add(retired, v0, 6), 8},
		"the next one begun":                {(&record{}).add(begun, v1, 80).add(retired, v0, 79).add(placed, v2, 5), 80},
		"the next one proven":               {(&record{}).add(begun, v1, 80).add(retired, v0, 79).add(placed, v2, 5).add(begun, v2, 4).add(retired, v1, 3), 5},
		"proven once more":                  {(&record{}).add(begun, v1, 80).add(retired, v0, 79).add(begun, v1, 2).add(retired, v0, 1), 80},
		"rolled back to the first":          {(&record{}).add(begun, v1, 8).add(retired, v0, 7).add(back, v0, 6).add(retired, v1, 5), -1},
		"rolled back to the second":         {(&record{}).add(begun, v1, 80).add(retired, v0, 79).add(begun, v2, 8).add(retired, v1, 7).add(back, v1, 6), 80},
		"recorded by hand":                  {(&record{}).add(rotated, secret.NameEncryptionKey, 4), 4},
		"recorded by hand, and proven then": {(&record{}).add(rotated, secret.NameEncryptionKey, 4).add(begun, v1, 3).add(retired, v0, 2), 3},
		"retired without a run":             {(&record{}).add(retired, v0, 2), -1},
	} {
		kind, _ := secret.Lookup("encryption")
		report, err := due.Look(context.Background(), c.record, []secret.Kind{kind}, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Kinds[0].Changed; got.IsZero() != (c.changed < 0) || c.changed >= 0 && !got.Equal(daysAgo(c.changed)) {
			t.Errorf("%s: changed %s", name, got)
		}
	}
}

// If this fails, a record that cannot be read passes as one in which nothing is due.
func TestRecordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	fault := errors.New("no")
	if _, err := due.Look(context.Background(), &record{err: fault}, secret.Kinds(), now); !errors.Is(err, fault) {
		t.Errorf("it came to %v", err)
	}
}

// If this fails, one entry counts for two secrets, or a kind can be recorded by nothing.
func TestSubjects(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, kind := range secret.Kinds() {
		subjects := due.Subjects(kind)
		if len(subjects) == 0 || subjects[0] == "" {
			t.Errorf("%s has no subject", kind.Name)
		}
		for _, subject := range subjects {
			if seen[subject] != "" {
				t.Errorf("%s is a subject of %s and %s", subject, seen[subject], kind.Name)
			}
			seen[subject] = kind.Name
		}
	}
}
