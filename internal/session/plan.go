package session

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Request says what to end, and how.
type Request struct {
	Selection Selection
	Include   []Kind // optional kinds
	Ending    Ending
	// IncludingNew ends what began during the work too.
	IncludingNew bool
	// Watch is for how long to keep looking, and ending what is there again.
	Watch   time.Duration
	Workers int
	// KeepLogins leaves login sessions alone.
	KeepLogins bool
	// CloseStreams closes the WebSockets of the users concerned, at every server.
	CloseStreams bool
	Target       time.Duration // how long one transaction should take
}

// Sources is what the work reads and writes.
type Sources struct {
	Database Database // nil: not looked at
	Cache    Cache    // nil: not looked at
	Servers  []Server // none: what stands in their memory is not reached
	Pace     Pace
	Clock    Clock
}

// Plan is what would end.
type Plan struct {
	Request Request
	Moment  Moment
	Counts  []Count // of each kind that is there and selected
	Users   int64   // users concerned; -1 where everyone is selected
	Skipped []Skip  // kinds that are not ended, and why
	// LeftAlone is what the selection has of optional kinds that are not asked for.
	LeftAlone []Count

	tables []Table
	users  []string
	chosen map[string]bool // users, for what is in Redis
}

// Skip is a kind that is not ended.
type Skip struct {
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"`
}

// Live returns how much would end.
func (p *Plan) Live() (live int64) {
	for _, count := range p.Counts {
		live += count.Selected
	}
	return live
}

// MakePlan counts what would end. It changes nothing. Errors: ErrNothingSelected, ErrAllAndMore.
func MakePlan(ctx context.Context, sources Sources, request Request, reporter Reporter) (*Plan, error) {
	if err := request.Selection.Validate(); err != nil {
		return nil, err
	}
	plan := &Plan{Request: request, Users: -1, Counts: []Count{}, Skipped: []Skip{}, LeftAlone: []Count{}}
	reporter.Phase("looking for live access")
	if err := plan.countDatabase(ctx, sources.Database); err != nil {
		return nil, err
	}
	if request.Selection.Expired {
		return plan, nil
	}
	if sources.Cache == nil {
		plan.Skipped = append(plan.Skipped, Skip{Vaults, "REDIS_URL is not set, so unlocked vaults were not looked at"})
		return plan, nil
	}
	if err := plan.countCache(ctx, sources.Cache); err != nil {
		plan.Skipped = append(plan.Skipped, Skip{Vaults, fmt.Sprintf("Redis could not be asked: %v", err)})
	}
	return plan, nil
}

// countDatabase counts what the database has.
func (p *Plan) countDatabase(ctx context.Context, database Database) (err error) {
	if p.Moment, err = database.Begin(ctx); err != nil {
		return err
	}
	all, err := database.Tables(ctx)
	if err != nil {
		return err
	}
	if err := p.findEarly(ctx, database, all); err != nil {
		return err
	}
	if err := p.findUsers(ctx, database); err != nil {
		return err
	}
	p.noteAbsent(all)
	for _, table := range all {
		switch {
		case p.Request.Selection.Expired && table.Kind != Logins, p.Request.KeepLogins && table.Kind == Logins:
			continue // cleaning up ends nothing else
		case table.NoUsers && !p.Request.Selection.All:
			p.Skipped = append(p.Skipped, Skip{table.Kind, "its rows do not tell whose they are, so they end with --all only"})
			continue
		}
		count, err := p.countTable(ctx, database, table)
		if err != nil {
			return fmt.Errorf("counting %s: %w", table.Name, err)
		}
		if table.Kind.IsOptional() && !slices.Contains(p.Request.Include, table.Kind) {
			p.LeftAlone = append(p.LeftAlone, count)
			continue
		}
		p.tables, p.Counts = append(p.tables, table), append(p.Counts, count)
	}
	// Sessions end last: they tell whose other access is to end, also to a work that goes on where this
	// one was cut off.
	slices.SortStableFunc(p.tables, func(a, b Table) int { return last(a) - last(b) })
	return nil
}

func last(table Table) int {
	if table.Kind == Logins {
		return 1
	}
	return 0
}

// noteAbsent says which kinds the database has no table of.
func (p *Plan) noteAbsent(tables []Table) {
	if p.Request.Selection.Expired {
		return
	}
	for _, kind := range slices.Concat(tableKinds, p.Request.Include) {
		if !slices.ContainsFunc(tables, func(t Table) bool { return t.Kind == kind }) {
			p.Skipped = append(p.Skipped, Skip{kind, "the database has no such table on the search path of this account"})
		}
	}
}

// findEarly finds rows that are there already and say that they begin later.
func (p *Plan) findEarly(ctx context.Context, database Database, tables []Table) error {
	p.Moment.Early = map[Kind][]string{}
	if p.Request.IncludingNew {
		p.Moment.Time = ""
		return nil
	}
	for _, table := range tables {
		early, err := database.Early(ctx, table, p.Moment)
		if err != nil {
			return err
		}
		p.Moment.Early[table.Kind] = early
	}
	return nil
}

// maxOwners is how many users of an optional kind are named.
const maxOwners = 5

// countTable counts what a table has, and says whose it is where automation may break.
func (p *Plan) countTable(ctx context.Context, database Database, table Table) (count Count, err error) {
	selection := p.selectionFor(table.Kind)
	if count, err = database.Count(ctx, table, selection, p.Moment); err != nil {
		return count, err
	}
	count.Owners = []string{}
	if !table.Kind.IsOptional() || count.Selected == 0 || table.NoUsers {
		return count, nil
	}
	count.Owners, err = database.Owners(ctx, table, selection, p.Moment, maxOwners)
	return count, err
}

// findUsers finds the users of the selection, before any of their sessions ends.
func (p *Plan) findUsers(ctx context.Context, database Database) (err error) {
	if p.Request.Selection.All {
		return nil
	}
	if p.users, err = database.Users(ctx, p.Request.Selection, p.Moment); err != nil {
		return err
	}
	p.Users, p.chosen = int64(len(p.users)), map[string]bool{}
	for _, user := range p.users {
		p.chosen[user] = true
	}
	return nil
}

// selectionFor returns the selection as it applies to a kind.
func (p *Plan) selectionFor(kind Kind) Selection {
	if kind == Logins {
		return p.Request.Selection
	}
	return p.Request.Selection.OfUsers(p.users)
}

// countCache counts what Redis has.
func (p *Plan) countCache(ctx context.Context, cache Cache) error {
	seen := newCacheCounter()
	_, err := cache.Scan(ctx, func(kind Kind, id ID, vault Vault) bool {
		if p.isChosen(vault) {
			seen.add(kind, id, vault)
		}
		return false
	})
	if err == nil {
		p.Counts = append(p.Counts, seen.counts()...)
	}
	return err
}

// isChosen reports whether a vault is selected: by its user, because nothing else is known of it.
// Where everyone is selected, one that does not tell its user is too.
func (p *Plan) isChosen(vault Vault) bool {
	if p.Request.Selection.All {
		return vault.User == "" || !slices.Contains(p.Request.Selection.ExceptUsers, vault.User)
	}
	return vault.User != "" && p.chosen[vault.User]
}
