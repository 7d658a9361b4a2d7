package rotation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
	"github.com/ocmt/ocmt/pkg/secret"
)

// refuse returns a *RefusedError about a key version.
func refuse(code finding.Code, version int, message, fix string) error {
	return &RefusedError{Finding: finding.Finding{Code: code, Severity: finding.Error, Where: versionName(version), Message: message, Fix: fix}}
}

// refuseStore refuses because of what a store has.
func refuseStore(store Placement, what, fix string) error {
	return &RefusedError{Finding: finding.Finding{Code: finding.StoreDiffers, Severity: finding.Error, Where: store.Place, Message: store.Place + ": " + what, Fix: fix}}
}

// checkAgreement refuses where the store and the settings of this process do not write with the same key.
func checkAgreement(store, settings Placement) error {
	switch {
	case settings.Problem != "":
		return refuseStore(settings, settings.Problem, "mend it; ocmt validate says more")
	case store.Keys[store.Version] == "":
		return refuseStore(store, "it has no "+secret.NameEncryptionKey, "name the place that has the key of the servers with --store; the first key of a new deployment comes from ocmt keygen encryption")
	case settings.Version != store.Version:
		return refuseStore(store, fmt.Sprintf("its %s is %d, and the settings of this process say %d", secret.NameEncryptionKeyVersion, store.Version, settings.Version),
			"take the keys out of the environment of this process, so that they come from the store, or name the store that belongs to them")
	case settings.Keys[settings.Version] != store.Keys[store.Version]:
		return refuseStore(store, fmt.Sprintf("its %s has the fingerprint %s, and that of this process %s", secret.NameEncryptionKey, store.Keys[store.Version], settings.Keys[settings.Version]),
			"take the keys out of the environment of this process, so that they come from the store, or name the store that belongs to them")
	case store.texts[SettingOf(store.Version)].IsSet() && store.texts[SettingOf(store.Version)].Reveal() != store.texts[secret.NameEncryptionKey].Reveal():
		return refuseStore(store, SettingOf(store.Version)+" and "+secret.NameEncryptionKey+" are spelt in two ways", "take "+SettingOf(store.Version)+" out: no server reads it")
	}
	return nil
}

// checkRecord refuses where the record has another version as the active one: a newer one, or an older one that a
// rollback has brought the values back to while the store still writes with the newer one.
func checkRecord(keys []RecordedKey, plan *BeginPlan) error {
	active := NewestIn(keys, Active)
	if active == nil || active.Version == plan.From {
		return nil
	}
	if active.Version < plan.From {
		if key := KeyOf(keys, plan.From); key == nil || key.State != DecryptOnly {
			return nil // the version of the store was not rolled back
		}
		return refuse(finding.UnfinishedRotation, active.Version,
			fmt.Sprintf("a rollback is not finished: the record has version %d as the active one again, and %s still writes with version %d", active.Version, plan.Store.Place, plan.From),
			Step{"put the older key back, then restart every server", putBackCommand(active.Version)}.String())
	}
	return refuse(finding.UnfinishedRotation, active.Version,
		fmt.Sprintf("the record has version %d as the active one, and %s has version %d", active.Version, plan.Store.Place, plan.From),
		stepToActive(active).String())
}

// checkUnused refuses a key from an offline copy that another version has.
func checkUnused(keys []RecordedKey, plan *BeginPlan) error {
	if plan.Made == "" {
		return nil
	}
	taken := func(version int) error {
		return refuse(finding.OtherKey, version, fmt.Sprintf("the key in the file is that of version %d", version), "name the file of a key that was not in use yet, or make one with --escrow")
	}
	for _, key := range keys {
		if key.Fingerprint == plan.Made {
			return taken(key.Version)
		}
	}
	for version, fingerprint := range plan.Store.Keys {
		if fingerprint == plan.Made {
			return taken(version)
		}
	}
	return nil
}

// stepToActive says how the key of the active version comes into one more store.
func stepToActive(active *RecordedKey) Step {
	if active.Begun == nil {
		return Step{Text: fmt.Sprintf("set ENCRYPTION_KEY, ENCRYPTION_KEY_VERSION=%d and the older keys here as the other servers have them", active.Version)}
	}
	return Step{"bring the key of fingerprint " + active.Fingerprint + " to this place, from its offline copy", "ocmt rotate begin --from-escrow " + cmp.Or(escrowFile(active), "FILE")}
}

// labelledText says how many values are labelled with something.
func labelledText(values int64) string {
	if values == 1 {
		return "1 value is labelled with"
	}
	return numberText(values) + " values are labelled with"
}

// numberText returns a number with a comma between thousands, as the screen has them.
func numberText(number int64) string {
	text := strconv.FormatInt(number, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// checkFinished refuses while an earlier rotation is unfinished: an older key is in the store or may still be
// needed, or values are under a version that was rolled back.
func checkFinished(keys []RecordedKey, plan *BeginPlan) error {
	labels := plan.Look.Labels()
	versions := findUnfinishedVersions(keys, plan, labels)
	if len(versions) == 0 {
		return nil
	}
	version := versions[0] // the others are told when this one is finished
	var reasons []string
	if labels[version] > 0 {
		reasons = append(reasons, labelledText(labels[version])+" it")
	}
	if plan.Store.Keys[version] != "" && version < plan.From {
		reasons = append(reasons, fmt.Sprintf("%s has its key", plan.Store.Place))
	}
	key := KeyOf(keys, version)
	if key != nil && key.isUnfinished() {
		reasons = append(reasons, "the record has it as "+string(key.State))
	}
	next := nextForOlder(key, version, labels[version])
	if version > plan.From {
		next = Step{fmt.Sprintf("bring its values back to version %d", plan.From), rollbackCommand(plan.From)}
	}
	return refuse(finding.UnfinishedRotation, version, fmt.Sprintf("an earlier rotation is not finished: version %d is still there: %s", version, strings.Join(reasons, ", ")), next.String())
}

// findUnfinishedVersions returns the versions, in their order, that are still there beside the current one.
// A newer one without values is a rollback that has ended.
func findUnfinishedVersions(keys []RecordedKey, plan *BeginPlan, labels map[int]int64) []int {
	there := map[int]bool{}
	for _, key := range keys {
		if key.isUnfinished() && key.Version < plan.From {
			there[key.Version] = true
		}
	}
	for version := range plan.Store.Keys {
		if version < plan.From {
			there[version] = true
		}
	}
	for version, values := range labels {
		if values > 0 && version != plan.From {
			there[version] = true
		}
	}
	return slices.Sorted(maps.Keys(there))
}

// refusePending refuses because a version was begun, and its key is not to be had here.
func refusePending(pending *RecordedKey, store Placement) error {
	begun := pending.Begun
	return refuse(finding.PendingKey, pending.Version, fmt.Sprintf("version %d was begun at %s by %s on %s, for %s, and %s does not have its key, fingerprint %s",
		pending.Version, pending.Created.UTC().Format(time.DateTime+" UTC"), begun.Operator, begun.Host, begun.Store, store.Place, pending.Fingerprint), adviseEscrow(pending))
}

// refuseForeign refuses to go on with a version that ocmt rotate begin has not begun.
func refuseForeign(key *RecordedKey) error {
	return refuse(finding.PendingKey, key.Version, fmt.Sprintf("the record has version %d as %s, and ocmt rotate begin has not made it", key.Version, key.State),
		"find out which tool has made its entry in encryption_keys, and what for")
}

// adviseEscrow says how to go on with a pending version whose key is in no store that is known.
func adviseEscrow(pending *RecordedKey) string {
	abandon := abandonCommand + " gives the version up, where its key is lost"
	switch file := escrowFile(pending); {
	case file != "":
		return "ocmt rotate begin --from-escrow " + file + " goes on with its offline copy; " + abandon
	case pending.Begun.Escrow == EscrowOutput:
		return "ocmt rotate begin --from-escrow FILE goes on with the offline copy, which went to standard output; " + abandon
	}
	return "it was begun without an offline copy: look into " + pending.Begun.Store + " on " + pending.Begun.Host + " for it; " + abandon
}

// escrowFile returns the file of the offline copy as a shell takes it, "" where there is none.
func escrowFile(key *RecordedKey) string {
	if key.Begun == nil || key.Begun.Escrow == EscrowOutput {
		return ""
	}
	return shellWord(key.Begun.Escrow)
}

// refuseEscrow refuses a key that is not that of the version.
func refuseEscrow(found *RecordedKey, fingerprint string) error {
	return refuse(finding.OtherKey, found.Version, fmt.Sprintf("the key in the file has the fingerprint %s, and that of version %d has %s", fingerprint, found.Version, found.Fingerprint),
		"name the file with the offline copy of that version")
}

// refuseGaps refuses because not everything could be looked at. The rights are those that all gaps want.
func refuseGaps(version int, gaps []Gap) error {
	message := "could not look at " + gaps[0].What
	if more := len(gaps) - 1; more > 0 {
		message += fmt.Sprintf(" and %d more", more)
	}
	var missing []finding.Right
	for _, gap := range gaps {
		missing = append(missing, gap.Reason.Missing...)
	}
	return &RefusedError{Finding: finding.Finding{Code: finding.Unreadable, Severity: finding.Error, Where: versionName(version), Message: message + ": " + gaps[0].Reason.Text,
		Fix: cmp.Or(finding.GrantText(missing), "see that it can be read, then run this again"), Rights: missing}}
}

// shellWord returns a text as a shell takes it for one word, "" for "".
func shellWord(text string) string {
	if text == "" || strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@") == "" {
		return text
	}
	return securefile.ShellQuote(text)
}
