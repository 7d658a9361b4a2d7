package discover

import (
	"context"
	"errors"
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// LookAgain adds to the report of a search what was written since request.Since, in whatever column,
// also those that were read by other means. It reads all of it in one snapshot: a value that moves
// between two places is in one of them. What an older transaction has written was where it is all
// the time.
func LookAgain(ctx context.Context, opener Opener, ring *crypto.Keyring, request Request, report *Report, reporter Reporter) error {
	reporter.Phase("searching what was written meanwhile")
	var unread []finding.Finding
	for range maxRounds {
		late, err := lookOnce(ctx, opener, ring, request, reporter)
		if err != nil {
			return err
		}
		if unread = late.Unread; len(unread) > 0 {
			continue // a table was rewritten or locked
		}
		report.Late = late.Unlisted
		report.addKnown(late.Known)
		return nil
	}
	report.Unread = append(report.Unread, unread...)
	return nil
}

// lookOnce reads in one snapshot what was written since a transaction.
func lookOnce(ctx context.Context, opener Opener, ring *crypto.Keyring, request Request, reporter Reporter) (*Report, error) {
	searcher, err := opener.OpenSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	s := newSearch(ring, request, reporter)
	s.searchers = []Searcher{searcher}
	defer s.close(ctx)
	origin, err := searcher.Origin(ctx)
	if err != nil {
		return nil, err
	}
	s.report.Origins = append(s.report.Origins, origin)
	s.request.Read = map[string][]string{}
	relations, err := searcher.Relations(ctx)
	if err != nil {
		return nil, err
	}
	for _, relation := range relations {
		err := s.lookSince(ctx, relation)
		var found *UnreadError
		if errors.As(err, &found) {
			s.addUnread(found.Finding)
		} else if err != nil {
			return nil, err
		}
	}
	return s.finish(), nil
}

// lookSince reads what was written to a relation since the transaction of the request. What cannot be
// read of it was said by the search before.
func (s *search) lookSince(ctx context.Context, relation Relation) error {
	var columns []Column
	for _, column := range relation.Columns {
		if column.Unread == nil {
			columns = append(columns, column)
		}
	}
	if relation.Columns = columns; len(columns) == 0 {
		return nil
	}
	r := s.newRelationSearch(relation)
	chunk := Chunk{Relation: relation, To: EndOfHeap, Largest: fullLargest, Timeout: wholeTimeout, Since: s.request.Since}
	if !relation.hasHistory() {
		chunk.Since = nil // the account may not see who wrote a row, or there is no one number that says when
	}
	if err := r.lookAt(ctx, s.searchers[0], chunk); err != nil {
		return err
	}
	size, err := s.searchers[0].Measure(ctx, relation)
	if err != nil {
		return err
	}
	if size.Moved {
		return r.unread(finding.TableRewritten, "it was rewritten, truncated or replaced while it was read, each time",
			"run this again when no migration, CLUSTER or VACUUM FULL is at work")
	}
	r.merge()
	return nil
}

// addKnown adds what a later look found in columns that are listed as under other keys. Of a column
// that the report has, only the keys that open its values are new.
func (r *Report) addKnown(late []Find) {
	for _, find := range late {
		at := slices.IndexFunc(r.Known, func(known Find) bool { return known.String() == find.String() && known.Reason == find.Reason })
		if at < 0 {
			r.Known = append(r.Known, find)
			continue
		}
		for _, version := range find.OpenedBy {
			r.Known[at].addOpened(0, version)
		}
	}
}
