package validation

import (
	"cmp"
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// State says what was found of a setting, or of the secret in it.
type State string

// The states, worst first.
const (
	StateError   State = "error"   // it has at least one finding that is an error
	StateWarning State = "warning" // it has findings, and none is an error
	StateUnasked State = "unasked" // it could not be read
	StateOK      State = "ok"      // it is set, and nothing was found
	StateNotSet  State = "not_set" // it is not set, and nothing needs it here
)

// states are in the order in which a report has them.
var states = []State{StateError, StateWarning, StateUnasked, StateOK, StateNotSet}

// Row is one setting that is a secret, or holds one.
type Row struct {
	// Name is the setting. It is shown, so it is not the name where that could be a secret.
	Name string
	// Kind is the name of its kind.
	Kind string
	// Issued says that others make it, and the operator gets it from them.
	Issued bool
	// Component is whose setting it is; "" where several read it, or that is not known.
	Component secret.Component
	State     State
	// Source names where it was found, for people; "not set" where it was not.
	Source string
	// Form is a word for how the text is written, such as "hex"; "" where it is not set.
	Form string
	// Strength says how hard it is to guess, such as "256 bits"; "" where that was not judged.
	Strength string
	// Bits is the strength of a generated secret in bits; 0 where it was not judged, or is no such secret.
	Bits int
	// Fingerprint names the secret without giving it away; "" where it could be guessed by it.
	Fingerprint string
	// Note says what the component does without a setting that it does not need; "" where nothing is known.
	Note string
	// Live is what servers said of it; nothing where none was asked.
	Live []Live
	// Findings are what is wrong, the errors first.
	Findings []finding.Finding
}

// Unasked is something that could not be compared or looked at.
type Unasked struct {
	What   string // "AGENT_SERVER_TOKEN = AUTH_TOKEN"
	Reason string // why not, as a sentence
	Needs  string // what would make it possible
	// Asked says that the operator gave something so that this could be looked at. A check that did not get
	// that far has failed.
	Asked bool
}

// Report is what was found.
type Report struct {
	// Rows are the settings, worst first.
	Rows []Row
	// Others are the findings about files, and about names that are no setting.
	Others []finding.Finding
	// Unasked is what could not be compared or looked at.
	Unasked []Unasked
}

// Findings returns everything that was found: the errors first, and those of settings before the others.
func (r Report) Findings() (list []finding.Finding) {
	for _, row := range r.Rows {
		list = append(list, row.Findings...)
	}
	list = append(list, r.Others...)
	slices.SortStableFunc(list, bySeverity)
	return list
}

// Count returns how many findings are errors and how many are warnings.
func (r Report) Count() (errors, warnings int) {
	for _, found := range r.Findings() {
		if found.Severity == finding.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Fails reports whether anything was found that is at least as bad as a severity.
func (r Report) Fails(at finding.Severity) bool {
	return slices.ContainsFunc(r.Findings(), func(f finding.Finding) bool { return f.Severity >= at })
}

// Failed returns what the operator asked for and could not be looked at.
func (r Report) Failed() (list []Unasked) {
	for _, one := range r.Unasked {
		if one.Asked {
			list = append(list, one)
		}
	}
	return list
}

// bySeverity puts errors first.
func bySeverity(a, b finding.Finding) int { return cmp.Compare(b.Severity, a.Severity) }

// sort puts the worst first, and gives each row its state.
func (r *Report) sort() {
	for i := range r.Rows {
		row := &r.Rows[i]
		slices.SortStableFunc(row.Findings, bySeverity)
		switch {
		case len(row.Findings) == 0:
		case row.Findings[0].Severity == finding.Error:
			row.State = StateError
		default:
			row.State = StateWarning
		}
	}
	slices.SortStableFunc(r.Rows, func(a, b Row) int {
		return cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State))
	})
	slices.SortStableFunc(r.Others, bySeverity)
}
