package audit

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Outcome is what became of a check.
type Outcome string

// The outcomes. There is no other: what could not be looked at is never a pass.
const (
	Pass          Outcome = "pass"
	Found         Outcome = "finding"
	Unchecked     Outcome = "could_not_check"
	NotApplicable Outcome = "not_applicable"
)

// Result is what became of one check. A check can have findings and gaps at once: its Outcome is Found then.
type Result struct {
	Check    Check
	Outcome  Outcome
	Findings []Finding // those that count
	Accepted []Finding // those that the baseline accepts
	Gaps     []Gap
	Absent   string // what shows that it does not apply
	Looked   string
}

// Finding is one cause with its faults.
type Finding struct {
	Check    string // the ID
	Severity Severity
	Cause    string
	Message  string
	Expected string
	Actual   string
	Count    int64    // of the things; at least 1
	Places   []string // at most MaxPlaces
	// PlacesLeft is how many more places there are. A place can stand for many things, as a column for its values.
	PlacesLeft int64
	Fix        string
	File       string
	Digest     string   // identity of check and cause
	Objects    []string // digests of the faults: what a baseline accepts
	// ObjectCounts says of each of Objects how many things it is.
	ObjectCounts []int64
	Accepted     []Accepted // by what it is accepted; nil where it counts
}

// Report is the outcome of all checks that were asked.
type Report struct {
	At      time.Time
	Inputs  []Input
	Results []Result // in the order of IDs within areas
	Skipped []string // IDs of checks that were left out by flags
	Unused  []Accepted
	Counts  Counts
	FailOn  Severity
}

// Input is what an audit looked at, and with which rights.
type Input struct {
	Kind   string // "settings", "database", "redis", "files", "git", "docker" or "endpoint"
	Name   string // without a password
	As     string // account and rights; "" for none, or where it was not looked at
	Absent string // why it was not looked at
}

// Counts has the numbers of a report.
type Counts struct {
	Checks        int `json:"checks"`
	Pass          int `json:"pass"`
	Found         int `json:"finding"`
	Unchecked     int `json:"could_not_check"`
	NotApplicable int `json:"not_applicable"`
	Findings      int `json:"findings"`
	Accepted      int `json:"accepted"`
	Gaps          int `json:"gaps"` // those of checks with findings too
	// BySeverity counts the findings that are not accepted.
	BySeverity map[string]int `json:"by_severity"`
	// Failing are findings of the severity that fails, or worse.
	Failing int `json:"failing"`
}

// Digest returns the identity of an object of a check: 16 hexadecimal digits of HMAC-SHA-256, keyed with
// the ID of the check.
func Digest(check, object string) string {
	mac := hmac.New(sha256.New, []byte("ocmt audit "+check))
	mac.Write([]byte(object)) // a hash returns no error
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// newResult divides what a check saw into findings, held against the baseline.
func newResult(check Check, seen Seen, baseline *Baseline, now time.Time) Result {
	result := Result{Check: check, Gaps: seen.Gaps, Absent: seen.Absent, Looked: seen.Looked}
	var counting, accepted []Fault
	by := map[string][]Accepted{}
	things := map[string]int64{} // how many each object is
	for _, fault := range seen.Faults {
		things[fault.Object] += max(fault.Count, 1)
	}
	for _, fault := range seen.Faults {
		fault.Cause = cmp.Or(fault.Cause, fault.Object)
		entry, ok := baseline.find(check.ID, Digest(check.ID, fault.Object), things[fault.Object], now)
		if !ok {
			if entry.ID != "" && !entry.Expired(now) {
				fault.Actual = strings.TrimPrefix(fault.Actual+", ", ", ") + strconv.FormatInt(max(entry.Count, 1), 10) + " of " + strconv.FormatInt(things[fault.Object], 10) + " are accepted"
			}
			counting = append(counting, fault)
			continue
		}
		accepted = append(accepted, fault)
		by[fault.Cause] = append(by[fault.Cause], entry)
	}
	result.Findings, result.Accepted = groupFaults(check, counting), groupFaults(check, accepted)
	for i := range result.Accepted {
		result.Accepted[i].Accepted = by[result.Accepted[i].Cause]
	}
	switch {
	case len(seen.Faults) > 0 && len(counting) > 0:
		result.Outcome = Found
	case len(seen.Gaps) > 0:
		result.Outcome = Unchecked
	case seen.Absent != "":
		result.Outcome = NotApplicable
	default:
		result.Outcome = Pass
	}
	return result
}

// groupFaults makes one finding of the faults of each cause. The worst come first.
func groupFaults(check Check, faults []Fault) []Finding {
	var list []Finding
	at := map[string]int{}
	for _, fault := range faults {
		i, known := at[fault.Cause]
		if !known {
			i = len(list)
			at[fault.Cause] = i
			list = append(list, Finding{Check: check.ID, Cause: fault.Cause, Fix: cmp.Or(fault.Fix, check.Fix), File: fault.File, Digest: Digest(check.ID, fault.Cause)})
		}
		one := &list[i]
		if severity := cmp.Or(fault.Severity, check.Severity); severity > one.Severity { // the worst speaks for all
			one.Severity, one.Message, one.Expected, one.Actual = severity, fault.Message, fault.Expected, fault.Actual
		}
		one.Count += max(fault.Count, 1)
		one.Objects, one.ObjectCounts = append(one.Objects, Digest(check.ID, fault.Object)), append(one.ObjectCounts, max(fault.Count, 1))
		one.Places = append(one.Places, fault.Places...)
		one.PlacesLeft += fault.placesLeft() + int64(max(len(one.Places)-MaxPlaces, 0))
		one.Places = one.Places[:min(len(one.Places), MaxPlaces)]
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// count fills in the numbers of a report.
func (r *Report) count() {
	counts := Counts{Checks: len(r.Results), BySeverity: map[string]int{}}
	for _, severity := range Severities() {
		counts.BySeverity[severity.String()] = 0
	}
	for _, result := range r.Results {
		switch result.Outcome {
		case Pass:
			counts.Pass++
		case Found:
			counts.Found++
		case Unchecked:
			counts.Unchecked++
		case NotApplicable:
			counts.NotApplicable++
		}
		counts.Gaps += len(result.Gaps)
		counts.Accepted += len(result.Accepted)
		for _, one := range result.Findings {
			counts.Findings++
			counts.BySeverity[one.Severity.String()]++
			if one.Severity >= r.FailOn {
				counts.Failing++
			}
		}
	}
	r.Counts = counts
}

// Findings returns all findings that count, the worst first.
func (r *Report) Findings() []Finding {
	var list []Finding
	for _, result := range r.Results {
		list = append(list, result.Findings...)
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// AcceptedFindings returns all findings that the baseline accepts.
func (r *Report) AcceptedFindings() []Finding {
	var list []Finding
	for _, result := range r.Results {
		list = append(list, result.Accepted...)
	}
	return list
}

// Verdict is what a caller branches on.
type Verdict uint8

// The verdicts.
const (
	Clean Verdict = iota
	HasFindings
	HasGaps // nothing fails, and something could not be checked
)

// Verdict says what an audit comes to. Findings outrank gaps.
func (r *Report) Verdict() Verdict {
	switch {
	case r.Counts.Failing > 0:
		return HasFindings
	case r.Counts.Gaps > 0:
		return HasGaps
	default:
		return Clean
	}
}
