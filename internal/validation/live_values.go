package validation

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// The bounds of what is kept of the values that are read. The values of each column and version with the lowest IVs
// are tried: IVs are random, so the sample is even, and the same whoever reads the values in whatever order. Versions
// of a column above maxVersions are not tried, and neither are values of more than longestTried bytes.
const (
	samplesPerVersion = 64
	maxVersions       = 64
	longestTried      = 64 << 10
)

// valueSample has values of one version in one column.
type valueSample struct {
	count  int64 // all values of the version
	ranks  []uint64
	values []crypto.Ciphertext
}

// add counts a value, and keeps it where its IV is among the lowest.
func (s *valueSample) add(value crypto.Ciphertext) {
	s.count++
	rank := binary.BigEndian.Uint64(value.IV)
	at, known := slices.BinarySearch(s.ranks, rank)
	if known || at == samplesPerVersion || len(value.Body) > longestTried {
		return
	}
	s.ranks, s.values = slices.Insert(s.ranks, at, rank), slices.Insert(s.values, at, value)
	if len(s.ranks) > samplesPerVersion {
		s.ranks, s.values = s.ranks[:samplesPerVersion], s.values[:samplesPerVersion]
	}
}

// columnSample has values of all versions in one column.
type columnSample struct {
	versions map[int]*valueSample
	odd      int64 // values that are no ciphertext, where no plaintext may be
	others   int64 // values of versions that are too many to be tried
}

// add counts a value of a column.
func (s *columnSample) add(column ValueColumn, text []byte) {
	value, err := crypto.Parse(string(text))
	switch {
	case err != nil && column.PlaintextAllowed:
		return
	case err != nil:
		s.odd++
		return
	}
	of := s.versions[value.Version]
	if of == nil {
		if len(s.versions) == maxVersions {
			s.others++
			return
		}
		of = &valueSample{}
		s.versions[value.Version] = of
	}
	of.add(value)
}

// ownKey returns the setting of the key that values are sealed with; nil where it is not set here.
func (l *liveChecker) ownKey() *item {
	if one := l.find(l.sides[0], secret.NameEncryptionKey); one != nil && one.isSet() {
		return one
	}
	return nil
}

// noValues says that no value was tried, where there is a key to try.
func (l *liveChecker) noValues(reason string) error {
	if l.ownKey() != nil {
		l.unasked("whether the key opens the values of the database", reason, "see what is said of "+databaseSetting)
	}
	return nil
}

// askValues opens a sample of the values of each version and column with the keys that are set.
func (l *liveChecker) askValues(ctx context.Context, server string) error {
	if l.ownKey() == nil {
		return nil
	}
	const what = "whether the key opens the values of the database"
	var err error
	if l.keys, err = secret.EncryptionKeySet(l.sides[0].Settings).Keyring(nil); err != nil {
		l.unasked(what, err.Error(), "mend what is said of the key, then run it again")
		return nil
	}
	columns := map[string]*columnSample{}
	gaps, err := l.servers.Database.ReadValues(ctx, func(column ValueColumn, text []byte) {
		if columns[column.Name] == nil {
			columns[column.Name] = &columnSample{versions: map[int]*valueSample{}}
		}
		columns[column.Name].add(column, text)
	})
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		l.unasked(what, err.Error(), "run it again")
	}
	for _, gap := range gaps {
		gap.Asked = true
		l.report.Unasked = append(l.report.Unasked, gap)
	}
	l.judgeValues(server, columns)
	return nil
}

// tally is what opening the samples of one version came to.
type tally struct {
	columns, tried, opened int
	values                 int64
}

// judgeValues opens the samples, and says of each key what it opens.
func (l *liveChecker) judgeValues(server string, columns map[string]*columnSample) {
	opener := crypto.NewResealer(l.keys, nil)
	tallies := map[int]*tally{}
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		column := columns[name]
		if left := column.odd + column.others; left > 0 {
			l.unasked(name, fmt.Sprintf("%d of its values are no ciphertext that can be tried", left), "ocmt audit --only encryption says what they are")
		}
		for _, version := range slices.Sorted(maps.Keys(column.versions)) {
			sample := column.versions[version]
			if tallies[version] == nil {
				tallies[version] = &tally{}
			}
			of := tallies[version]
			of.columns, of.values = of.columns+1, of.values+sample.count
			opened := 0
			if _, known := l.keys.Key(version); known {
				var others map[int]int
				opened, others = openSample(opener, l.keys, sample)
				l.judgeSample(name, version, sample, opened, others)
			}
			of.tried, of.opened = of.tried+len(sample.values), of.opened+opened
		}
	}
	for _, version := range slices.Sorted(maps.Keys(tallies)) {
		if _, known := l.keys.Key(version); !known {
			l.foundAt(l.sides[0], finding.Finding{Code: finding.MissingVersion, Severity: finding.Error, Where: l.settingOf(version),
				Message: fmt.Sprintf("is not set, and %d values in the database are under version %d", tallies[version].values, version), Fix: "set it to the key of that version"})
		}
	}
	l.tellKeys(server, tallies)
}

// openSample counts the values of a sample that open with the key of their version, and those that do not by the
// version of another key that opens them.
func openSample(opener *crypto.Resealer, keys *crypto.Keyring, sample *valueSample) (opened int, others map[int]int) {
	others = map[int]int{}
	for _, value := range sample.values {
		if _, err := opener.Open(value); err == nil {
			opened++
			continue
		}
		for _, other := range keys.Versions() {
			value.Format, value.Version = crypto.Versioned, other
			if _, err := opener.Open(value); err == nil {
				others[other]++
				break
			}
		}
	}
	return opened, others
}

// judgeSample finds a key that does not open what it should.
func (l *liveChecker) judgeSample(column string, version int, sample *valueSample, opened int, others map[int]int) {
	failed := len(sample.values) - opened
	if failed == 0 {
		return
	}
	found := finding.Finding{Severity: finding.Error, Where: l.settingOf(version),
		Evidence: fmt.Sprintf("%d of the %d values tried in %s do not open", failed, len(sample.values), column)}
	for _, other := range slices.Sorted(maps.Keys(others)) {
		found.Code = finding.Mislabelled
		found.Message = fmt.Sprintf("does not open %d of the %d values tried of version %d in %s, and %s does", failed, len(sample.values), version, column, l.settingOf(other))
		found.Fix = "see whether the two keys are exchanged here: compare the fingerprints with those on a server"
	}
	switch {
	case len(others) > 0:
	case opened == 0:
		found.Code, found.Message = finding.WrongKey, fmt.Sprintf("opens none of the %d values tried of version %d in %s", len(sample.values), version, column)
		found.Fix = "compare the fingerprint with that of the key on the server"
	default:
		found.Code, found.Message = finding.MixedKeys, fmt.Sprintf("does not open %d of the %d values tried of version %d in %s", failed, len(sample.values), version, column)
		found.Fix = "ocmt audit --only encryption opens all values, and says which do not open"
	}
	l.foundAt(l.sides[0], found)
}

// settingOf returns the setting that has the key of a version.
func (l *liveChecker) settingOf(version int) string {
	if version == l.keys.Current() {
		return secret.NameEncryptionKey
	}
	return secret.NameOlderEncryptionKey + strconv.Itoa(version)
}

// tellKeys says of each key how many values were tried with it. What was tried is a sample.
func (l *liveChecker) tellKeys(server string, tallies map[int]*tally) {
	for _, version := range l.keys.Versions() {
		one := l.find(l.sides[0], l.settingOf(version))
		if one == nil {
			continue
		}
		of := cmp.Or(tallies[version], &tally{}) // nil where no value is under the version
		result, text := LiveProven, fmt.Sprintf("opened %d of the %d values tried, a sample of the %d under version %d in %s", of.opened, of.tried, of.values, version, countColumns(of.columns))
		switch {
		case of.tried == 0:
			result, text = LiveUnproven, fmt.Sprintf("was not tried: no value under version %d was read", version)
		case of.opened < of.tried:
			result = LiveRefused
		}
		saw(one, server, result, text)
	}
}

// countColumns says how many columns there are.
func countColumns(count int) string {
	if count == 1 {
		return "1 column"
	}
	return strconv.Itoa(count) + " columns"
}
