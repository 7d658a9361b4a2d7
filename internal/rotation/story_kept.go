package rotation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// isBetween reports whether the keys can be put together but for the one that servers write with, which has
// one of the fingerprints. A change of a place that was cut off between two settings leaves it so.
func (p *Placement) isBetween(fingerprints ...string) bool {
	rest := maps.Clone(p.texts)
	delete(rest, secret.NameEncryptionKey)
	others, current := NewPlacement(p.Place, rest), p.currentFingerprint()
	return others.Problem == "" && current != "" && slices.Contains(fingerprints, current)
}

// currentFingerprint returns that of ENCRYPTION_KEY, "" where it holds no key.
func (p *Placement) currentFingerprint() string {
	return FingerprintOf(p.texts[secret.NameEncryptionKey])
}

// checkKept refuses changes that drop a key which stands in no other setting of the place: it can be the only
// copy of it.
func (p *Placement) checkKept(changes []secretstore.Change) error {
	after := maps.Clone(p.texts)
	for _, change := range changes {
		after[change.Name] = change.New
	}
	then := NewPlacement(p.Place, after)
	for _, change := range changes {
		fingerprint := FingerprintOf(change.Old)
		if change.Name == secret.NameEncryptionKeyVersion || !change.Old.IsSet() || then.find(fingerprint).IsSet() {
			continue
		}
		return refuseStore(*p, fmt.Sprintf("its %s holds a key that stands in no other setting, fingerprint %s, and would be overwritten", change.Name, fingerprint),
			fmt.Sprintf("keep a copy of that key offline, because values may need it, and take %s out; then run this again", change.Name))
	}
	return nil
}

// placing returns the changes that put a key in place, in an order that leaves no key without a setting.
func (p *BeginPlan) placing(key secret.Value) []secretstore.Change {
	names := []string{SettingOf(p.From), secret.NameEncryptionKey, secret.NameEncryptionKeyVersion}
	if p.withoutOlder() {
		names = names[1:]
	}
	return p.Store.changes(names, map[string]secret.Value{
		SettingOf(p.From): p.older, secret.NameEncryptionKey: key, secret.NameEncryptionKeyVersion: secret.NewValue(strconv.Itoa(p.To))})
}

// withoutOlder reports whether the place gets the new key alone: the one before it is retired, and not there.
func (p *BeginPlan) withoutOlder() bool { return p.Retired && !p.older.IsSet() }

// wanted returns the fingerprints by version that the place must have when the key is in place.
func (p *BeginPlan) wanted() map[int]string {
	if p.withoutOlder() {
		return map[int]string{p.To: p.Made}
	}
	return map[int]string{p.To: p.Made, p.From: p.Before}
}

// checkTakeUp refuses where the key of a version cannot be put in place, or another one would be lost by it.
func (b Beginner) checkTakeUp(plan *BeginPlan) error {
	found, store, current := plan.TakenUp, plan.Store, plan.Store.currentFingerprint()
	switch {
	case store.Version > plan.To:
		return refuseStore(store, fmt.Sprintf("its %s is %d, which is newer than %d", secret.NameEncryptionKeyVersion, store.Version, plan.To), adviseNewer(found))
	case b.Known.IsSet() && FingerprintOf(b.Known) != plan.Made:
		return refuseEscrow(found, FingerprintOf(b.Known))
	case !plan.key.IsSet() && !b.Known.IsSet():
		return refusePending(found, store)
	case store.Problem != "" && !store.isBetween(plan.Before, plan.Made):
		return refuseStore(store, store.Problem, "mend it, and keep a copy of each key that you take out; ocmt validate says more")
	case current != "" && current != plan.Before && current != plan.Made:
		return refuseStore(store, fmt.Sprintf("its %s has the fingerprint %s, which is neither that of version %d nor that of version %d, and would be overwritten",
			secret.NameEncryptionKey, current, plan.From, plan.To), adviseOther(plan))
	case !plan.older.IsSet() && !plan.Retired:
		return refuseStore(store, fmt.Sprintf("it does not have the key of version %d, fingerprint %s", plan.From, plan.Before),
			fmt.Sprintf("put the key of version %d there as %s, then run this again", plan.From, SettingOf(plan.From)))
	}
	return nil
}

// adviseNewer says what to do where a place writes with a newer version than the one that goes there.
func adviseNewer(found *RecordedKey) string {
	if found.State == Active {
		return putBackCommand(found.Version)
	}
	return statusCommand + " shows what the record, the store and the settings have"
}

// adviseOther says what to do with a key of the place that is not the one that is expected there.
func adviseOther(plan *BeginPlan) string {
	if version := plan.Store.Version; version != plan.From && version != plan.To && plan.Store.Keys[version] == plan.Store.currentFingerprint() {
		return fmt.Sprintf("move that key to %s, where it is kept and servers only read with it, then run this again", SettingOf(version))
	}
	return fmt.Sprintf("keep a copy of that key offline, because values may need it, and take %s out; then run this again", secret.NameEncryptionKey)
}
