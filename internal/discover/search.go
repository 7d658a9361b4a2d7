package discover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Request says what to look for.
type Request struct {
	Catalogue []ocmt.Table // columns that are listed, and so no concern of the search
	Known     []ocmt.Known // columns that are listed as under other keys
	Full      bool         // look at every value, not at a sample
}

// Search looks through every column that can hold a text for values that have the
// shape of an OCMT ciphertext and stand in no column of the catalogue. With a nil
// ring no value is opened. A relation that cannot be read is part of the report;
// an error means that the search as a whole ended early.
func Search(ctx context.Context, searcher Searcher, ring *crypto.Keyring, request Request, reporter Reporter) (*Report, error) {
	reporter.Phase("looking for values that the catalogue does not list")
	relations, err := searcher.Relations(ctx)
	if err != nil {
		return nil, err
	}
	s := &search{searcher: searcher, ring: ring, request: request, reporter: reporter,
		report: &Report{Full: request.Full, Unlisted: []Find{}, Known: []Find{}, Unread: []finding.Finding{}},
		finds:  map[columnKey]*Find{}, lookedAt: map[columnKey]int64{}, tables: map[TableName]bool{}}
	for _, relation := range relations {
		if err := s.searchRelation(ctx, relation); err != nil {
			return nil, err
		}
	}
	return s.finish(), nil
}

// search is the state of one Search.
type search struct {
	searcher Searcher
	ring     *crypto.Keyring
	request  Request
	reporter Reporter
	report   *Report
	finds    map[columnKey]*Find
	lookedAt map[columnKey]int64
	tables   map[TableName]bool
}

// columnKey names a column of a table, and the entry of the known columns that
// covers a value of it.
type columnKey struct {
	schema, table, column string
	known                 int // index in Request.Known; -1 for none
}

func keyOf(relation Relation, column Column, known int) columnKey {
	return columnKey{relation.Owner.Schema, relation.Owner.Name, column.Name, known}
}

// searchRelation looks through one heap. That it cannot be read becomes a part of
// the report: an unread table is not an empty one.
func (s *search) searchRelation(ctx context.Context, relation Relation) error {
	if s.isRecord(relation) {
		return nil
	}
	unlisted := slices.DeleteFunc(slices.Clone(relation.Columns), func(c Column) bool { return s.isListed(relation, c) })
	relation.Columns = slices.DeleteFunc(slices.Clone(unlisted), func(c Column) bool { return c.Unread != nil })
	s.reportUnread(relation, unlisted)
	if len(relation.Columns) == 0 {
		return nil
	}
	s.tables[relation.Owner] = true
	for _, column := range relation.Columns {
		s.lookedAt[keyOf(relation, column, -1)] += 0
	}
	err := s.searchChunks(ctx, relation)
	var unread *UnreadError
	if errors.As(err, &unread) {
		s.report.Unread = append(s.report.Unread, unread.Finding)
		return nil
	}
	return err
}

// reportUnread adds what cannot be read of a relation. A table of which no column
// can be read is one finding.
func (s *search) reportUnread(relation Relation, columns []Column) {
	s.report.Unread = append(s.report.Unread, relation.Unread...)
	for _, column := range columns {
		if column.Unread == nil {
			continue
		}
		unread := *column.Unread
		if len(relation.Columns) == 0 {
			unread.Where = relation.String()
			s.report.Unread = append(s.report.Unread, unread)
			return
		}
		s.report.Unread = append(s.report.Unread, unread)
	}
}

// searchChunks looks through the chunks of a relation. A sample ends when its time
// is used up.
func (s *search) searchChunks(ctx context.Context, relation Relation) error {
	budget, cancel := context.WithTimeout(ctx, sampledBudget)
	defer cancel()
	pages, err := s.searcher.Pages(ctx, relation)
	if err != nil {
		return err
	}
	tooLarge := int64(0)
	for _, chunk := range chunksOf(relation, pages, s.request.Full) {
		if !s.request.Full && budget.Err() != nil && ctx.Err() == nil {
			return &UnreadError{Finding: finding.Finding{Code: finding.TooSlow, Severity: finding.Warning, Where: relation.String(),
				Message: "only a part of the sample was looked at in the time that it has",
				Fix:     "ocmt migrate columns --discover --full takes the time that it needs"}}
		}
		counts, err := s.searcher.Search(ctx, chunk, func(c Candidate) { s.addCandidate(relation, c) })
		if err != nil {
			return err
		}
		for i, column := range relation.Columns {
			s.lookedAt[keyOf(relation, column, -1)] += counts.Values[i]
			s.report.LookedAt += counts.Values[i]
			tooLarge += counts.TooLarge[i]
		}
		s.reporter.Progress(s.report.LookedAt, 0)
	}
	s.report.TooLarge += tooLarge
	if s.request.Full && tooLarge > 0 {
		return &UnreadError{Finding: finding.Finding{Code: finding.TooLarge, Severity: finding.Warning, Where: relation.String(),
			Message: fmt.Sprintf("%d values of more than %d MiB were not looked through", tooLarge, fullLargest>>20),
			Fix:     "look at them by other means, or list the column under known in ocmt.yaml"}}
	}
	return nil
}

// isRecord reports whether a relation holds the record of runs, which contains
// fingerprints and counts only.
func (s *search) isRecord(relation Relation) bool {
	return slices.ContainsFunc(ocmt.RecordTables(), func(name string) bool { return relation.matches("", name) })
}

// isListed reports whether the catalogue lists a column of a relation.
func (s *search) isListed(relation Relation, column Column) bool {
	for _, table := range s.request.Catalogue {
		if !relation.matches(table.Schema, table.Name) && (table.OldName == "" || !relation.matches(table.Schema, table.OldName)) {
			continue
		}
		if slices.ContainsFunc(table.Columns, func(c ocmt.Column) bool { return c.Name == column.Name }) {
			return true
		}
	}
	return false
}

// knownIndex returns which entry of the known columns covers a ciphertext, or -1.
func (s *search) knownIndex(relation Relation, column Column, c located) int {
	return slices.IndexFunc(s.request.Known, func(k ocmt.Known) bool {
		return k.Column == column.Name && relation.matches(k.Schema, k.Table) && (k.Member == "" || k.Member == c.member)
	})
}

// addCandidate counts the ciphertexts of a candidate. The value counts once for
// each known entry that covers a part of it.
func (s *search) addCandidate(relation Relation, candidate Candidate) {
	column := relation.Columns[candidate.Column]
	counted := map[columnKey]bool{}
	for _, c := range findCiphertexts(candidate.Value) {
		at := keyOf(relation, column, s.knownIndex(relation, column, c))
		find := s.finds[at]
		if find == nil {
			find = &Find{Schema: at.schema, Table: at.table, Column: at.column, Versions: map[int]int64{}, OpenedBy: []int{}, Movable: true}
			s.finds[at] = find
		}
		if !counted[at] {
			counted[at] = true
			find.Values++
			find.keepKey(relation, column, candidate)
		}
		find.Movable = find.Movable && column.Plain && !c.nested && len(relation.Key) == 1
		find.Versions[c.Version]++
		if version, opened := openingVersion(s.ring, c); opened {
			find.Opened++
			if !slices.Contains(find.OpenedBy, version) {
				find.OpenedBy = append(find.OpenedBy, version)
			}
		}
	}
}

// keepKey keeps the key of the first row, unless the key itself is or contains a
// ciphertext: a value is never shown.
func (f *Find) keepKey(relation Relation, column Column, candidate Candidate) {
	if len(relation.Key) == 1 {
		f.keyColumn = relation.Key[0]
	}
	if f.Key != "" || slices.Contains(relation.Key, column.Name) {
		return
	}
	for _, part := range candidate.Key {
		if len(findCiphertexts([]byte(part))) > 0 {
			return
		}
	}
	f.Key = strings.Join(candidate.Key, ", ")
}

// finish puts the finds in order and into the report.
func (s *search) finish() *Report {
	s.report.Tables, s.report.Columns = len(s.tables), len(s.lookedAt)
	for _, at := range slices.SortedFunc(maps.Keys(s.finds), func(a, b columnKey) int {
		return strings.Compare(a.schema+"."+a.table+"."+a.column, b.schema+"."+b.table+"."+b.column)
	}) {
		find := *s.finds[at]
		slices.Sort(find.OpenedBy)
		find.LookedAt = s.lookedAt[columnKey{at.schema, at.table, at.column, -1}]
		if at.known < 0 {
			s.report.Unlisted = append(s.report.Unlisted, find)
			continue
		}
		find.Movable, find.Reason = false, s.request.Known[at.known].Reason
		s.report.Known = append(s.report.Known, find)
	}
	return s.report
}
