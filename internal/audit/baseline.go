package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Accepted is an entry of a baseline: a fault that somebody answers for.
type Accepted struct {
	ID     string `yaml:"id" json:"id"`         // of the check
	Object string `yaml:"object" json:"object"` // digest of the object
	// Count is how many things of the object are accepted; 0 for one. More of them are a new finding.
	Count   int64  `yaml:"count,omitempty" json:"count,omitempty"`
	Owner   string `yaml:"owner" json:"owner"`     // who answers for it
	Reason  string `yaml:"reason" json:"reason"`   // why it is accepted
	Expires string `yaml:"expires" json:"expires"` // the last day on which it is accepted, YYYY-MM-DD in UTC
}

// Baseline has the faults that are accepted. A nil Baseline accepts none.
type Baseline struct {
	entries  []Accepted
	used     []bool
	byObject map[[2]string]int // index of an entry by check and object
}

// baselineVersion is the version of the form of the file.
const baselineVersion = 1

// baselineFile is the form of the file.
type baselineFile struct {
	Version  int        `yaml:"version"`
	Accepted []Accepted `yaml:"accepted"`
}

// BaselineError says what is wrong with an entry of a baseline.
type BaselineError struct {
	Entry  int // from 1; 0 for the file
	Reason string
}

// Error names the entry and what is wrong with it.
func (e *BaselineError) Error() string {
	if e.Entry == 0 {
		return "the baseline cannot be read: " + e.Reason
	}
	return fmt.Sprintf("entry %d of the baseline: %s", e.Entry, e.Reason)
}

// dateForm is how a baseline writes a day.
const dateForm = "2006-01-02"

// objectDigest matches what Digest returns.
var objectDigest = regexp.MustCompile(`^[0-9a-f]{16}$`)

// ParseBaseline reads a baseline. Each entry needs all five fields, and no two may be of one object. The
// error is a *BaselineError.
func ParseBaseline(text []byte) (*Baseline, error) {
	var file baselineFile
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, &BaselineError{Reason: "it is not YAML of the form that is documented, or has a field that nothing reads"}
	}
	if file.Version != baselineVersion && len(bytes.TrimSpace(text)) > 0 {
		return nil, &BaselineError{Reason: "its first line must be version: 1"}
	}
	baseline := &Baseline{entries: file.Accepted, used: make([]bool, len(file.Accepted)), byObject: map[[2]string]int{}}
	for i, one := range file.Accepted {
		if err := one.check(); err != "" {
			return nil, &BaselineError{Entry: i + 1, Reason: err}
		}
		of := [2]string{one.ID, one.Object}
		if _, twice := baseline.byObject[of]; twice {
			return nil, &BaselineError{Entry: i + 1, Reason: "an entry before it is of the same object"}
		}
		baseline.byObject[of] = i
	}
	return baseline, nil
}

// check says what is wrong with an entry; "" for nothing.
func (a Accepted) check() string {
	for _, field := range []struct{ name, text string }{{"id", a.ID}, {"object", a.Object}, {"owner", a.Owner}, {"reason", a.Reason}, {"expires", a.Expires}} {
		if strings.TrimSpace(field.text) == "" {
			return field.name + " is missing; id, object, owner, reason and expires are all needed"
		}
	}
	if !slices.ContainsFunc(catalogue(), func(c Check) bool { return c.ID == a.ID }) {
		return "there is no check of that id"
	}
	if a.Count < 0 {
		return "count must not be negative"
	}
	if !objectDigest.MatchString(a.Object) {
		return "object must be the 16 hexadecimal digits that a report shows"
	}
	if _, err := time.Parse(dateForm, a.Expires); err != nil {
		return "expires must be a day, such as 2027-03-01"
	}
	return ""
}

// Expired reports whether the last day of an entry is over.
func (a Accepted) Expired(now time.Time) bool {
	day, err := time.Parse(dateForm, a.Expires)
	return err != nil || !now.UTC().Before(day.AddDate(0, 0, 1))
}

// find returns the entry of an object, and whether it accepts so many things of it: it has not expired, and
// they are not more than were accepted.
func (b *Baseline) find(id, object string, count int64, now time.Time) (entry Accepted, accepted bool) {
	if b == nil {
		return Accepted{}, false
	}
	at, there := b.byObject[[2]string{id, object}]
	if !there {
		return Accepted{}, false
	}
	b.used[at] = true
	entry = b.entries[at]
	return entry, !entry.Expired(now) && max(count, 1) <= max(entry.Count, 1)
}

// unmatched returns the entries that matched nothing, of checks that looked at everything.
func (b *Baseline) unmatched(looked func(id string) bool) (list []Accepted) {
	if b == nil {
		return nil
	}
	for i, one := range b.entries {
		if !b.used[i] && looked(one.ID) {
			list = append(list, one)
		}
	}
	return list
}

// expiredEntries returns the entries whose last day is over.
func (b *Baseline) expiredEntries(now time.Time) (list []Accepted) {
	if b == nil {
		return nil
	}
	for _, one := range b.entries {
		if one.Expired(now) {
			list = append(list, one)
		}
	}
	return list
}

// Entries returns the entries in the order of the file.
func (b *Baseline) Entries() []Accepted {
	if b == nil {
		return nil
	}
	return slices.Clone(b.entries)
}

// Accept returns the text of a baseline that accepts all findings of a report, besides what it accepts
// already and has not expired.
func (b *Baseline) Accept(report *Report, owner, reason string, expires time.Time) ([]byte, error) {
	file := baselineFile{Version: baselineVersion}
	for _, one := range b.Entries() {
		if !one.Expired(report.At) {
			file.Accepted = append(file.Accepted, one)
		}
	}
	for _, found := range report.Findings() {
		things := map[string]int64{}
		for i, object := range found.Objects {
			things[object] += found.ObjectCounts[i]
		}
		for _, object := range slices.Sorted(maps.Keys(things)) {
			entry := Accepted{ID: found.Check, Object: object, Owner: owner, Reason: reason, Expires: expires.UTC().Format(dateForm)}
			if things[object] > 1 {
				entry.Count = things[object]
			}
			// What there is of the object was accepted for fewer things.
			file.Accepted = slices.DeleteFunc(file.Accepted, func(a Accepted) bool { return a.ID == entry.ID && a.Object == entry.Object })
			file.Accepted = append(file.Accepted, entry)
		}
	}
	for i, one := range file.Accepted {
		if wrong := one.check(); wrong != "" {
			return nil, &BaselineError{Entry: i + 1, Reason: wrong}
		}
	}
	var text bytes.Buffer
	text.WriteString("# Faults that ocmt audit does not count. Each needs an owner, a reason and a last day.\n")
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(file); err != nil {
		return nil, fmt.Errorf("writing the baseline: %w", err)
	}
	return text.Bytes(), nil
}

// BaselineFile is the usual name of a baseline.
const BaselineFile = "ocmt-baseline.yaml"
