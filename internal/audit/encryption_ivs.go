package audit

import (
	"context"

	"github.com/ocmt/ocmt/internal/ivset"
)

// maxCandidates bounds the memory of one second look to some 26 MiB. Where whole tables are copies of
// others, there are more candidates, and the values are read again for each part of them.
const maxCandidates = 1 << 17

// ivPlace is where a value stands.
type ivPlace struct {
	column int
	key    string
}

// compareIVs reads the values again if any hash of key and IV occurs twice, and finds which IVs were used
// for different messages. An IV that cannot be compared for want of a file is told by the check of IVs
// alone.
func (s EncryptionSource) compareIVs(ctx context.Context, census *valueCensus, collector *ivset.Collector, hash ivset.Hash) error {
	census.repeats = map[uint32]ivset.Repeats[ivPlace]{}
	for candidates, err := range collector.Candidates(ctx, maxCandidates) {
		if err != nil {
			census.ivErr = err
			return ctx.Err()
		}
		look := ivset.NewSecondLook[ivPlace](hash, candidates)
		first := 0
		for _, table := range census.tables.Tables {
			if err := s.lookAgain(ctx, census, look, table, first); err != nil {
				return err
			}
			first += len(table.Columns)
		}
		for id, found := range look.Repeats() {
			sum := census.repeats[id]
			sum.IVs, sum.Values = sum.IVs+found.IVs, sum.Values+found.Values
			sum.Places = append(sum.Places, found.Places...)
			sum.Places = sum.Places[:min(len(sum.Places), MaxPlaces)]
			census.repeats[id] = sum
		}
	}
	return nil
}

// lookAgain passes the values of a table on whose IV may be a repeated one. The IV alone decides that, so
// that few values are opened again. A table that could not be read the first time is a gap already.
func (s EncryptionSource) lookAgain(ctx context.Context, census *valueCensus, look *ivset.SecondLook[ivPlace], table ValueTable, first int) error {
	worker := &valueWorker{keys: census.keys, opener: newOpener(census.keys)}
	ids := census.keys.ring.Versions()
	err := s.reader.ReadValues(ctx, table, func(row ValueRow) error {
		for i, text := range row.Values {
			if len(text) == 0 {
				continue
			}
			c, form := worker.parse(text)
			if form != opensOddly && form != hasShortTag {
				continue
			}
			for _, id := range ids {
				// The encrypted bytes are the message: with the key and the IV they make the tag.
				if look.Wants(uint32(id), c.IV) && worker.opens(c, id) { //nolint:gosec // never negative
					look.Add(uint32(id), c.IV, c.Body, ivPlace{first + i, string(row.Key)}) //nolint:gosec // never negative
				}
			}
		}
		return nil
	})
	if isGap(err) {
		return nil
	}
	return err
}
