package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Store is a place that keeps tokens: what of secretstore.Store is needed.
type Store interface {
	Place() string
	Get(ctx context.Context, name string) (secret.Value, error)
	Apply(ctx context.Context, changes ...secretstore.Change) error
	Try(ctx context.Context, changes ...secretstore.Change) error
}

// Holder is a setting of a store that holds the token.
type Holder struct {
	Store     Store
	Setting   string
	Component secret.Component // whose setting it is
	// Optional says that the setting may be without the token. It gets the new one all the same.
	Optional bool
}

// Name names the setting and its place.
func (h Holder) Name() string { return h.Setting + " in " + h.Store.Place() }

// Content says what a holder holds.
type Content string

// The contents.
const (
	Old     Content = "old"
	New     Content = "new"
	None    Content = "none"
	Another Content = "another"
	Unread  Content = "unread"
)

// Begun is a change that the record has as begun and not as ended.
type Begun struct {
	OldFingerprint string // "" where the old one has none
	NewFingerprint string
}

// Request says what is to be changed.
type Request struct {
	Holders []Holder
	Begun   []Begun // several where two runs began at once
	// Resume goes on with the change that was begun, rather than with a new token.
	Resume bool
}

// Plan is a change that can be made.
type Plan struct {
	Holders []Holder
	Before  []Content    // what each holder held: Old, New or None
	Old     secret.Value // not set where no holder held one, and where all hold the new one already
	New     secret.Value
}

// IsWritten reports whether every holder holds the new token already.
func (p *Plan) IsWritten() bool {
	for _, content := range p.Before {
		if content != New {
			return false
		}
	}
	return true
}

// The reasons why there is no plan.
var (
	// ErrNothingBegun says that the record has no change that was begun and that any place holds.
	ErrNothingBegun = errors.New("no change was begun and left unfinished, by the record and by what the places hold")
	// ErrSame says that the old token and the new one are the same.
	ErrSame = errors.New("the old token and the new one are the same")
	// ErrTwice says that two holders are one setting of one store.
	ErrTwice = errors.New("it is named twice")
)

// UnsetError says that settings have no token to change.
type UnsetError struct{ Names []string }

// Error names them.
func (e *UnsetError) Error() string { return "not set: " + join(e.Names) }

// DifferError says that the holders do not hold the same token.
type DifferError struct{ Groups [][]string } // the names of those that hold the same

// Error names them.
func (e *DifferError) Error() string {
	text := "the places hold different tokens"
	for i, names := range e.Groups {
		link := "; another one: "
		if i == 0 {
			link = ": one is in "
		}
		text += link + join(names)
	}
	return text
}

// UnfinishedError says that an earlier change did not end: some holders have its new token.
type UnfinishedError struct{ New, Others []string }

// Error names them.
func (e *UnfinishedError) Error() string {
	text := "an earlier change of this token did not end: the new one is in " + join(e.New)
	if len(e.Others) > 0 {
		text += ", and not in " + join(e.Others)
	}
	return text
}

// MakePlan reads every holder, and decides what is to be written. generate makes a token; fingerprint names
// one. Whether each place takes its change is tried. Errors: ErrTwice, ErrNothingBegun, ErrSame, *UnsetError,
// *DifferError, *UnfinishedError, those of the stores, and of what is tried in a *secretstore.TrialError.
func MakePlan(ctx context.Context, request Request, generate func() (string, error), fingerprint func(text string) string) (*Plan, error) {
	held, err := readAll(ctx, request.Holders)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Holders: request.Holders}
	var begun Begun
	plan.New, begun = findNew(held, request.Begun, fingerprint)
	switch {
	case plan.New.IsSet() && !request.Resume:
		return nil, plan.unfinished(held)
	case request.Resume && !plan.New.IsSet():
		return nil, ErrNothingBegun
	}
	if err := plan.compare(held, begun, fingerprint); err != nil {
		return nil, err
	}
	if request.Resume {
		return plan, plan.try(ctx)
	}
	text, err := generate()
	if err != nil {
		return nil, fmt.Errorf("making a token: %w", err)
	}
	if plan.New = secret.NewValue(text); text == plan.Old.Reveal() {
		return nil, ErrSame
	}
	return plan, plan.try(ctx)
}

// try finds the places that would not take the new token, before the first one has it.
func (p *Plan) try(ctx context.Context) error {
	for i, holder := range p.Holders {
		if p.Before[i] == New {
			continue
		}
		if err := secretstore.TryFirst(ctx, holder.Store, secretstore.Change{Name: holder.Setting, Old: p.before(i), New: p.New}); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads every holder.
func readAll(ctx context.Context, holders []Holder) (held []secret.Value, err error) {
	seen := map[string]bool{}
	for _, holder := range holders {
		if seen[holder.Name()] {
			return nil, fmt.Errorf("%s: %w", holder.Name(), ErrTwice)
		}
		seen[holder.Name()] = true
		value, err := holder.Store.Get(ctx, holder.Setting)
		if err != nil {
			return nil, err
		}
		held = append(held, value)
	}
	return held, nil
}

// findNew returns the token of a change that was begun, and that change; not set where no holder has one.
func findNew(held []secret.Value, list []Begun, fingerprint func(string) string) (secret.Value, Begun) {
	for _, begun := range list {
		for _, value := range held {
			if value.IsSet() && begun.NewFingerprint != "" && fingerprint(value.Reveal()) == begun.NewFingerprint {
				return value, begun
			}
		}
	}
	return secret.Value{}, Begun{}
}

// unfinished returns the error of a change that did not end.
func (p *Plan) unfinished(held []secret.Value) error {
	found := &UnfinishedError{}
	for i, holder := range p.Holders {
		if held[i].Reveal() == p.New.Reveal() {
			found.New = append(found.New, holder.Name())
		} else {
			found.Others = append(found.Others, holder.Name())
		}
	}
	return found
}

// compare finds the old token, and refuses holders that hold a third one, or none.
func (p *Plan) compare(held []secret.Value, begun Begun, fingerprint func(string) string) error {
	var unset []string
	groups := map[string][]string{}
	var order []string
	for i, holder := range p.Holders {
		text := held[i].Reveal()
		switch {
		case text == "" && !holder.Optional:
			unset = append(unset, holder.Name())
		case text == "":
			p.Before = append(p.Before, None)
		case p.New.IsSet() && text == p.New.Reveal():
			p.Before = append(p.Before, New)
		default:
			p.Before, p.Old = append(p.Before, Old), held[i]
			if groups[text] == nil {
				order = append(order, text)
			}
			groups[text] = append(groups[text], holder.Name())
		}
	}
	differ := &DifferError{}
	for _, text := range order {
		differ.Groups = append(differ.Groups, groups[text])
	}
	switch {
	case len(unset) > 0:
		return &UnsetError{unset}
	case len(order) > 1:
		return differ
	case p.New.IsSet() && p.Old.IsSet() && fingerprint(p.Old.Reveal()) != begun.OldFingerprint:
		return &DifferError{Groups: [][]string{p.named(New), groups[order[0]]}}
	}
	return nil
}

// named returns the names of the holders that held something before.
func (p *Plan) named(content Content) (names []string) {
	for i, holder := range p.Holders {
		if p.Before[i] == content {
			names = append(names, holder.Name())
		}
	}
	return names
}
