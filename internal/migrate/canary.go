package migrate

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// A version whose sample fails in part has either damaged values, which are set
// aside one by one, or a second key under the same label, which must stop the
// run. Damage on this scale is not expected of a database that is in use. Fewer
// than fewestForShare that fail are what an earlier run left behind: they are set
// aside again, and a key that opens nothing writes nothing. That does not hold
// for the key to reach: it writes even where it opens nothing, and so a single
// value that it does not open, with none that it does, makes it the wrong one.
const (
	fewestForShare = 8
	largestShare   = 5 // one in so many
)

// tally is what the sample of one version came to.
type tally struct {
	tried, failed int
	openedBy      map[int]int // failed ones, by the other version whose key opens them
}

// canary opens the samples of every version that the request leaves or reaches,
// and returns what makes the keys unfit.
func canary(request Request, ring *crypto.Keyring, list []Census) []Obstacle {
	byVersion := map[int]*tally{}
	opener := crypto.NewResealer(ring, nil)
	for _, census := range list {
		for version, of := range census.versions {
			if !request.Leaves(version) && version != request.To {
				continue
			}
			t := byVersion[version]
			if t == nil {
				t = &tally{openedBy: map[int]int{}}
				byVersion[version] = t
			}
			if _, known := ring.Key(version); !known {
				continue
			}
			for _, text := range of.drawn.texts {
				t.try(opener, ring, text)
			}
		}
	}
	var found []Obstacle
	for _, version := range sortedKeys(byVersion) {
		found = append(found, judge(request, ring, version, byVersion[version], countOf(list, version))...)
	}
	return found
}

func sortedKeys(m map[int]*tally) []int {
	keys := make([]int, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func countOf(list []Census, version int) (total int64) {
	for _, census := range list {
		total += census.ByVersion[version]
	}
	return total
}

func (t *tally) try(opener *crypto.Resealer, ring *crypto.Keyring, text string) {
	t.tried++
	c, err := opener.Parse([]byte(text))
	if err == nil {
		_, err = opener.Open(c)
	}
	if err == nil {
		return
	}
	t.failed++
	claimed := c.Version
	for _, version := range ring.Versions() {
		if version == claimed {
			continue
		}
		c.Format, c.Version = crypto.Versioned, version
		if _, err := opener.Open(c); err == nil {
			t.openedBy[version]++
			return
		}
	}
}

// judge names the case: no key, another version's key, or a key that does not fit.
func judge(request Request, ring *crypto.Keyring, version int, t *tally, count int64) []Obstacle {
	where := "key version " + strconv.Itoa(version)
	if _, known := ring.Key(version); !known {
		return []Obstacle{{Code: "missing_version", Where: where,
			Message: fmt.Sprintf("%d values are under it and no key of it is set", count),
			Fix:     fmt.Sprintf("set ENCRYPTION_KEY_V%d to the key of that version", version)}}
	}
	all := t.tried > 0 && t.failed == t.tried
	if version == request.To && all && !request.KeyConfirmed && t.openedBy[mostOpened(t)]*largestShare < t.tried {
		return []Obstacle{{Code: "wrong_key", Where: where,
			Message: fmt.Sprintf("values would be brought under its key, and that opens none of the %d values tried that are under it already: it is the wrong key, or these are damaged", t.tried),
			Fix:     "compare the fingerprint that ocmt validate shows with that of the key on the server; where they are the same, give it as --expect-key, and the damaged values are set aside"}}
	}
	many := t.tried >= fewestForShare && t.failed*largestShare >= t.tried
	for _, other := range ring.Versions() {
		if n := t.openedBy[other]; (all || many) && n > 0 && n*largestShare >= t.tried {
			return []Obstacle{otherKeyOpens(where, version, other, all && n == t.tried)}
		}
	}
	if !many || request.AllowUnopenable || version == request.To && request.KeyConfirmed {
		return nil
	}
	if all {
		return []Obstacle{{Code: "wrong_key", Where: where,
			Message: fmt.Sprintf("none of the %d values tried opens with the key that is set for it: it is the wrong key", t.tried),
			Fix:     "compare the fingerprint that ocmt validate shows with that of the key on the server; if every value of this version is damaged, --allow-unopenable sets them aside"}}
	}
	return []Obstacle{{Code: "mixed_keys", Where: where,
		Message: fmt.Sprintf("%d of the %d values tried do not open with its key: two keys were used under one version number, or values are damaged", t.failed, t.tried),
		Fix:     "look for the key that was in use before under the same number; --allow-unopenable moves what opens and sets the rest aside"}}
}

// mostOpened returns the other version whose key opens most of what failed.
func mostOpened(t *tally) int {
	most := -1
	for version, count := range t.openedBy {
		if most < 0 || count > t.openedBy[most] {
			most = version
		}
	}
	return most
}

func otherKeyOpens(where string, version, other int, swapped bool) Obstacle {
	if swapped {
		return Obstacle{Code: "swapped_keys", Where: where,
			Message: fmt.Sprintf("its values open with the key that is set for version %d: the keys are swapped", other),
			Fix:     fmt.Sprintf("exchange the keys of versions %d and %d", version, other)}
	}
	return Obstacle{Code: "mixed_keys", Where: where,
		Message: fmt.Sprintf("some of its values open only with the key that is set for version %d: two keys were used under one version number", other),
		Fix:     "the key was changed on a server without raising ENCRYPTION_KEY_VERSION; put that right on every server first"}
}
