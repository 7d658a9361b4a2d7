package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Request says which checks are asked, and what counts.
type Request struct {
	Only     []string // IDs, areas or parts of IDs such as OCMT-PG; empty for all
	Skip     []string
	FailOn   Severity // 0 for Medium
	Baseline *Baseline
	// BaselineFile is the file that it was read from; "" for BaselineFile, the usual one.
	BaselineFile string
	Now          time.Time
	// CheckTimeout bounds each check that asks no database; 0 for no bound. Questions to a database have a
	// bound of their own, because one that is cut off ends the connection of all others.
	CheckTimeout time.Duration
}

// UnknownCheckError says that a name is neither a check nor an area.
type UnknownCheckError struct{ Name string }

// Error names it, unless it could be a secret.
func (e *UnknownCheckError) Error() string {
	if secret.Resembles(e.Name) {
		return "there is no check and no area of that name"
	}
	return "there is no check and no area " + e.Name
}

// ErrNoCheck says that a request leaves every check out.
var ErrNoCheck = errors.New("what is asked for is also left out, so that no check remains")

// Reporter is told which check is at work.
type Reporter interface {
	Checking(id string, done, all int)
}

// Select returns the checks that a request asks, and the IDs of those that it leaves out. The error is
// an *UnknownCheckError, or ErrNoCheck.
func (r Request) Select() (asked []Check, skipped []string, err error) {
	for _, name := range slices.Concat(r.Only, r.Skip) {
		if !slices.ContainsFunc(catalogue(), func(c Check) bool { return c.matches(name) }) {
			return nil, nil, &UnknownCheckError{name}
		}
	}
	for _, check := range catalogue() {
		matches := func(name string) bool { return check.matches(name) }
		if len(r.Only) > 0 && !slices.ContainsFunc(r.Only, matches) || slices.ContainsFunc(r.Skip, matches) {
			skipped = append(skipped, check.ID)
			continue
		}
		asked = append(asked, check)
	}
	if len(asked) == 0 {
		return nil, nil, ErrNoCheck
	}
	return asked, skipped, nil
}

// matches reports whether a name means the check: its ID, with or without OCMT-, the short form of its
// area, or its area.
func (c Check) matches(name string) bool {
	upper := strings.TrimPrefix(strings.ToUpper(name), "OCMT-")
	id := strings.TrimPrefix(c.ID, "OCMT-")
	short, _, _ := strings.Cut(id, "-")
	return upper == id || upper == short || strings.EqualFold(name, string(c.Area()))
}

// Find returns the check of an ID, with or without OCMT-. The error is an *UnknownCheckError.
func Find(id string) (Check, error) {
	for _, check := range catalogue() {
		if strings.EqualFold(check.ID, id) || strings.EqualFold(strings.TrimPrefix(check.ID, "OCMT-"), id) {
			return check, nil
		}
	}
	return Check{}, &UnknownCheckError{id}
}

// Run asks the checks of a request, one after the other. A check that fails has a gap; the others go on.
// Errors: *UnknownCheckError, ErrNoCheck, and that of the context.
func Run(ctx context.Context, sources *Sources, request Request, reporter Reporter) (*Report, error) {
	checks, skipped, err := request.Select()
	if err != nil {
		return nil, err
	}
	report := &Report{At: request.Now, Skipped: skipped, FailOn: request.FailOn}
	if report.FailOn == 0 {
		report.FailOn = Medium
	}
	asked := *sources
	asked.now, asked.baseline, asked.baselineFile = request.Now, request.Baseline, cmp.Or(request.BaselineFile, BaselineFile)
	slices.SortStableFunc(checks, func(a, b Check) int { return a.turn() - b.turn() })
	letGo := sync.OnceFunc(func() {
		if asked.LetGoOfDatabase != nil {
			asked.LetGoOfDatabase()
		}
	})
	defer letGo()
	for i, check := range checks {
		reporter.Checking(check.ID, i, len(checks))
		limit := request.CheckTimeout
		if check.turn() == databaseTurn {
			limit = 0
		} else {
			letGo()
		}
		seen, err := check.askWithin(ctx, &asked, limit)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			seen.Gaps = append(seen.Gaps, gapOf(check, err))
		}
		report.Results = append(report.Results, newResult(check, seen, request.Baseline, request.Now))
		asked.results = report.Results
	}
	order := catalogue()
	position := func(r Result) int {
		return slices.IndexFunc(order, func(c Check) bool { return c.ID == r.Check.ID })
	}
	slices.SortFunc(report.Results, func(a, b Result) int { return position(a) - position(b) })
	report.Unused = unusedEntries(request.Baseline, report.Results)
	report.count()
	return report, nil
}

// The turns in which checks are asked.
const (
	databaseTurn = iota // first, so that the snapshot does not wait for files and servers
	otherTurn
	baselineTurn // what is wrong with the baseline is known when all others have looked
)

// turn says when a check is asked.
func (c Check) turn() int {
	if c.ID == baselineCheck {
		return baselineTurn
	}
	switch c.Area() {
	case Encryption, Tokens, PostgreSQL, Lifecycle:
		return databaseTurn
	default:
		return otherTurn
	}
}

// AsksDatabase reports whether the check looks at the database.
func (c Check) AsksDatabase() bool { return c.turn() == databaseTurn }

// askWithin asks a check within a time.
func (c Check) askWithin(ctx context.Context, sources *Sources, limit time.Duration) (Seen, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return c.look(ctx, sources)
}

// gapOf says of a check that failed that it could not look.
func gapOf(check Check, err error) Gap {
	var known *GapError
	if errors.As(err, &known) {
		return known.Gap
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Gap{What: check.LooksAt, Reason: "it took too long"}
	}
	return Gap{What: check.LooksAt, Reason: err.Error()}
}

// unusedEntries returns the entries of the baseline that match nothing, of checks that apply and could look.
func unusedEntries(baseline *Baseline, results []Result) []Accepted {
	return baseline.unmatched(func(id string) bool {
		return slices.ContainsFunc(results, func(r Result) bool { return r.Check.ID == id && len(r.Gaps) == 0 && r.Outcome != NotApplicable })
	})
}

// countThings writes a number with its noun.
func countThings(count int64, one, many string) string {
	if count == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", count, many)
}
