package migrate

import (
	"context"
	"slices"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// SearchSources is what a search of the whole database reads from.
type SearchSources struct {
	Searchers discover.Opener
	Holders   HolderLister
	Clock     Clock
	Pacing    *Pacing // holds back the reading; nil for full speed
}

// SearchUnlisted looks through the whole database for ciphertexts in columns that a verification has
// not read, as deep as request.Search says, after every transaction that has written to any table
// has ended. Of tables that are too large to be looked at whole, what was written since a
// transaction is looked at; nil for none.
//
// A value can move while verification and search read one place after the other. So at the end, after
// another wait, one snapshot of everything shows what was written since the verification began, in
// whatever table. Transactions that do not end in time are among what is not read.
func SearchUnlisted(ctx context.Context, sources SearchSources, ring *crypto.Keyring, request Request, verified *Verification, since *uint32, reporter Reporter) (*discover.Report, error) {
	wait := holderWait{holders: sources.Holders, timeout: request.HolderTimeout, clock: sources.Clock, waiting: reporter.Waiting}
	notEnded, err := wait.awaitAll(ctx)
	if err != nil {
		return nil, err
	}
	searchers := sources.Pacing.PaceSearchers(sources.Searchers)
	asked := discover.Request{Read: verified.Read, Known: request.Known, Lost: lostValues(verified.Accepted), Depth: request.Search, Since: since, Workers: request.Workers, Labels: labelsOf(ring, request)}
	report, err := discover.Search(ctx, searchers, ring, asked, reporter)
	if err != nil {
		return nil, err
	}
	quiet, err := nothingBegan(ctx, searchers, verified)
	if err != nil {
		return nil, err
	}
	if !quiet {
		if len(notEnded) > 0 {
			wait.timeout = 0 // one wait is enough
		}
		left, err := wait.awaitAll(ctx)
		if err != nil {
			return nil, err
		}
		notEnded = append(notEnded, slices.DeleteFunc(left, func(h Holder) bool { return h.isIn(notEnded) })...)
		asked.Since = verified.Oldest
		if err := discover.LookAgain(ctx, searchers, ring, asked, report, reporter); err != nil {
			return nil, err
		}
	}
	report.Unread = append(report.Unread, notEndedFindings(notEnded)...)
	return report, nil
}

// lostValues returns the values that a verification has found accepted as lost. They are found once more where a
// transaction has written to another column of their row meanwhile.
func lostValues(accepted []Accepted) []discover.LostValue {
	lost := make([]discover.LostValue, len(accepted))
	for i, one := range accepted {
		lost[i] = discover.LostValue{Schema: one.Schema, Table: one.Table, Column: one.Column, Digest: one.Digest}
	}
	return lost
}

// nothingBegan reports whether no transaction that writes has begun since a verification began, and
// none was running then: nothing can have moved.
func nothingBegan(ctx context.Context, searchers discover.Opener, verified *Verification) (bool, error) {
	if verified.Oldest == nil {
		return true, nil // there was no verification
	}
	searcher, err := searchers.OpenSearcher(ctx)
	if err != nil {
		return false, err
	}
	defer searcher.Close(context.WithoutCancel(ctx))
	origin, err := searcher.Origin(ctx)
	return err == nil && origin.Next == *verified.Oldest, err
}

// labelsOf returns the key versions that matter.
func labelsOf(ring *crypto.Keyring, request Request) []int {
	versions := append(ring.Versions(), request.To)
	if request.From != nil {
		versions = append(versions, *request.From)
	}
	return versions
}
