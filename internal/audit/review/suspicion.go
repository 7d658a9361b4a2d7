package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
)

// Rule names a rule of Find.
type Rule string

// The rules.
const (
	GuessedLogin    Rule = "failures-then-success"
	GuessedMFA      Rule = "mfa-failures-then-success"
	UnlockBurst     Rule = "vault-unlock-failed-burst"
	DeniedBurst     Rule = "capability-denied-burst"
	CredentialBurst Rule = "credentials-accessed-burst"
	NewAddress      Rule = "new-address"
	NewHour         Rule = "new-hour"
	Impersonation   Rule = "impersonation"
	EmergencyAccess Rule = "emergency-access"
	ToolChange      Rule = "change-by-ocmt"
)

// Rules returns all rules, the most pressing first.
func Rules() []Rule {
	return []Rule{GuessedLogin, GuessedMFA, EmergencyAccess, Impersonation, UnlockBurst, DeniedBurst, CredentialBurst, NewAddress, NewHour, ToolChange}
}

// The thresholds of the rules. They are chosen so that a person who mistypes a password does not
// reach them, and a program that guesses does.
const (
	LoginFailures    = 5
	LoginWindow      = 10 * time.Minute
	MFAFailures      = 3
	MFAWindow        = 10 * time.Minute
	BurstRows        = 10
	BurstWindow      = 5 * time.Minute
	BaselineDays     = 30 // before the time that is looked at
	AddressMinimum   = 10 // entries of a user in the baseline, for an address to be called new
	HourMinimum      = 50 // likewise for an hour
	maxSuspicionRows = 10 // of an incident that are named
	// MaxEntries is how many entries Find looks at, the newest. They are kept in memory.
	MaxEntries = 100_000
)

// Incident is something that a rule has found.
type Incident struct {
	Rule    Rule   `json:"rule"`
	Why     string `json:"why"` // what was seen, and why it matters
	User    string `json:"user_id"`
	Email   string `json:"email"`
	Address string `json:"address"`
	From    string `json:"from"` // time of the first entry
	To      string `json:"to"`   // time of the last one
	Count   int    `json:"count"`
	// Rows are entries of it, the first ones and the last one, at most ten.
	Rows []Reference `json:"rows"`
}

// Report is what Find has found.
type Report struct {
	Incidents []Incident
	// Looked is how many entries were looked at. Cut says that there were more, older ones.
	Looked int
	Cut    bool
	// BaselineFrom and BaselineTo bound the time in which habits were counted; of BaselineRows entries.
	BaselineFrom, BaselineTo time.Time
	BaselineRows             int64
	// WithoutBaseline counts users of whom the baseline has too little for their addresses.
	WithoutBaseline int
}

// Find looks for what may be an attack among the entries that a filter takes. The filter must say since
// when. Habits are counted over BaselineDays before that.
func Find(ctx context.Context, database Database, filter Filter) (*Report, error) {
	const linesAtOnce = 2000
	filter.Telling = true
	report := &Report{Incidents: []Incident{}, BaselineFrom: filter.Since.AddDate(0, 0, -BaselineDays), BaselineTo: filter.Since}
	var entries []Entry
	err := Walk(ctx, database, filter, linesAtOnce, func(entry Entry) bool {
		if report.Cut = len(entries) == MaxEntries; report.Cut {
			return false
		}
		entry.Details, entry.Agent, entry.Error = nil, "", "" // not needed, and most of what an entry weighs
		entries = append(entries, entry)
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(entries)
	report.Looked = len(entries)
	f := &finder{windows: map[string]*window{}, told: map[string]bool{}}
	for _, entry := range entries {
		f.look(entry)
	}
	known := baseline{}
	if err := database.Habits(ctx, filter, report.BaselineFrom, report.BaselineTo, known.add); err != nil {
		return nil, err
	}
	f.lookAtHabits(entries, known, report)
	order := Rules()
	slices.SortStableFunc(f.incidents, func(a, b Incident) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Rule), slices.Index(order, b.Rule)), cmp.Compare(a.From, b.From))
	})
	report.Incidents = append(report.Incidents, f.incidents...)
	return report, nil
}

// toldSingle is an incident of one entry.
type toldSingle struct {
	rule     Rule
	entry    Entry
	incident int
}

// finder goes over entries, the oldest first.
type finder struct {
	incidents []Incident
	windows   map[string]*window // by rule and by whom it is about
	told      map[string]bool    // habits that were told
	singles   []toldSingle
}

// window is the entries of a rule about one address or user that are close together.
type window struct {
	entries []Entry
	open    int // one more than the incident that the entries have become; 0 for none
}

// look takes the next entry.
func (f *finder) look(entry Entry) {
	switch family := familyOf(entry); {
	case family == "login" && entry.Outcome == Failed:
		f.collect(GuessedLogin, plainAddress(entry.Address), entry, LoginWindow)
	case family == "login":
		f.succeed(GuessedLogin, plainAddress(entry.Address), entry, LoginFailures, LoginWindow, "failed log-ins from one address, then one that succeeded: a password may have been guessed")
	case family == "mfa" && entry.Outcome == Failed:
		f.collect(GuessedMFA, entry.User, entry, MFAWindow)
	case family == "mfa" && isMFASuccess(entry):
		f.succeed(GuessedMFA, entry.User, entry, MFAFailures, MFAWindow, "failed second factors of the user, then one that succeeded: its code may have been guessed, or its owner worn down")
	default:
		f.lookAtUse(family, entry)
	}
	if entry.Tool && !isReport(entry) {
		f.single(ToolChange, entry, "ocmt changed keys or sessions: an operator should know of it")
	}
}

// reports are actions of the record that tell what was seen or is to come. What is changed has entries of its own.
var reports = []string{chain.ActionBackupVerified, chain.ActionIncidentOpened, chain.ActionIncidentClosed, chain.ActionKeyReady, chain.ActionSecretProven,
	chain.ActionRotateAllBegun, chain.ActionRotateAllWaiting, chain.ActionRotateAllEnded}

// isReport reports whether an entry of the tool tells of something that changed neither keys nor sessions.
func isReport(entry Entry) bool {
	return entry.Source == Record && slices.Contains(reports, entry.Action)
}

// lookAtUse takes an entry that is about the use of what somebody has who is logged in.
func (f *finder) lookAtUse(family string, entry Entry) {
	switch {
	case family == "vault unlock" && entry.Outcome == Failed:
		f.burst(UnlockBurst, entry, "vault unlocks that failed: somebody may be guessing the password of a vault")
	case entry.Outcome == Failed && isCapability(entry):
		f.burst(DeniedBurst, entry, "capabilities that were denied: something asks for what it may not have")
	case family == "credentials":
		f.burst(CredentialBurst, entry, "credentials that were accessed: somebody may be taking all of them")
	case family == "impersonation":
		f.single(Impersonation, entry, "an administrator acted as another user")
	case family == "emergency access":
		f.single(EmergencyAccess, entry, "emergency access was used or changed")
	}
}

// isMFASuccess reports whether an entry says that a second factor was accepted. An entry about setting
// one up is none.
func isMFASuccess(entry Entry) bool {
	return entry.Outcome == Succeeded || entry.Action == "auth.mfa_success"
}

func isCapability(entry Entry) bool {
	const name = "capability."
	return len(entry.Action) > len(name) && entry.Action[:len(name)] == name
}

// collect adds an entry to the window of whom it is about. Nobody is about nobody.
func (f *finder) collect(rule Rule, about string, entry Entry, length time.Duration) *window {
	if about == "" {
		return nil
	}
	key := string(rule) + " " + about
	w := f.windows[key]
	if w == nil {
		w = &window{}
		f.windows[key] = w
	}
	if w.open > 0 {
		if w.isPast(entry, length) {
			*w = window{}
		}
	} else {
		w.drop(entry, length)
	}
	w.entries = append(w.entries, entry)
	return w
}

// drop forgets entries that are longer ago than the window is.
func (w *window) drop(now Entry, length time.Duration) {
	for len(w.entries) > 0 && apart(w.entries[0], now) > length {
		w.entries = w.entries[1:]
	}
}

// isPast reports whether the last entry of the window is longer ago than the window is.
func (w *window) isPast(now Entry, length time.Duration) bool {
	return len(w.entries) > 0 && apart(w.entries[len(w.entries)-1], now) > length
}

// apart returns the time between two entries.
func apart(a, b Entry) time.Duration {
	first, firstErr := time.Parse(time.RFC3339Nano, a.Time)
	second, secondErr := time.Parse(time.RFC3339Nano, b.Time)
	if firstErr != nil || secondErr != nil {
		return 1 << 62 // a time that is none, such as infinity, is close to nothing
	}
	return second.Sub(first)
}

// succeed looks whether enough failures stand before a success.
func (f *finder) succeed(rule Rule, about string, entry Entry, least int, length time.Duration, why string) {
	w := f.windows[string(rule)+" "+about]
	if w == nil || about == "" {
		return
	}
	w.drop(entry, length)
	if len(w.entries) >= least {
		all := append(slices.Clone(w.entries), entry)
		f.add(rule, fmt.Sprintf("%d %s", len(w.entries), why), all)
	}
	w.entries = nil
}

// burst looks whether many entries stand close together, of one user, or of one address where the
// entries name no user. What goes on without a pause is one incident.
func (f *finder) burst(rule Rule, entry Entry, why string) {
	w := f.collect(rule, cmp.Or(entry.User, plainAddress(entry.Address)), entry, BurstWindow)
	if w == nil || len(w.entries) < BurstRows {
		return
	}
	if w.open == 0 {
		f.incidents = append(f.incidents, Incident{})
		w.open = len(f.incidents)
	}
	f.incidents[w.open-1] = newIncident(rule, fmt.Sprintf("%d %s", len(w.entries), why), w.entries)
}

// single tells one entry. A row of another table that tells the same event is added to it.
func (f *finder) single(rule Rule, entry Entry, why string) {
	for i := len(f.singles) - 1; i >= 0 && f.singles[i].entry.second() == entry.second(); i-- {
		if one := f.singles[i]; one.rule == rule && one.entry.Source != entry.Source && isTwin(one.entry, entry) {
			f.incidents[one.incident].Rows = append(f.incidents[one.incident].Rows, entry.Reference())
			f.incidents[one.incident].Count++
			return
		}
	}
	f.singles = append(f.singles, toldSingle{rule, entry, len(f.incidents)})
	f.add(rule, why+": "+entry.Action, []Entry{entry})
}

func (f *finder) add(rule Rule, why string, entries []Entry) {
	f.incidents = append(f.incidents, newIncident(rule, why, entries))
}

// newIncident makes an incident of entries, the oldest first. It is about the user and the address of
// the last one.
func newIncident(rule Rule, why string, entries []Entry) Incident {
	last := entries[len(entries)-1]
	incident := Incident{Rule: rule, Why: why, User: last.User, Email: last.Email, Address: last.Address, From: entries[0].Time, To: last.Time, Count: len(entries)}
	shown := entries
	if len(shown) > maxSuspicionRows {
		shown = append(slices.Clone(shown[:maxSuspicionRows-1]), last)
	}
	for _, entry := range shown {
		incident.Rows = append(incident.Rows, entry.Reference())
	}
	return incident
}
