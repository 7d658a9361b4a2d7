package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// keyChecks returns the checks of the keys, and of values that nothing lists.
func keyChecks() []Check {
	return []Check{
		{ID: "OCMT-ENC-010", Severity: Critical, Title: "A key that is an example, patterned, malformed, reused, ignored or equal to another",
			Why:     "A key that can be guessed protects nothing; one of the wrong form makes every operation of the server throw.",
			LooksAt: "ENCRYPTION_KEY, ENCRYPTION_KEY_VERSION and the older keys", Right: "to read the settings of the server",
			NotFault: "Upper and lower case are one key: keys are compared by their bytes.",
			Fix:      "ocmt keygen encryption, then rotate to the new key",
			Source:   "operators' document, ENCRYPTION_KEY", look: with(func(s *Sources) Source[Settings] { return s.Settings }, lookAtKeys)},
		{ID: "OCMT-ENC-011", Severity: Medium, Title: "A ciphertext in a column that nothing lists, or in the old twin of a table",
			Why:     "A rotation passes it over, and it is lost with the old key.",
			LooksAt: "a sample of every column that can hold a text, and tables that are there under both of their names", Right: "SELECT on all tables",
			NotFault: "Base64 with colons: only what opens with a key that is set counts. Columns under other keys are listed as known.",
			Fix:      "list the column in ocmt.yaml under columns",
			Source:   "how the OCMT server encrypts values", look: with(func(s *Sources) Source[EncryptionSource] { return s.Encryption }, lookForUnlisted)},
		{ID: "OCMT-ENC-012", Severity: Info, Title: "Uses of the current key against the bound for random IVs",
			Why:     "With random IVs the chance that one repeats is to stay under 2^-32, which holds up to 2^32 uses of a key.",
			LooksAt: "the number of values under the current key, and the rows that the server has counted as written", Right: valuesRight,
			NotFault: "Updates of other columns count too, so that the figure is an upper bound.",
			Fix:      "ocmt rotate to a new key",
			Source:   "NIST SP 800-38D, section 8.3", look: with(func(s *Sources) Source[EncryptionSource] { return s.Encryption }, lookAtUses)},
	}
}

// harmlessKeyCodes are told elsewhere or work as they are: upper case is the same key, and a version
// without a key matters only where a value is under it.
var harmlessKeyCodes = []finding.Code{finding.Uppercase, finding.Gap}

// lookAtKeys looks at the settings of the keys alone.
func lookAtKeys(_ context.Context, _ *Sources, settings Settings) (Seen, error) {
	if secret.EncryptionKeySet(settings).IsEmpty() {
		return Seen{Gaps: []Gap{{What: secret.NameEncryptionKey, Reason: "it is not set here, nor is an older key",
			Grant: "name the env file of a management server with --env-file, or set its key in the environment"}}}, nil
	}
	seen := Seen{Looked: countThings(int64(1+len(olderKeyNames(settings))), "setting", "settings") + " of keys"}
	for _, found := range secret.CheckEncryptionKeys(secret.EncryptionKeySet(settings)) {
		if slices.Contains(harmlessKeyCodes, found.Code) {
			continue
		}
		fault := Fault{Object: found.Where + ", " + string(found.Code), Cause: found.Where, Message: found.Message, Fix: found.Fix,
			Expected: "32 random bytes as 64 hexadecimal characters", Actual: found.Evidence, File: settings.File(found.Where), Places: placeOf(settings, found.Where)}
		if found.Severity == finding.Warning {
			fault.Severity = Medium
		}
		seen.Faults = append(seen.Faults, fault)
	}
	seen.Faults = append(seen.Faults, findReusedKeys(settings)...)
	return seen, nil
}

// placeOf names where a setting was found.
func placeOf(settings Settings, name string) []string {
	if place := settings.Place(name); place != "" {
		return []string{place}
	}
	return nil
}

func olderKeyNames(settings Settings) []string {
	return slices.DeleteFunc(settings.Names(secret.NameOlderEncryptionKey), func(name string) bool { return name == secret.NameEncryptionKeyVersion })
}

// findReusedKeys finds other secrets that are a key too: who holds the one then holds the other.
func findReusedKeys(settings Settings) (faults []Fault) {
	for _, name := range append([]string{secret.NameEncryptionKey}, olderKeyNames(settings)...) {
		key, err := crypto.ParseKey(settings.Text(name))
		if err != nil {
			continue
		}
		for _, other := range ocmt.Settings() {
			if same, err := crypto.ParseKey(strings.TrimSpace(settings.Text(other.Name))); err == nil && same.Equal(key) {
				faults = append(faults, Fault{Object: name + ", " + other.Name, Cause: name, Message: "is also the value of " + other.Name, File: settings.File(name),
					Expected: "a key of its own", Actual: "one value for two secrets", Places: placeOf(settings, name), Fix: "ocmt keygen encryption, then rotate to the new key; and replace " + other.Name})
			}
		}
	}
	return faults
}

// lookForUnlisted searches the columns that the catalogue does not list.
func lookForUnlisted(ctx context.Context, sources *Sources, values EncryptionSource) (Seen, error) {
	census, err := values.census(ctx, sources)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Faults: census.findTwins()}
	switch {
	case census.keys.gap != nil:
		seen.Gaps = append(seen.Gaps, *census.keys.gap)
		return seen, nil
	case values.options.Search == nil:
		seen.Gaps = append(seen.Gaps, Gap{What: "columns that the catalogue does not list", Reason: "they were not searched"})
		return seen, nil
	}
	report, err := discover.Search(ctx, snapshots{values.options.Search}, census.keys.ring, discover.Request{Catalogue: values.options.Catalogue,
		Known: values.options.Known, Labels: census.keys.ring.Versions(), Depth: discover.Sample}, quietSearch{})
	if err != nil {
		return seen, err
	}
	seen.Looked = countThings(report.LookedAt, "value", "values") + " in " + countThings(int64(report.Columns), "column", "columns") + " of " + countThings(int64(report.Tables), "table", "tables")
	if sampled := int64(len(report.Sampled)); sampled > 0 {
		seen.Looked += ", of " + countThings(sampled, "table", "tables") + " by a sample alone: ocmt migrate columns --discover --full looks at all of it"
	}
	for _, find := range report.Unlisted {
		if find.Opened == 0 || find.Derived != "" {
			continue
		}
		seen.Faults = append(seen.Faults, Fault{Object: find.String(), Message: "holds values that open with a key that is set, and nothing lists it", Count: find.Opened,
			Expected: "a column of the catalogue or of ocmt.yaml", Actual: find.Evidence(), Fix: find.Fix(), Places: []string{find.String()}})
	}
	for _, unread := range report.Unread {
		seen.Gaps = append(seen.Gaps, Gap{What: unread.Where, Reason: unread.Message, Grant: unread.Fix})
	}
	return seen, nil
}

// findTwins finds tables that have values under their old name beside the new one.
func (c *valueCensus) findTwins() (faults []Fault) {
	for i, column := range c.columns {
		if column.table.Twin && c.values[i] > 0 {
			faults = append(faults, Fault{Object: column.String(), Cause: column.table.String(), Count: c.values[i], Places: []string{column.String()},
				Message: "has values, and a table with its new name is there too: no server reads these", Expected: "no values", Actual: "values beside the table that replaced it",
				Fix: "compare the two, move what is missing, then drop the old table"})
		}
	}
	return faults
}

// snapshots opens searchers that only read, and see the database at one moment.
type snapshots struct{ discover.Opener }

// OpenSearcher implements discover.Opener.
func (s snapshots) OpenSearcher(ctx context.Context) (discover.Searcher, error) {
	return s.OpenSnapshot(ctx)
}

// quietSearch is told how a search goes on, and passes nothing on.
type quietSearch struct{}

func (quietSearch) Phase(string)          {}
func (quietSearch) Table(string)          {}
func (quietSearch) Progress(int64, int64) {}

// The bounds of NIST SP 800-38D, section 8.3: 2^32 uses of a key, and half of that to be warned in time.
const (
	mostUses = 1 << 32
	warnUses = 1 << 31
)

// lookAtUses bounds how often the current key was used. Each write of a row can seal every column of it
// anew. What was written before the server's statistics began is not known.
func lookAtUses(ctx context.Context, sources *Sources, values EncryptionSource) (Seen, error) {
	census, err := values.census(ctx, sources)
	if err != nil {
		return Seen{}, err
	}
	if absent := census.absent(); absent != "" {
		return Seen{Absent: absent}, nil
	}
	if census.keys.gap != nil {
		return Seen{Gaps: []Gap{*census.keys.gap}}, nil
	}
	least := census.opened[census.keys.ids[census.keys.current]]
	writes, err := values.reader.Writes(ctx, census.tables.Tables)
	seen := Seen{Gaps: slices.Clone(census.gaps)}
	if isGap(err) {
		seen.Gaps = append(seen.Gaps, gapOf(Check{}, err))
	} else if err != nil {
		return seen, err
	}
	var most int64
	for i, count := range writes {
		most += count * int64(len(census.tables.Tables[i].Columns))
	}
	most = max(most, least)
	seen.Looked = fmt.Sprintf("version %d has sealed at least %d values, and at most %d as far as the server's statistics go back", census.keys.current, least, most)
	if most <= warnUses {
		return seen, nil
	}
	fault := Fault{Object: fmt.Sprintf("version %d", census.keys.current), Severity: Medium, Message: "has sealed so many values that a repeated IV comes near",
		Expected: fmt.Sprintf("at most %d uses", int64(mostUses)), Actual: fmt.Sprintf("at least %d and at most %d uses", least, most)}
	if most > mostUses {
		fault.Severity, fault.Message = High, "may have sealed more values than random IVs are safe for"
	}
	seen.Faults = append(seen.Faults, fault)
	return seen, nil
}

// lookAtOlder returns the look at values under older versions, which are information while a rotation is
// at work.
func lookAtOlder() func(context.Context, *Sources) (Seen, error) {
	return with(func(s *Sources) Source[EncryptionSource] { return s.Encryption }, func(ctx context.Context, sources *Sources, values EncryptionSource) (Seen, error) {
		severity := Severity(0)
		if running, err := values.reader.RotationAtWork(ctx); err == nil && running {
			severity = Info
		} else if err != nil && !isGap(err) {
			return Seen{}, err
		}
		return lookWithKeys(func(c *valueCensus) Seen { return c.judgeOlder(severity) })(ctx, sources)
	})
}

// sortByID puts checks in the order of their IDs.
func sortByID(checks []Check) []Check {
	return slices.SortedFunc(slices.Values(checks), func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
}
