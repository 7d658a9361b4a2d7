package migrate

import (
	"context"

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

// SearchUnlisted looks through the whole database for ciphertexts in columns that the catalogue
// does not list, as deep as request.Search says, after every transaction that has written to
// any table has ended. Those that do not end in time are among what is not read. Of tables
// that are too large to be looked at whole, what was written since a transaction is looked at;
// nil for none.
func SearchUnlisted(ctx context.Context, sources SearchSources, ring *crypto.Keyring, request Request, since *uint32, reporter Reporter) (*discover.Report, error) {
	wait := holderWait{holders: sources.Holders, timeout: request.HolderTimeout, clock: sources.Clock, waiting: reporter.Waiting}
	notEnded, err := wait.awaitAll(ctx)
	if err != nil {
		return nil, err
	}
	report, err := discover.Search(ctx, sources.Pacing.PaceSearchers(sources.Searchers), ring, discover.Request{Catalogue: request.Catalogue,
		Known: request.Known, Depth: request.Search, Since: since, Workers: request.Workers}, reporter)
	if err != nil {
		return nil, err
	}
	report.Unread = append(report.Unread, notEndedFindings(notEnded)...)
	return report, nil
}
