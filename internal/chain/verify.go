package chain

import (
	"fmt"
	"strings"
)

// Fault says what is wrong with a chain.
type Fault string

// The faults of a chain.
const (
	FaultGap     Fault = "gap"     // an entry is missing
	FaultExtra   Fault = "extra"   // an entry stands twice, or before the first
	FaultChanged Fault = "changed" // an entry is not what was hashed
	FaultLink    Fault = "link"    // an entry does not follow the one before it
	FaultTorn    Fault = "torn"    // the last line of a file is incomplete
	FaultCut     Fault = "cut"     // the head that was kept elsewhere is not in the chain
)

// Break is the first broken link of a chain.
type Break struct {
	Sequence int64  `json:"sequence"` // of the entry that is missing or wrong
	Fault    Fault  `json:"fault"`
	Message  string `json:"message"`
}

// Report is what a verification found.
type Report struct {
	Count     int64  `json:"entries"`                 // that follow one another, up to the break
	Head      string `json:"head"`                    // the hash of the last of them; NoHash where there is none
	Kept      string `json:"-"`                       // the head that was kept; not written, because somebody can take a key for it
	After     int64  `json:"entries_after_kept_head"` // -1 where no head was kept
	ClosedOff int64  `json:"closed_off"`              // torn lines of a file, which a later entry vouches for
	Break     *Break `json:"break"`                   // nil where the chain is intact
}

// Verifier looks at the entries of a chain one after the other, in the order of their sequence
// numbers.
type Verifier struct {
	report Report
	last   Link
	found  bool     // the kept head is in the chain
	torn   []string // lines of a file that are no entries, and that nothing vouches for yet
}

// NewVerifier returns a verifier that also looks for a head that was kept elsewhere; "" for none.
func NewVerifier(kept string) *Verifier {
	v := &Verifier{report: Report{Head: NoHash, Kept: strings.ToLower(kept), After: -1}}
	if v.report.Kept == NoHash { // every entry came after it
		v.found, v.report.After = true, 0
	}
	return v
}

// Add looks at the next entry, and the hash that is stored with it. It reports whether the chain is
// intact so far; after a break it looks at nothing.
func (v *Verifier) Add(entry Entry, hash string) bool {
	if v.report.Break != nil {
		return false
	}
	expected := v.last.Sequence + 1
	switch {
	case len(v.torn) > 0 && !v.isClosedOff(entry):
		v.breakAt(expected, FaultChanged, "what stands there is no entry, and no later entry says that it was torn")
	case !entry.isCanonical() || entry.Hash() != hash:
		v.breakAt(expected, FaultChanged, "the entry is not what was hashed when it was written")
	case entry.Sequence > expected:
		v.breakAt(expected, FaultGap, fmt.Sprintf("entry %d is missing: entry %d stands in its place", expected, entry.Sequence))
	case entry.Sequence < expected:
		v.breakAt(entry.Sequence, FaultExtra, fmt.Sprintf("entry %d stands where entry %d is to follow", entry.Sequence, expected))
	case entry.Previous != v.last.hash():
		v.breakAt(expected, FaultLink, "the entry does not follow the one before it: one of them was replaced, and hashed anew")
	default:
		v.accept(entry, hash)
		return true
	}
	return false
}

// accept takes an entry that follows.
func (v *Verifier) accept(entry Entry, hash string) {
	if len(v.torn) > 0 {
		v.report.ClosedOff++
		v.torn = nil
	}
	v.last = Link{Sequence: entry.Sequence, Hash: hash}
	v.found = v.found || hash == v.report.Kept
	v.report.Count++
	v.report.Head = hash
	if v.found && v.report.Kept != "" {
		v.report.After++
	}
}

// addTorn takes a line of a file that is no entry.
func (v *Verifier) addTorn(line string) { v.torn = append(v.torn, line) }

// isClosedOff reports whether an entry vouches for the torn lines before it.
func (v *Verifier) isClosedOff(entry Entry) bool {
	return entry.Action == actionClosedOff && string(entry.Details) == tornDetails(strings.Join(v.torn, "\n"))
}

// breakAt notes the first broken link.
func (v *Verifier) breakAt(sequence int64, fault Fault, message string) {
	v.report.Break = &Break{Sequence: sequence, Fault: fault, Message: message}
}

// BreakUnreadable notes that the next entry cannot be read as one.
func (v *Verifier) BreakUnreadable() {
	if v.report.Break == nil {
		v.breakAt(v.last.Sequence+1, FaultChanged, "what stands there is no entry")
	}
}

// Report returns what was found, once every entry was looked at.
func (v *Verifier) Report() Report {
	report := v.report
	if report.Break == nil && report.Kept != "" && !v.found {
		report.Break = &Break{Sequence: v.last.Sequence + 1, Fault: FaultCut,
			Message: "the head that was kept is not in the chain: its end was cut off, or its entries were made anew"}
	}
	return report
}
