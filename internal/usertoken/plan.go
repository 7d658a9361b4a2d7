package usertoken

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Request is what is to be renewed.
type Request struct {
	Selection Selection
	// KeyConfirmed says that the operator has named the key to seal with by its fingerprint.
	KeyConfirmed bool
}

// Count is how many tokens have one form.
type Count struct {
	Form    Form   `json:"form"`
	Version *int   `json:"version"` // of the key; null for what is not sealed
	Reason  string `json:"reason"`  // why they are not understood, as a code; "" for others
	Tokens  int64  `json:"tokens"`
}

// LeftAlone is a token that is not understood, or unknown, and is left as it is.
type LeftAlone struct {
	User   string `json:"user"` // id
	Form   Form   `json:"form"`
	Reason string `json:"reason"`
}

// Plan is the census of the tokens, and what is to be done with them.
type Plan struct {
	Request   Request
	Table     Table
	Counts    []Count
	LeftAlone []LeftAlone

	entries   []entry
	sealed    int64 // of entries
	keyProven bool  // the servers have the key to seal with
}

// entry is a token that is to be renewed.
type entry struct {
	user  string
	old   digest // of the token of the census
	made  digest // of the one that was written in its place; zero for none
	state state
}

// state is what the last look saw of an entry.
type state uint8

const (
	stateOld state = iota // the token of the census
	stateNew              // the one that was made
	stateOther
	stateGone
)

// Renewable returns how many tokens are to be renewed.
func (p *Plan) Renewable() int64 { return int64(len(p.entries)) }

// KeyError says that nothing shows that the servers have the key that new tokens would be sealed with. A server that
// cannot open a sealed token takes the ciphertext itself for the token.
type KeyError struct {
	Version     int
	Fingerprint string
	Tried       int // tokens under its version, none of which it opens
}

// Error says what was tried.
func (e *KeyError) Error() string {
	tried := "there is no token under version %d to try it with"
	if e.Tried > 0 {
		tried = "it opens none of the tokens under version %d that were tried"
	}
	return fmt.Sprintf("nothing shows that the servers have the key of version %d (fingerprint %s): "+tried, e.Version, e.Fingerprint, e.Version)
}

// MakePlan takes the census. Errors: ErrNothingSelected, ErrAllAndMore, *BarredError, *KeyError.
func MakePlan(ctx context.Context, sources Sources, request Request, reporter Reporter) (*Plan, error) {
	if err := request.Selection.Validate(); err != nil {
		return nil, err
	}
	table, err := sources.Store.Check(ctx)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Request: request, Table: table}
	reporter.Phase("reading")
	counts := map[countKey]int64{}
	read := int64(0)
	err = sources.Store.Census(ctx, request.Selection, func(row Row) error {
		plan.add(row, parse(row.Text.Reveal(), sources.Ring), counts)
		read++
		reporter.Progress(read, 0)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tokens: %w", err)
	}
	plan.Counts = listCounts(counts)
	plan.keyProven = request.KeyConfirmed
	if plan.sealed > 0 && !plan.keyProven {
		if err := proveKey(ctx, sources); err != nil {
			return nil, err
		}
		plan.keyProven = true
	}
	return plan, nil
}

// countKey is what the tokens of a Count have in common.
type countKey struct {
	form    Form
	version int
	reason  string
}

// add takes a row into the plan.
func (p *Plan) add(row Row, found token, counts map[countKey]int64) {
	counts[countKey{found.form, found.version, found.reason}]++
	switch found.form {
	case Sealed, Clear:
		p.entries = append(p.entries, entry{user: row.User, old: found.digest})
		if found.form == Sealed {
			p.sealed++
		}
	default:
		p.LeftAlone = append(p.LeftAlone, LeftAlone{User: row.User, Form: found.form, Reason: found.reason})
	}
}

// listCounts returns the counts: what is renewed first, and by version.
func listCounts(counts map[countKey]int64) []Count {
	order := []Form{Sealed, Clear, Unknown, NotUnderstood}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.form), slices.Index(order, b.form)), cmp.Compare(a.version, b.version), cmp.Compare(a.reason, b.reason))
	})
	list := make([]Count, len(keys))
	for i, key := range keys {
		list[i] = Count{Form: key.form, Reason: key.reason, Tokens: counts[key]}
		if key.form == Sealed {
			list[i].Version = &key.version
		}
	}
	return list
}

// maxSamples is how many tokens the key to seal with is tried with.
const maxSamples = 100

// proveKey tries the key to seal with on what stands under its version already.
func proveKey(ctx context.Context, sources Sources) error {
	current := sources.Ring.Current()
	samples, err := sources.Store.Samples(ctx, current, maxSamples)
	if err != nil {
		return fmt.Errorf("reading tokens to try the key with: %w", err)
	}
	for _, sample := range samples {
		ciphertext, err := crypto.Parse(sample.Reveal())
		if err != nil || ciphertext.Version != current {
			continue
		}
		if plaintext, err := sources.Ring.Open(ciphertext); err == nil {
			clear(plaintext)
			return nil
		}
	}
	key, _ := sources.Ring.Key(current)
	return &KeyError{Version: current, Fingerprint: key.Fingerprint(), Tried: len(samples)}
}
