package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// A version whose sample fails in part has either damaged values, which are set
// aside one by one, or a second key under the same version, which must stop the
// run. A failure of one value in maxFailedShare is more damage than a database in
// use is expected to have. Fewer failures than minFailedValues are damage that an
// earlier run left behind: these values are set aside again, and a key that opens
// nothing writes nothing. This does not hold for the key to reach. That key writes
// even where it opens nothing, so one value that it does not open, with none that
// it does, makes it the wrong key.
const (
	minFailedValues = 8
	maxFailedShare  = 5
)

// sampleResult is what opening the samples of one version came to.
type sampleResult struct {
	tried, failed int
	openedBy      map[int]int // failed values, by the other version whose key opens them
}

// checkKeys is the canary: it opens the samples of every version that the request
// leaves or reaches, and returns what makes the keys unfit.
func checkKeys(request Request, ring *crypto.Keyring, columns []ColumnCount) []finding.Finding {
	results := map[int]*sampleResult{}
	opener := crypto.NewResealer(ring, nil)
	for _, column := range columns {
		for version, count := range column.versions {
			if !request.Leaves(version) && version != request.To {
				continue
			}
			result := results[version]
			if result == nil {
				result = &sampleResult{openedBy: map[int]int{}}
				results[version] = result
			}
			if _, known := ring.Key(version); !known {
				continue
			}
			for _, value := range count.sample.values {
				result.add(version, value.openedBy(opener, ring))
			}
		}
	}
	var found []finding.Finding
	for _, version := range slices.Sorted(maps.Keys(results)) {
		check := keyCheck{request: request, ring: ring, version: version, result: results[version], results: results}
		found = append(found, check.judge(totalOf(columns, version))...)
	}
	return found
}

// totalOf returns how many values of all columns are under a version.
func totalOf(columns []ColumnCount, version int) (total int64) {
	for _, column := range columns {
		total += column.ByVersion[version]
	}
	return total
}

// add counts a value of a version by the version whose key opens it, -1 for none.
func (r *sampleResult) add(version, openedBy int) {
	r.tried++
	if openedBy == version {
		return
	}
	r.failed++
	if openedBy >= 0 {
		r.openedBy[openedBy]++
	}
}

// mostOpened returns the other version whose key opens most of the failed values,
// or -1.
func (r *sampleResult) mostOpened() int {
	most := -1
	for version, count := range r.openedBy {
		if most < 0 || count > r.openedBy[most] {
			most = version
		}
	}
	return most
}

// evidence says what was tried.
func (r *sampleResult) evidence() string {
	return fmt.Sprintf("%d values tried, %d did not open", r.tried, r.failed)
}

// keyCheck judges the key of one version by the result of its samples.
type keyCheck struct {
	request Request
	ring    *crypto.Keyring
	version int
	result  *sampleResult
	results map[int]*sampleResult // of all versions
}

// judge returns the finding that applies to the key, if any: there is no key, it is
// the key of another version, or it does not open what it should.
func (k keyCheck) judge(values int64) []finding.Finding {
	if _, known := k.ring.Key(k.version); !known {
		return []finding.Finding{k.missing(values)}
	}
	r := k.result
	all := r.tried > 0 && r.failed == r.tried
	many := r.tried >= minFailedValues && r.failed*maxFailedShare >= r.tried
	if all && k.isUnconfirmedTarget() && r.openedBy[r.mostOpened()]*maxFailedShare < r.tried {
		return []finding.Finding{k.wrongTarget()}
	}
	if other := k.otherVersion(); other >= 0 && (all || many) {
		switch {
		case k.isSwappedWith(other):
			return []finding.Finding{k.swapped(other)}
		case k.mayRepair(other):
			return nil
		}
		return []finding.Finding{k.mislabelled(other)}
	}
	switch {
	case !many || k.isAllowed():
		return nil
	case all:
		return []finding.Finding{k.wrongSource()}
	default:
		return []finding.Finding{k.mixed()}
	}
}

// isUnconfirmedTarget reports whether the key is the one to reach, and the operator has
// not named it by its fingerprint.
func (k keyCheck) isUnconfirmedTarget() bool {
	return k.version == k.request.To && !k.request.KeyConfirmed
}

// isAllowed reports whether the operator wants to go on although values do not open.
func (k keyCheck) isAllowed() bool {
	return k.request.AllowUnopenable || k.version == k.request.To && k.request.KeyConfirmed
}

// otherVersion returns the lowest other version whose key opens more than a few of the
// failed values, or -1.
func (k keyCheck) otherVersion() int {
	for _, other := range k.ring.Versions() {
		if n := k.result.openedBy[other]; n > 0 && n*maxFailedShare >= k.result.tried {
			return other
		}
	}
	return -1
}

// found makes a finding about the version.
func (k keyCheck) found(code finding.Code, message, fix string) finding.Finding {
	return finding.Finding{Code: code, Severity: finding.Error, Where: "key version " + strconv.Itoa(k.version), Message: message, Evidence: k.result.evidence(), Fix: fix}
}

func (k keyCheck) missing(values int64) finding.Finding {
	return k.found(finding.MissingVersion,
		fmt.Sprintf("%d values are under it and no key of it is set", values),
		fmt.Sprintf("set ENCRYPTION_KEY_V%d to the key of that version", k.version))
}

func (k keyCheck) wrongTarget() finding.Finding {
	return k.found(finding.WrongKey,
		fmt.Sprintf("values would be brought under its key, and that opens none of the %d values tried that are under it already: it is the wrong key, or these are damaged", k.result.tried),
		"compare the fingerprint that ocmt validate shows with that of the key on the server; where they are the same, give it as --expect-key, and the damaged values are set aside")
}

func (k keyCheck) wrongSource() finding.Finding {
	return k.found(finding.WrongKey,
		fmt.Sprintf("none of the %d values tried opens with the key that is set for it: it is the wrong key", k.result.tried),
		"compare the fingerprint that ocmt validate shows with that of the key on the server; if every value of this version is damaged, --allow-unopenable sets them aside")
}

func (k keyCheck) mixed() finding.Finding {
	return k.found(finding.MixedKeys,
		fmt.Sprintf("%d of the %d values tried do not open with its key: two keys were used under one version number, or values are damaged", k.result.failed, k.result.tried),
		"look for the key that was in use before under the same number; --allow-unopenable moves what opens and sets the rest aside")
}

// isSwappedWith reports whether all values tried of each of two versions open with the key that
// is set for the other one.
func (k keyCheck) isSwappedWith(other int) bool {
	theirs := k.results[other]
	return theirs != nil && theirs.tried > 0 && k.result.openedBy[other] == k.result.tried && theirs.openedBy[k.version] == theirs.tried
}

// mayRepair reports whether the operator wants such labels repaired, and the other key is known
// to be what it is set for: it opens values of its own label, or the operator has named the key
// to reach by its fingerprint. Keys that are merely exchanged here look the same from one side.
func (k keyCheck) mayRepair(other int) bool {
	theirs := k.results[other]
	return k.request.RepairLabels && (k.request.KeyConfirmed || theirs != nil && theirs.tried > theirs.failed)
}

func (k keyCheck) swapped(other int) finding.Finding {
	return k.found(finding.SwappedKeys,
		fmt.Sprintf("its values open with the key that is set for version %d, and the other way round: the keys are swapped", other),
		fmt.Sprintf("exchange the keys of versions %d and %d", k.version, other))
}

func (k keyCheck) mislabelled(other int) finding.Finding {
	fix := fmt.Sprintf("compare the fingerprints that ocmt validate shows with those on a server; where they differ, the keys are swapped here: put each in its place; "+
		"where they are the same, a server ran with ENCRYPTION_KEY_VERSION=%d and the key of version %d: put that right, then add --repair-labels", k.version, other)
	if theirs := k.results[other]; theirs == nil || theirs.tried == theirs.failed {
		fix += " and --expect-key with the fingerprint of version " + strconv.Itoa(k.request.To)
	}
	return k.found(finding.Mislabelled,
		fmt.Sprintf("%d of the %d values tried are labelled version %d and open with the key of version %d", k.result.openedBy[other], k.result.tried, k.version, other), fix)
}
