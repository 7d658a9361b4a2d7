package databasepassword

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Stage is how far an earlier run has come.
type Stage string

// The stages, in their order.
const (
	Fresh    Stage = "fresh"    // no earlier run has left anything
	Prepared Stage = "prepared" // the new address stands in the store, and the role has its old password
	Changed  Stage = "changed"  // the role has the new password, and DATABASE_URL in the store the old one
	Stored   Stage = "stored"   // DATABASE_URL in the store has the new one, and the rest is left
)

// Request is what is asked for.
type Request struct {
	// Roles are the two that take turns; empty where the role of the store is given a new password.
	Roles []string
	// PoolWait is how long PgBouncer may take to read its file again.
	PoolWait time.Duration
}

// Plan is what a change will do. It has no secret that prints.
type Plan struct {
	Role    string `json:"role"`     // that gets the new password
	OldRole string `json:"old_role"` // that may log in no more at the end; "" with one role
	Store   string `json:"store"`
	Stage   Stage  `json:"stage"`
	// Account makes the change.
	Account    string `json:"account"`
	Encryption string `json:"password_encryption"`
	Iterations int    `json:"iterations"`
	ValidUntil string `json:"valid_until"` // "" where the role's password stays valid
	Pooled     bool   `json:"pooled"`      // the address leads to a pool
	// WayBack says where the old verifier is from: "server", "userlist" or "password"; "" where nothing is to be put back.
	WayBack string `json:"way_back"`
	// Notes say what is to be known, and keeps nothing from being done.
	Notes []string `json:"notes"`

	current, pending Address      // pending has no text in a fresh plan
	noted            secret.Value // OldRoleName in the store
	accepted         []Address    // which of them log in
	barred           string       // the one of their roles that may not log in
	lock             Lock
	session          Session
	oldVerifier      secret.Value
	entry            secret.Value // the old one of the role in PgBouncer's file
	template         secret.Value // an entry whose form the new one takes
	poolWait         time.Duration
}

// Close ends the connections that a plan holds, and its lock.
func (p *Plan) Close(ctx context.Context) {
	p.Release(ctx)
	if p.session != nil {
		p.session.Close(ctx)
	}
}

// Follow returns an address with the new account and password where it has those of the store, and else as it is: other
// addresses that are used in the same place may lead to the same role.
func (p *Plan) Follow(address secret.Value) secret.Value {
	parsed, err := ParseAddress(address)
	if err != nil || !p.isPending() || parsed.Role() != p.current.Role() || parsed.Password().Reveal() != p.current.Password().Reveal() {
		return address
	}
	followed, err := parsed.With(p.pending.Role(), p.pending.Password())
	if err != nil {
		return address
	}
	return followed.Text()
}

// Working returns the address of the store that logs in now: that of DATABASE_URL, or the pending one. It is not set
// where neither does.
func (p *Plan) Working() secret.Value {
	if len(p.accepted) == 0 {
		return secret.Value{}
	}
	return p.accepted[0].Text()
}

// New returns the new address. It is not set before Change.
func (p *Plan) New() secret.Value { return p.pending.Text() }

// MakePlan looks at store, server and PgBouncer, and changes nothing. It logs in with each password that the store
// has, and once with one that was made up, which the server must refuse. The errors are those of this package. The
// plan must be closed.
func MakePlan(ctx context.Context, parts Parts, request Request) (plan *Plan, err error) {
	plan = &Plan{Store: parts.Store.Place(), Notes: []string{}, poolWait: request.PoolWait}
	defer func() {
		if err != nil {
			plan.Close(context.WithoutCancel(ctx))
			plan = nil
		}
	}()
	if err := plan.readStore(ctx, parts.Store); err != nil {
		return plan, err
	}
	if err := plan.chooseRoles(request.Roles); err != nil {
		return plan, err
	}
	if err := plan.findStage(ctx, parts); err != nil {
		return plan, err
	}
	if err := plan.openSession(ctx, parts); err != nil {
		return plan, err
	}
	if err := plan.readRole(ctx); err != nil {
		return plan, err
	}
	if err := plan.readPool(parts.Pool); err != nil {
		return plan, err
	}
	if plan.OldRole != "" {
		return plan, plan.compareRoles(ctx)
	}
	return plan, plan.findWayBack(ctx)
}

// readStore reads the address, and what an earlier run has left.
func (p *Plan) readStore(ctx context.Context, store Store) error {
	current, err := store.Get(ctx, Setting)
	if err != nil {
		return fmt.Errorf("reading %s from %s: %w", Setting, p.Store, err)
	}
	if !current.IsSet() {
		return ErrNotSet
	}
	if p.current, err = ParseAddress(current); err != nil {
		return err
	}
	pending, err := store.Get(ctx, PendingName)
	if err != nil {
		return fmt.Errorf("reading %s from %s: %w", PendingName, p.Store, err)
	}
	if p.noted, err = store.Get(ctx, OldRoleName); err != nil {
		return fmt.Errorf("reading %s from %s: %w", OldRoleName, p.Store, err)
	}
	if !pending.IsSet() {
		return nil
	}
	if p.pending, err = ParseAddress(pending); err != nil {
		return ErrPendingDiffers
	}
	same, err := p.current.With(p.pending.Role(), p.pending.Password())
	if err != nil || same.Text().Reveal() != pending.Reveal() {
		return ErrPendingDiffers
	}
	return nil
}

// isPending reports whether an earlier run has left an address.
func (p *Plan) isPending() bool { return p.pending.Text().IsSet() }

// isStored reports whether the store has the new address in its place.
func (p *Plan) isStored() bool {
	return p.isPending() && p.pending.Text().Reveal() == p.current.Text().Reveal()
}

// chooseRoles says which role is given a password, and which one is to log in no more.
func (p *Plan) chooseRoles(two []string) error {
	inUse := p.current.Role()
	if len(two) == 0 {
		p.Role = inUse
		if p.isPending() && p.noted.IsSet() {
			return &TwoRolesError{Old: p.noted.Reveal(), New: p.pending.Role()}
		}
		if p.isPending() && p.pending.Role() != inUse {
			return ErrPendingDiffers
		}
		return nil
	}
	at := slices.Index(two, inUse)
	if at < 0 {
		return ErrNotOfTheTwo
	}
	p.Role, p.OldRole = two[1-at], inUse
	if p.isStored() {
		p.Role, p.OldRole = inUse, two[1-at]
	}
	switch {
	case !p.isPending():
	case !p.noted.IsSet():
		return ErrOneRole
	case p.pending.Role() != p.Role || p.noted.Reveal() != p.OldRole:
		return &TwoRolesError{Old: p.noted.Reveal(), New: p.pending.Role()}
	}
	return nil
}

// openSession takes the connection that makes the change: with the account of Own, where that is the same server
// and has the right, or else with the account of the store, which may always change its own password.
func (p *Plan) openSession(ctx context.Context, parts Parts) error {
	var inStore Session
	if len(p.accepted) > 0 {
		session, err := parts.Server.Open(ctx, p.accepted[0].Text())
		if err != nil {
			return err
		}
		inStore = session
	}
	p.session = inStore
	var known Role
	if inStore != nil {
		var err error
		if known, err = inStore.Describe(ctx, p.Role); err != nil {
			return err
		}
		p.Pooled = known.Pooled
	}
	if !parts.Own.IsSet() || parts.Own.Reveal() == p.current.Text().Reveal() {
		return nil
	}
	own, err := parts.Server.Open(ctx, parts.Own)
	if err != nil {
		p.Notes = append(p.Notes, "the tool's own DATABASE_URL does not log in, so the account of the store makes the change")
		return nil //nolint:nilerr // the account of the store may do without it
	}
	role, err := own.Describe(ctx, p.Role)
	if err != nil || !role.MayAlter || role.Standby || inStore != nil && role.Server != known.Server {
		own.Close(ctx)
		return err
	}
	if inStore != nil {
		inStore.Close(ctx)
	}
	p.session = own
	return nil
}

// readRole checks that the role can be changed.
func (p *Plan) readRole(ctx context.Context) error {
	if p.session == nil {
		p.Iterations = DefaultIterations
		p.Notes = append(p.Notes, "no account can log in to look at the role; PgBouncer is told the new password first")
		return nil
	}
	role, err := p.session.Describe(ctx, p.Role)
	switch {
	case err != nil:
		return err
	case role.Standby:
		return ErrStandby
	case !role.Exists:
		return &UnequalError{[]Difference{{Text: fmt.Sprintf("there is no role %q", p.Role), Fix: "CREATE ROLE " + quoteName(p.Role) + " NOLOGIN"}}}
	case !role.MayAlter:
		return &MissingRightError{Role: p.Role, Account: role.Account, Grant: role.Missing}
	case role.Expired:
		return ErrExpired
	}
	p.Account, p.Encryption, p.Iterations, p.ValidUntil = role.Account, role.Encryption, max(role.Iterations, DefaultIterations), role.ValidUntil
	return nil
}

// readPool reads the entry of PgBouncer's file that is to be changed.
func (p *Plan) readPool(pool Pool) (err error) {
	if pool == nil {
		if p.Pooled {
			p.Notes = append(p.Notes, "a pool stands before the server: where it has passwords in a file of its own, name it with --userlist")
		}
		return nil
	}
	if p.entry, err = pool.Secret(p.Role); err != nil {
		return err
	}
	p.template = p.entry
	if p.OldRole != "" && !p.entry.IsSet() {
		if p.template, err = pool.Secret(p.OldRole); err != nil {
			return err
		}
	}
	if !p.template.IsSet() {
		return ErrNoEntry
	}
	return nil
}

// findWayBack finds the verifier that is put back where the change fails: what the server has, or what PgBouncer
// has, or one made from the old password.
func (p *Plan) findWayBack(ctx context.Context) error {
	if p.Stage == Stored {
		return nil
	}
	old := p.current.Password()
	if p.session != nil && p.Stage != Changed {
		read, err := p.session.Verifier(ctx, p.Role)
		if err != nil {
			return err
		}
		if read.IsSet() {
			p.oldVerifier, p.WayBack = read, "server"
			return nil
		}
	}
	if same, err := Verifies(p.entry, old); err == nil && same {
		p.oldVerifier, p.WayBack = p.entry, "userlist"
		return nil
	}
	made, err := MakeVerifier(old, p.Role, p.Iterations)
	if errors.Is(err, ErrNotASCII) {
		return ErrNoWayBack
	}
	p.oldVerifier, p.WayBack = made, "password"
	return err
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
