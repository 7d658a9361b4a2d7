package discover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rowkey"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// relationSearch is the search of one heap. What it found counts once the heap was read
// without being rewritten.
type relationSearch struct {
	*search
	relation Relation
	sampled  int64 // bytes of the heap, if only a sample of it was looked at
	partial  bool  // only a sample was looked at

	mu       sync.Mutex // guards the counts
	finds    map[columnKey]*Find
	lookedAt []int64 // values, by column
	tooLarge []int64 // likewise
}

// look reads the heap. The error is an *UnreadError where that was not possible.
func (r *relationSearch) look(ctx context.Context) error {
	size, err := r.searchers[0].Measure(ctx, r.relation)
	if err != nil {
		return err
	}
	if r.isWhole(r.relation, size) {
		err = r.lookAtAll(ctx, size)
	} else {
		err = r.lookAtSample(ctx, size)
	}
	if err != nil {
		return err
	}
	after, err := r.searchers[0].Measure(ctx, r.relation)
	if err == nil && after.Storage != size.Storage {
		err = r.unread(finding.TableRewritten, "it was rewritten, truncated or replaced while it was read, each time",
			"run this again when no migration, CLUSTER or VACUUM FULL is at work")
	}
	return err
}

// lookAtAll reads the parts of a heap on all connections, and then what was written since the
// search began.
func (r *relationSearch) lookAtAll(ctx context.Context, size Size) error {
	chunks := allOf(r.relation, size)
	inParts := r.relation.hasHistory() && len(chunks) > 1 // one statement sees all of it at once
	if inParts {
		for i := range chunks {
			chunks[i].Before = &r.oldest
		}
	}
	queue := make(chan Chunk, len(chunks))
	for _, chunk := range chunks {
		queue <- chunk
	}
	close(queue)
	group, working := crash.WithContext(ctx)
	for _, searcher := range r.searchers[:min(len(r.searchers), len(chunks))] {
		group.Go(func() error {
			for chunk := range queue {
				if err := r.lookAt(working, searcher, chunk); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if inParts {
		return r.lookSince(ctx, r.oldest)
	}
	return nil
}

// reportTooLarge adds the columns of a heap that was looked at whole, but for values that are too
// large.
func (r *relationSearch) reportTooLarge() {
	for i, column := range r.relation.Columns {
		if r.tooLarge[i] == 0 || r.trusts(r.relation, column) {
			continue
		}
		r.addUnread(finding.Finding{Code: finding.TooLarge, Severity: finding.Warning, Where: r.relation.String() + "." + column.Name,
			Message: fmt.Sprintf("%d values of more than %d MiB were not looked through", r.tooLarge[i], fullLargest>>20),
			Fix:     "look at them by other means; if they need no key of OCMT, list the column in ocmt.yaml under known: " + KnownEntry(r.relation.Schema, r.relation.Name, column.Name)})
	}
}

// lookSince reads what was written by a transaction and by later ones.
func (r *relationSearch) lookSince(ctx context.Context, transaction uint32) error {
	return r.lookAt(ctx, r.searchers[0], Chunk{Relation: r.relation, To: EndOfHeap, Largest: fullLargest, Timeout: wholeTimeout, Since: &transaction})
}

// lookAtSample reads some pages, and what was written since the transaction of the request.
// The sample ends when its time is used up.
func (r *relationSearch) lookAtSample(ctx context.Context, size Size) error {
	budget, cancel := context.WithTimeout(ctx, sampledBudget)
	defer cancel()
	chunks, whole := sampleOf(r.relation, size)
	since := r.request.Since
	if r.request.Depth == Sample || !r.relation.hasHistory() {
		since = nil
	}
	for _, chunk := range chunks {
		if budget.Err() != nil && ctx.Err() == nil {
			return r.unread(finding.TooSlow, "only a part of the sample was looked at in the time that it has",
				"ocmt migrate columns --discover --full takes the time that it needs")
		}
		chunk.Before = since
		if err := r.lookAt(ctx, r.searchers[0], chunk); err != nil {
			return err
		}
	}
	if r.partial = !whole || slices.Max(r.tooLarge) > 0; r.partial {
		r.sampled = size.Bytes
	}
	if since == nil {
		return nil
	}
	return r.lookSince(ctx, *since)
}

// unread says why the heap was not looked at.
func (r *relationSearch) unread(code finding.Code, message, fix string) error {
	return &UnreadError{Finding: finding.Finding{Code: code, Severity: finding.Warning, Where: r.relation.String(), Message: message, Fix: fix}}
}

// lookAt reads a chunk on a connection.
func (r *relationSearch) lookAt(ctx context.Context, searcher Searcher, chunk Chunk) error {
	chunk.Labels = r.request.Labels
	counts, err := searcher.Search(ctx, chunk, r.addCandidate)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.relation.Columns {
		r.lookedAt[i] += counts.Values[i]
		r.report.LookedAt += counts.Values[i]
		r.tooLarge[i] += counts.TooLarge[i]
	}
	r.reporter.Progress(r.report.LookedAt, 0)
	return nil
}

// addCandidate counts the ciphertexts of a candidate. The value counts once for
// each known entry that covers a part of it.
func (r *relationSearch) addCandidate(candidate Candidate) {
	column := r.relation.Columns[candidate.Column]
	if r.isLost(column, candidate.Value) {
		return
	}
	look := findCiphertexts
	if column.Kind == KindOther {
		look = findEmbedded
	}
	found := look(candidate.Value)
	var openedBy []int
	for i := 0; i < len(found); i++ { // it grows by what was sealed twice
		version, plaintext := -1, []byte(nil)
		if r.ring != nil && !found[i].truncated {
			version, plaintext = r.ring.OpenAny(found[i].Ciphertext)
		}
		openedBy = append(openedBy, version)
		if inner, ok := crypto.Contained(plaintext); ok {
			found = append(found, located{Ciphertext: inner, member: found[i].member, nested: found[i].nested})
		}
		clear(plaintext)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	counted := map[columnKey]bool{}
	for i, c := range found {
		at := keyOf(r.relation, column, r.knownIndex(r.relation, column, c))
		find := r.finds[at]
		if find == nil {
			find = r.newFind(at, column)
			r.finds[at] = find
		}
		if !counted[at] {
			counted[at] = true
			find.Values++
			find.keepKey(r.relation, column, candidate)
		}
		find.contained = find.contained || !column.Plain || c.nested
		find.Versions[c.Version]++
		if openedBy[i] >= 0 {
			find.addOpened(1, openedBy[i])
		} else if r.ring != nil {
			find.Unopened++
		}
	}
}

// isLost reports whether a text is that of a value that is accepted as lost. What the row's other columns say may
// have changed since.
func (r *relationSearch) isLost(column Column, text []byte) bool {
	digest := sync.OnceValue(func() string {
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:])
	})
	return slices.ContainsFunc(r.request.Lost, func(lost LostValue) bool {
		return lost.Column == column.Name && r.relation.matches(lost.Schema, lost.Table) && lost.Digest == digest()
	})
}

// newFind returns the find of a column, which nothing was found in yet.
func (r *relationSearch) newFind(at columnKey, column Column) *Find {
	find := &Find{Schema: at.schema, Table: at.table, Column: at.column, Versions: map[int]int64{}, OpenedBy: []int{},
		keyColumn: r.relation.RowKey, partitioned: r.relation.Owner != r.relation.TableName}
	switch {
	case r.relation.Materialized:
		find.Derived = DerivedView
	case column.Generated:
		find.Derived = DerivedColumn
	}
	return find
}

// keepKey keeps the key of the first row, unless the key itself is or contains a
// ciphertext: a value is never shown.
func (f *Find) keepKey(relation Relation, column Column, candidate Candidate) {
	if f.Key != "" || slices.Contains(relation.Key, column.Name) {
		return
	}
	for _, part := range candidate.Key {
		if len(findCiphertexts([]byte(part))) > 0 {
			return
		}
	}
	f.Key = rowkey.ShowAll(relation.Key, candidate.Key)
}

// addOpened counts ciphertexts that open with the key of a version.
func (f *Find) addOpened(count int64, version int) {
	f.Opened += count
	if !slices.Contains(f.OpenedBy, version) {
		f.OpenedBy = append(f.OpenedBy, version)
	}
}

// merge adds what was found to the search.
func (r *relationSearch) merge() {
	for i, column := range r.relation.Columns {
		r.search.lookedAt[keyOf(r.relation, column, -1)] += r.lookedAt[i]
	}
	for _, values := range r.tooLarge {
		r.report.TooLarge += values
	}
	if !r.partial {
		r.reportTooLarge()
	}
	if r.partial {
		r.report.Sampled = append(r.report.Sampled, r.relation.String())
		r.report.SampledBytes += r.sampled
	}
	for at, find := range r.finds {
		if known := r.search.finds[at]; known != nil {
			known.merge(find)
		} else {
			r.search.finds[at] = find
		}
	}
}

// merge adds what was found in another heap of the same table.
func (f *Find) merge(other *Find) {
	f.Values += other.Values
	f.contained = f.contained || other.contained
	if other.keyColumn != f.keyColumn { // a partition of its own
		f.keyColumn = ""
	}
	if f.Key == "" {
		f.Key = other.Key
	}
	for version, values := range other.Versions {
		f.Versions[version] += values
	}
	f.Opened += other.Opened
	f.Unopened += other.Unopened
	for _, version := range other.OpenedBy {
		f.addOpened(0, version)
	}
}
