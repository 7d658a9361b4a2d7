package audit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/internal/ivset"
	"github.com/ocmt/ocmt/pkg/secret"
)

// valuesLookedAt is where all checks of this file look.
const (
	valuesLookedAt = "every value of the columns under ENCRYPTION_KEY, opened in memory"
	valuesRight    = "SELECT on the listed columns"
)

// openingChecks returns the checks of what opens the values.
func openingChecks() []Check {
	return []Check{
		{ID: "OCMT-ENC-001", Severity: Critical, Title: "A value that no configured key opens",
			Why:     "What it holds is lost until its key or an intact copy is found. A gateway token that does not open is used as it is stored.",
			LooksAt: valuesLookedAt, Right: valuesRight,
			NotFault: "A plaintext gateway token, which OCMT itself writes; a value under a version without a key (OCMT-ENC-003, -004).",
			Fix:      "find the key that wrote it and set it as ENCRYPTION_KEY_Vn, or restore the value from a backup; never overwrite it. ocmt migrate verify lists the rows",
			Source:   "how the OCMT server encrypts values", look: lookWithKeys((*valueCensus).judgeUnopened)},
		{ID: "OCMT-ENC-002", Severity: High, Title: "A value that opens under another key than its label says",
			Why:     "The server opens a value with the key of its label, so it fails on this one. The key that does open it looks unused and is thrown away.",
			LooksAt: valuesLookedAt, Right: valuesRight,
			NotFault: "Two versions that hold one key (OCMT-ENC-010).",
			Fix:      "keep the key that opens it, then ocmt rotate --repair-labels moves it under the current key",
			Source:   "how the OCMT server encrypts values", look: lookWithKeys((*valueCensus).judgeMislabelled)},
		{ID: "OCMT-ENC-003", Severity: Critical, Title: "A version in use whose key is not configured",
			Why:     "Every server throws at each of these values. A gateway token is then used as it is stored: the ciphertext becomes the token.",
			LooksAt: valuesLookedAt, Right: valuesRight,
			NotFault: "A version above the current one (OCMT-ENC-004). With several servers, compare their env files.",
			Fix:      "set ENCRYPTION_KEY_Vn to the key of that version on every server",
			Source:   "how the OCMT server encrypts values", look: lookWithKeys((*valueCensus).judgeMissingKeys)},
		{ID: "OCMT-ENC-004", Severity: High, Title: "A label above the current version, or without a number",
			Why:     "A server never loads a key above its current version, and its own tools pass over such values.",
			LooksAt: valuesLookedAt, Right: valuesRight,
			NotFault: "An audit that ran with an old env file: the finding says which version was taken for the current one.",
			Fix:      "raise ENCRYPTION_KEY_VERSION, with its key, on all servers; enter values without a number again",
			Source:   "how the OCMT server encrypts values", look: lookWithKeys((*valueCensus).judgeLabels)},
		{ID: "OCMT-ENC-005", Severity: Medium, Title: "Values that are still under an older version",
			Why:     "The old key cannot be retired, and whoever has it reads these values.",
			LooksAt: valuesLookedAt, Right: valuesRight,
			NotFault: "A rotation that is at work: told as information.",
			Fix:      "ocmt rotate --from-version with the older version",
			Source:   "operators' document, Key Rotation", look: lookAtOlder()},
		{ID: "OCMT-ENC-007", Severity: Critical, Title: "One IV used for two different messages under one key",
			Why:     "Whoever has both values learns the XOR of their plaintexts, and can forge values under the key.",
			LooksAt: "the IV of every value of the columns under ENCRYPTION_KEY, by the key that opens it", Right: valuesRight,
			NotFault: "Copies of one value, and one IV under different keys. Version 0 and the legacy form are one key.",
			Fix:      "ocmt rotate to a new key, and replace the secrets in these values where they were made",
			Source:   "NIST SP 800-38D, section 8", look: lookWithKeys((*valueCensus).judgeIVs)},
	}
}

func (c *valueCensus) judgeUnopened() (seen Seen) {
	for _, key := range c.flaws.of(flawUnopened, flawDamaged) {
		fault := c.fault(key, fmt.Sprintf(", version %d", key.version))
		fault.Message, fault.Expected, fault.Actual = "no key that is set opens it", "a value that opens", "none of "+countThings(int64(len(c.keys.names)), "key", "keys")+" opens it"
		if key.flaw == flawDamaged {
			fault = c.fault(key, ", damaged")
			fault.Message, fault.Expected, fault.Actual = "it is like a ciphertext, and no server reads it as one: it was cut or changed", "v{N}:iv:tag:text", "another form"
		}
		if c.columns[key.column].column.PlaintextAllowed {
			fault.Message += "; the server uses the stored text itself as the token"
		}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen
}

func (c *valueCensus) judgeMislabelled() (seen Seen) {
	for _, key := range c.flaws.of(flawMislabelled) {
		name := c.keys.names[key.opens]
		fault := c.fault(key, fmt.Sprintf(", version %d, key of %s", key.version, name))
		fault.Cause = fmt.Sprintf("values labelled version %d", key.version)
		fault.Message, fault.Expected, fault.Actual = "open with the key of "+name, fmt.Sprintf("the key of version %d", key.version), "the key of "+name
		seen.Faults = append(seen.Faults, fault)
	}
	return seen
}

func (c *valueCensus) judgeMissingKeys() (seen Seen) {
	for _, key := range c.flaws.of(flawMissingKey) {
		name := secret.NameOlderEncryptionKey + strconv.Itoa(key.version)
		fault := c.fault(key, fmt.Sprintf(", version %d", key.version))
		fault.Cause = fmt.Sprintf("version %d", key.version)
		fault.Message, fault.Expected, fault.Actual = "is in use and its key is not set", name, "not set"
		fault.Fix = "set " + name + " to the key of that version on every server"
		seen.Faults = append(seen.Faults, fault)
	}
	return seen
}

func (c *valueCensus) judgeLabels() (seen Seen) {
	for _, key := range c.flaws.of(flawAbove, flawAboveNoKey, flawBadLabel) {
		fault := c.fault(key, fmt.Sprintf(", version %d", key.version))
		fault.Cause = fmt.Sprintf("version %d", key.version)
		fault.Message = fmt.Sprintf("is in use and above the current version, which is %d here", c.keys.current)
		fault.Expected, fault.Actual = fmt.Sprintf("at most version %d", c.keys.current), fault.Cause
		switch key.flaw {
		case flawAboveNoKey:
			fault.Severity = Critical
			fault.Actual += ", and no key that is set opens it"
		case flawBadLabel:
			fault.Object = c.columns[key.column].String() + ", no version"
			fault.Cause = "labels without a version"
			fault.Message, fault.Expected, fault.Actual = "no server has a key for them", "v and a whole number", "no number, or none that is a version"
			fault.Fix = "enter the values again through OCMT, or restore them from a backup"
		}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen
}

// judgeOlder counts the values under older versions. A fault has its severity.
func (c *valueCensus) judgeOlder(severity Severity) (seen Seen) {
	for i, versions := range c.versions {
		for _, label := range slices.Sorted(maps.Keys(versions)) {
			if _, configured := c.keys.ids[label]; label >= c.keys.current || !configured {
				continue // without its key nothing can be rotated, and the check of missing keys says so
			}
			seen.Faults = append(seen.Faults, Fault{Object: fmt.Sprintf("%s, version %d", c.columns[i], label), Cause: fmt.Sprintf("version %d", label),
				Severity: severity, Message: "still has values", Expected: fmt.Sprintf("version %d", c.keys.current), Actual: fmt.Sprintf("version %d", label),
				Count: versions[label], Places: []string{fmt.Sprintf("%s: %s", c.columns[i], countThings(versions[label], "value", "values"))},
				Fix: fmt.Sprintf("ocmt rotate --from-version %d", label)})
		}
	}
	return seen
}

func (c *valueCensus) judgeIVs() (seen Seen) {
	if c.ivErr != nil {
		return Seen{Gaps: []Gap{{What: "the IVs of all values", Reason: c.ivErr.Error()}}}
	}
	for _, id := range slices.Sorted(maps.Keys(c.repeats)) {
		seen.Faults = append(seen.Faults, c.repeatFault(c.keys.names[int(id)], c.repeats[id]))
	}
	if c.unopened > 0 {
		seen.Gaps = []Gap{{What: "the IVs of " + countThings(c.unopened, "value", "values") + " that no key opens",
			Reason: "which key they are under is not known, so that their IVs cannot be compared"}}
	}
	return seen
}

func (c *valueCensus) repeatFault(name string, found ivset.Repeats[ivPlace]) Fault {
	places := make([]string, len(found.Places))
	for i, place := range found.Places {
		places[i] = c.columns[place.column].place([]byte(place.key)) + ", " + c.columns[place.column].column.Name
	}
	return Fault{Object: name, Message: "has sealed different messages with one IV", Count: found.Values, Places: places,
		Expected: "an IV of its own for each message", Actual: countThings(found.IVs, "IV", "IVs") + " in " + countThings(found.Values, "value", "values")}
}
