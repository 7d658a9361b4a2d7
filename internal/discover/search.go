package discover

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Depth says how much of a database a search looks at.
type Depth string

// The depths.
const (
	Sample Depth = "sample" // a sample of each table
	// Auto is all of the tables that are not large (see DefaultMostWhole); of the others a
	// sample, and what was written since Request.Since.
	Auto Depth = "auto"
	Full Depth = "full" // every value
)

// DefaultMostWhole is how many bytes Auto looks at whole, in all tables together. It takes some
// seconds. A single table may take a quarter of it.
const DefaultMostWhole = 1 << 30

// Request says what to look for.
type Request struct {
	Catalogue []ocmt.Table // columns that are listed, and so no concern of the search
	// Read has the columns that were read by other means, by the ID of their heap. Where it is
	// not nil, it takes the place of the catalogue: names may have changed since.
	Read      map[string][]string
	Known     []ocmt.Known // columns that are listed as under other keys
	Lost      []LostValue  // values that count as none
	Labels    []int        // key versions that matter
	Depth     Depth
	Since     *uint32 // a transaction, as a number of 32 bits; nil for none
	Workers   int     // connections that look at once; 0 means one
	MostWhole int64   // bytes that Auto looks at whole; 0 means DefaultMostWhole
}

// LostValue is the stored text of a value that no key opens, and that the operator has accepted as lost.
type LostValue struct {
	Schema, Table, Column string
	Digest                string // SHA-256 of the stored text, in hexadecimal
}

// Search looks through every column that can hold a text for values that have the
// shape of an OCMT ciphertext and stand in no column of the catalogue. With a nil
// ring no value is opened. A relation that cannot be read is part of the report;
// an error means that the search as a whole ended early.
//
// A table is read in parts, and a row can move from a part that is still to be read to one
// that was. So where a table is looked at whole, a last statement takes what was written
// since the search began, and a table that was rewritten meanwhile is read again.
func Search(ctx context.Context, opener Opener, ring *crypto.Keyring, request Request, reporter Reporter) (*Report, error) {
	reporter.Phase(request.phase())
	s := newSearch(ring, request, reporter)
	defer s.close(ctx)
	if err := s.open(ctx, opener); err != nil {
		return nil, err
	}
	if err := s.searchAll(ctx); err != nil {
		return nil, err
	}
	return s.finish(), nil
}

// phase names what a search does.
func (r Request) phase() string {
	if r.Depth == Sample {
		return "reading a sample of"
	}
	return "searching"
}

// newSearch returns a search that has found nothing yet.
func newSearch(ring *crypto.Keyring, request Request, reporter Reporter) *search {
	return &search{ring: ring, request: request, reporter: reporter,
		report: &Report{Unlisted: []Find{}, Known: []Find{}, Late: []Find{}, Unread: []finding.Finding{}, Sampled: []string{}, OnTrust: []string{}},
		finds:  map[columnKey]*Find{}, lookedAt: map[columnKey]int64{}, tables: map[TableName]bool{}}
}

// search is the state of one Search.
type search struct {
	searchers []Searcher
	ring      *crypto.Keyring
	request   Request
	reporter  Reporter
	oldest    uint32 // transaction that was the oldest to run when the search began
	whole     int64  // bytes of the relations that were looked at whole

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

// open opens the searchers, and notes what each of them reads from.
func (s *search) open(ctx context.Context, opener Opener) error {
	for range max(1, s.request.Workers) {
		searcher, err := opener.OpenSearcher(ctx)
		if err != nil {
			return err
		}
		s.searchers = append(s.searchers, searcher)
		origin, err := searcher.Origin(ctx)
		if err != nil {
			return err
		}
		if len(s.report.Origins) == 0 {
			s.oldest = origin.Oldest
		}
		s.report.Origins = append(s.report.Origins, origin)
	}
	return nil
}

func (s *search) close(ctx context.Context) {
	for _, searcher := range s.searchers {
		searcher.Close(context.WithoutCancel(ctx))
	}
}

// maxRounds bounds how often the relations are listed. Each round takes those that were
// made or renamed meanwhile, and those that another transaction held locked.
const maxRounds = 3

// searchAll looks through all relations.
func (s *search) searchAll(ctx context.Context) error {
	done := map[string]bool{}
	for round := 1; round <= maxRounds; round++ {
		relations, err := s.searchers[0].Relations(ctx)
		if err != nil {
			return err
		}
		relations = slices.DeleteFunc(relations, func(r Relation) bool { return done[r.ID] })
		if len(relations) == 0 {
			return nil
		}
		for _, relation := range relations {
			err := s.searchRelation(ctx, relation)
			var unread *UnreadError
			switch {
			case !errors.As(err, &unread):
				if err != nil {
					return err
				}
			case mayPass(unread.Finding.Code) && round < maxRounds:
				continue
			default:
				s.addUnread(unread.Finding)
			}
			done[relation.ID] = true
		}
	}
	return nil
}

// mayPass reports whether what keeps a relation from being read may be over in a moment.
func mayPass(code finding.Code) bool {
	return code == finding.Gone || code == finding.Locked || code == finding.TableRewritten
}

// searchRelation looks through one heap. The error is an *UnreadError where it cannot be
// read, or was rewritten meanwhile: an unread table is not an empty one.
func (s *search) searchRelation(ctx context.Context, relation Relation) error {
	unlisted := slices.DeleteFunc(slices.Clone(relation.Columns), func(c Column) bool { return s.isListed(relation, c) })
	relation.Columns = slices.DeleteFunc(slices.Clone(unlisted), func(c Column) bool { return c.Unread != nil })
	if len(relation.Columns) == 0 {
		s.reportUnread(relation, unlisted)
		return nil
	}
	s.reporter.Table(relation.String())
	err := s.searchColumns(ctx, relation)
	var unread *UnreadError
	if errors.As(err, &unread) && unread.InValues {
		err = s.searchEachColumn(ctx, relation)
	}
	if err != nil {
		return err
	}
	s.reportUnread(relation, unlisted)
	s.tables[relation.Owner] = true
	return nil
}

// searchEachColumn looks through the columns of a heap one by one, because reading the
// values of one of them fails.
func (s *search) searchEachColumn(ctx context.Context, relation Relation) error {
	var failed []finding.Finding
	for _, column := range relation.Columns {
		one := relation
		one.Columns = []Column{column}
		err := s.searchColumns(ctx, one)
		var unread *UnreadError
		switch {
		case errors.As(err, &unread) && unread.InValues && s.trusts(relation, column):
		case errors.As(err, &unread) && unread.InValues:
			found := unread.Finding
			found.Where = relation.String() + "." + column.Name
			failed = append(failed, found)
		case err != nil:
			return err
		}
	}
	if len(failed) > 0 && len(failed) == len(relation.Columns) { // one line says it
		failed[0].Where = relation.String()
		failed = failed[:1]
	}
	for _, found := range failed {
		s.addUnread(found)
	}
	return nil
}

// trusts notes a column that cannot be looked through, if ocmt.yaml lists all of it as known.
func (s *search) trusts(relation Relation, column Column) bool {
	known := slices.ContainsFunc(s.request.Known, func(k ocmt.Known) bool {
		return k.Column == column.Name && relation.matches(k.Schema, k.Table) && k.Member == ""
	})
	if known {
		s.report.OnTrust = append(s.report.OnTrust, relation.String()+"."+column.Name)
	}
	return known
}

// searchColumns looks through the columns of a heap.
func (s *search) searchColumns(ctx context.Context, relation Relation) error {
	r := s.newRelationSearch(relation)
	if err := r.look(ctx); err != nil {
		return err
	}
	r.merge()
	return nil
}

// newRelationSearch returns the search of one heap, which has found nothing yet.
func (s *search) newRelationSearch(relation Relation) *relationSearch {
	return &relationSearch{search: s, relation: relation, finds: map[columnKey]*Find{}, lookedAt: make([]int64, len(relation.Columns)),
		tooLarge: make([]int64, len(relation.Columns))}
}

// reportUnread adds what cannot be read of a relation. A table of which no column
// can be read is one finding.
func (s *search) reportUnread(relation Relation, columns []Column) {
	for _, found := range relation.Unread {
		s.addUnread(found)
	}
	for _, column := range columns {
		if column.Unread == nil {
			continue
		}
		unread := *column.Unread
		if len(relation.Columns) == 0 {
			unread.Where = relation.String()
			s.addUnread(unread)
			return
		}
		s.addUnread(unread)
	}
}

// addUnread adds what was not looked at.
func (s *search) addUnread(found finding.Finding) { s.report.Unread = append(s.report.Unread, found) }

// isListed reports whether a column of a relation was read, or the catalogue lists it and the engine
// could move its values.
func (s *search) isListed(relation Relation, column Column) bool {
	if s.request.Read != nil {
		return slices.Contains(s.request.Read[relation.ID], column.Name)
	}
	if !column.Plain {
		return false
	}
	for _, table := range s.request.Catalogue {
		if relation.Materialized { // the engine leaves it alone, whatever its name
			break
		}
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

// isWhole decides whether a relation is looked at whole, and counts its bytes then.
func (s *search) isWhole(relation Relation, size Size) bool {
	most := cmp.Or(s.request.MostWhole, DefaultMostWhole)
	switch {
	case s.request.Depth == Full:
		return true
	case s.request.Depth == Sample:
		return false
	case relation.ByPages && (size.Bytes > most/4 || s.whole+size.Bytes > most):
		return false // without page ranges, a sample would be no less work
	}
	s.whole += size.Bytes
	return true
}

// finish puts the finds in order and into the report.
func (s *search) finish() *Report {
	s.report.Tables, s.report.Columns = len(s.tables), len(s.lookedAt)
	s.report.Full = len(s.report.Sampled) == 0
	s.report.FullSeconds = float64(s.report.SampledBytes) / bytesPerSecond
	for _, at := range slices.SortedFunc(maps.Keys(s.finds), func(a, b columnKey) int {
		return strings.Compare(a.schema+"."+a.table+"."+a.column, b.schema+"."+b.table+"."+b.column)
	}) {
		find := *s.finds[at]
		slices.Sort(find.OpenedBy)
		find.Untried = find.findUntried(s.ring)
		find.Movable = !find.contained && find.Derived == "" && find.keyColumn != ""
		find.LookedAt = s.lookedAt[columnKey{at.schema, at.table, at.column, -1}]
		if at.known < 0 {
			s.report.Unlisted = append(s.report.Unlisted, find)
			continue
		}
		find.Movable, find.Reason = false, s.request.Known[at.known].Reason
		if len(find.Untried) > 0 {
			s.report.OnTrust = append(s.report.OnTrust, find.String())
		}
		s.report.Known = append(s.report.Known, find)
	}
	return s.report
}
