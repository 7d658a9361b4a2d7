package migrate

import (
	"context"
	"math/rand/v2"
	"unicode/utf8"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Census counts the values of one column.
type Census struct {
	Table     string        `json:"table"`
	Column    string        `json:"column"`
	Legacy    int64         `json:"legacy"`   // of ByVersion[0], those in the legacy form
	ByVersion map[int]int64 `json:"versions"` // values that read as a ciphertext
	Plaintext int64         `json:"plaintext"`
	NotRead   int64         `json:"not_read"` // not understood; opening them was not tried
	Values    int64         `json:"values"`   // all that are not NULL

	// longest is, by version, the longest plaintext in bytes.
	longest map[int]int
}

// samplesPerVersion is how many values of each column and version are opened
// before anything is written. A wrong key fails on the first; the rest is for a
// column in which two keys share one label.
const samplesPerVersion = 64

type sampleKey struct {
	column  int // in the list of censuses
	version int
}

// samples draws evenly from a stream of unknown length (reservoir sampling).
type samples struct {
	random *rand.Rand
	seen   map[sampleKey]int
	kept   map[sampleKey][]string
}

func newSamples() *samples {
	// The draw decides nothing that a guesser could gain from; a fixed seed
	// makes two plans of the same data equal.
	return &samples{random: rand.New(rand.NewPCG(1, 2)), seen: map[sampleKey]int{}, kept: map[sampleKey][]string{}} //nolint:gosec // see above
}

func (s *samples) offer(key sampleKey, text []byte) {
	s.seen[key]++
	kept := s.kept[key]
	if len(kept) < samplesPerVersion {
		s.kept[key] = append(kept, string(text))
		return
	}
	if at := s.random.IntN(s.seen[key]); at < samplesPerVersion {
		kept[at] = string(text)
	}
}

// takeCensus reads every value of the tables once and opens none. It also counts,
// by table, the rows that the request would write.
func takeCensus(ctx context.Context, reader Reader, ring *crypto.Keyring, request Request, tables []Table, reporter Reporter) ([]Census, []int64, *samples, error) {
	var list []Census
	toWrite := make([]int64, len(tables))
	drawn := newSamples()
	parser := crypto.NewResealer(ring, nil)
	var rows int64
	for n, table := range tables {
		first := len(list)
		for _, column := range table.Columns {
			list = append(list, Census{Table: table.Name, Column: column.Name, ByVersion: map[int]int64{}, longest: map[int]int{}})
		}
		err := reader.Scan(ctx, table, nil, func(row Row) error {
			leaving := false
			for i, text := range row.Values {
				if text != nil {
					version := list[first+i].count(parser, drawn, first+i, table.Columns[i], text)
					leaving = leaving || version >= 0 && version != request.To && request.Leaves(version)
				}
			}
			if leaving {
				toWrite[n]++
			}
			if rows++; rows%10_000 == 0 {
				reporter.Progress(rows, 0)
			}
			return nil
		})
		if err != nil {
			return nil, nil, nil, err
		}
	}
	return list, toWrite, drawn, nil
}

// count counts a value, and returns its version, or -1 where it has none.
func (c *Census) count(parser *crypto.Resealer, drawn *samples, index int, column Column, text []byte) int {
	c.Values++
	parsed, err := parser.Parse(text)
	if err != nil {
		if column.PlaintextAllowed && crypto.Reason(err) == crypto.Reason(crypto.ErrNotCiphertext) {
			c.Plaintext++
		} else {
			c.NotRead++
		}
		return -1
	}
	c.ByVersion[parsed.Version]++
	if parsed.Format == crypto.Legacy {
		c.Legacy++
	}
	c.longest[parsed.Version] = max(c.longest[parsed.Version], len(parsed.Body))
	drawn.offer(sampleKey{index, parsed.Version}, text)
	return parsed.Version
}

// sealedLength is how many characters a plaintext of so many bytes takes under
// a version: v{N}: and three Base64 parts.
func sealedLength(version, plaintextBytes int) int {
	c := crypto.Ciphertext{Format: crypto.Versioned, Version: version,
		IV: make([]byte, crypto.IVSize), Tag: make([]byte, crypto.TagSize), Body: make([]byte, plaintextBytes)}
	return utf8.RuneCountInString(c.String())
}
