package rotation

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// PutBacker puts an older key back in place after a rollback, as the one that servers write with.
type PutBacker struct {
	Record KeyRecord
	Store  secretstore.Store
	Look   func(context.Context) (*Look, error)
}

// PutBackPlan is what PutBack would do.
type PutBackPlan struct {
	To, From int // the version that the store is to write with, and the one that it does now
	Store    Placement
	Newer    int64 // values that are labelled with a newer version
	Done     bool  // the store writes with the version already
	changes  []secretstore.Change
	wanted   map[int]string // fingerprints by version that the store must have then
}

// Plan looks at the record, the store and the database, and writes nothing. It refuses a version that no
// rollback has made the active one: servers on it could not read the others' values. Errors: a
// *RefusedError, and those of the record, the store and the database.
func (p PutBacker) Plan(ctx context.Context, to int) (*PutBackPlan, error) {
	keys, err := p.Record.KeyStates(ctx)
	if err != nil {
		return nil, err
	}
	active := KeyOf(keys, to)
	if active == nil || active.State != Active {
		return nil, refuse(finding.NotRolledBack, to, fmt.Sprintf("the record does not have version %d as the active one, so the values were not brought back to it", to), rollbackCommand(to))
	}
	store, err := ReadPlacement(ctx, p.Store)
	if err != nil {
		return nil, err
	}
	plan := &PutBackPlan{To: to, From: store.Version, Store: store, Done: store.has(to, active.Fingerprint) && !store.texts[SettingOf(to)].IsSet()}
	if plan.Done {
		return plan, nil
	}
	if err := plan.fill(keys, active); err != nil {
		return nil, err
	}
	if err := plan.Store.checkKept(plan.changes); err != nil {
		return nil, err
	}
	if err := secretstore.TryFirst(ctx, p.Store, plan.changes...); err != nil {
		return nil, err
	}
	look, err := p.Look(ctx)
	if err != nil {
		return nil, err
	}
	for version, values := range look.Labels() {
		if version > to {
			plan.Newer += values
		}
	}
	return plan, nil
}

// fill fills in the changes. The keys are found by their fingerprints: an earlier command may have been cut
// off between two settings.
func (p *PutBackPlan) fill(keys []RecordedKey, active *RecordedKey) error {
	store, to := p.Store, p.To
	older := active.Fingerprint
	if older == "" && store.Problem == "" {
		older = store.Keys[to]
	}
	newer, from := store.texts[secret.NameEncryptionKey], SettingOf(store.Version)
	if store.currentFingerprint() == older && store.Version != to {
		newer = store.texts[from] // the newer one is there already
	}
	switch {
	case store.Problem != "" && !store.isBetween(older):
		return refuseStore(store, store.Problem, "mend it, and keep a copy of each key that you take out; ocmt validate says more")
	case !store.find(older).IsSet():
		return refuseStore(store, fmt.Sprintf("it does not have the key of version %d, fingerprint %s", to, older),
			fmt.Sprintf("put that key there as %s, from its offline copy, then run this again", SettingOf(to)))
	case !newer.IsSet():
		return refuseStore(store, fmt.Sprintf("it does not have the key of version %d", store.Version),
			fmt.Sprintf("put that key there as %s, from its offline copy, then run this again", from))
	case store.Version < to:
		return refuseStore(store, fmt.Sprintf("its %s is %d, which is older than %d", secret.NameEncryptionKeyVersion, store.Version, to),
			fmt.Sprintf("put the key of version %d there as %s, with %s=%d", to, secret.NameEncryptionKey, secret.NameEncryptionKeyVersion, to))
	}
	names := []string{secret.NameEncryptionKey, secret.NameEncryptionKeyVersion, SettingOf(to)}
	texts := map[string]secret.Value{secret.NameEncryptionKey: store.find(older), secret.NameEncryptionKeyVersion: secret.NewValue(strconv.Itoa(to))}
	p.wanted = map[int]string{to: older}
	if store.Version > to {
		names, texts[from], p.wanted[store.Version] = append([]string{from}, names...), newer, FingerprintOf(newer)
	}
	p.changes = store.changes(names, texts)
	return nil
}

// PutBack changes the store, reads it back, and records it.
func (p PutBacker) PutBack(ctx context.Context, plan *PutBackPlan) error {
	if !plan.Done {
		if err := p.Store.Apply(ctx, plan.changes...); err != nil {
			return fmt.Errorf("putting the key back in place: %w", err)
		}
		if err := checkPlaced(ctx, p.Store, plan.wanted, plan.To); err != nil {
			return err
		}
	}
	return p.Record.RecordPutBack(ctx, plan.To, p.Store.Place())
}

// Next returns what is to be done when the key is back in place.
func (p *PutBackPlan) Next() []Step {
	return []Step{{"after the restart of every server, bring back what was written meanwhile", rollbackCommand(p.To)}}
}
