package ivset_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/internal/ivset"
)

// value is a value as it was opened.
type value struct {
	key     uint32
	iv      string
	message string
	place   int
}

// find runs both looks over the values with some goroutines, and returns what was found.
func find(t *testing.T, options ivset.Options, limit int, values []value) map[uint32]ivset.Repeats[int] {
	t.Helper()
	collector := ivset.NewCollector(options)
	defer collector.Close()
	const writers = 3
	var group sync.WaitGroup
	for n := range writers {
		group.Go(func() {
			writer := collector.NewWriter()
			for i := n; i < len(values); i += writers {
				if err := writer.Add(values[i].key, []byte(values[i].iv)); err != nil {
					t.Error(err)
				}
			}
			if err := writer.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	found := map[uint32]ivset.Repeats[int]{}
	for list, err := range collector.Candidates(t.Context(), limit) {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Error("a list of candidates is not sorted, or has a hash twice")
		}
		look := ivset.NewSecondLook[int](options.Hash, list)
		for _, v := range values {
			if look.Wants(v.key, []byte(v.iv)) {
				look.Add(v.key, []byte(v.iv), []byte(v.message), v.place)
			}
		}
		for key, repeats := range look.Repeats() {
			sum := found[key]
			sum.IVs, sum.Values, sum.Places = sum.IVs+repeats.IVs, sum.Values+repeats.Values, append(sum.Places, repeats.Places...)
			found[key] = sum
		}
	}
	return found
}

// findWithMap is the same by a map of everything. The places are all of them.
func findWithMap(values []value) map[uint32]ivset.Repeats[int] {
	type pair struct {
		key uint32
		iv  string
	}
	uses := map[pair][]value{}
	for _, v := range values {
		uses[pair{v.key, v.iv}] = append(uses[pair{v.key, v.iv}], v)
	}
	found := map[uint32]ivset.Repeats[int]{}
	for of, list := range uses {
		if !slices.ContainsFunc(list, func(v value) bool { return v.message != list[0].message }) {
			continue
		}
		sum := found[of.key]
		sum.IVs, sum.Values = sum.IVs+1, sum.Values+int64(len(list))
		for _, v := range list {
			sum.Places = append(sum.Places, v.place)
		}
		found[of.key] = sum
	}
	return found
}

// drawValues draws values with few keys, IVs and messages, so that all cases occur.
func drawValues(random *rand.Rand, count, ivs int) []value {
	values := make([]value, count)
	for i := range values {
		iv := binary.BigEndian.AppendUint64(nil, random.Uint64N(uint64(ivs)))
		if random.IntN(2) == 0 {
			iv = append(iv, 0, 0, 0, 0)
		}
		values[i] = value{key: random.Uint32N(3), iv: string(iv), message: fmt.Sprint(random.IntN(3)), place: i}
	}
	return values
}

// If this fails, one key and IV for two messages goes unseen, or an operator throws away a key for a
// fault that is none: a copy, or one IV under two keys. The hash with few bits makes unlike IVs look
// alike; small bounds put the hashes into a file and the candidates into many lists.
func TestFindsWhatAMapFinds(t *testing.T) {
	t.Parallel()
	seeded := ivset.NewHash(maphash.MakeSeed())
	hashes := map[string]ivset.Hash{
		"seeded":   seeded,
		"few bits": func(key uint32, iv []byte) uint64 { return seeded(key, iv) & (0x3f<<58 | 3) },
		"one part": func(key uint32, iv []byte) uint64 { return seeded(key, iv) >> 8 },
	}
	for name, hash := range hashes {
		for _, most := range []int{0, 300} {
			t.Run(fmt.Sprintf("%s, at most %d in memory", name, most), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(7, uint64(most)))
				for range 40 {
					values := drawValues(random, random.IntN(2500), 1+random.IntN(3000))
					got := find(t, ivset.Options{Hash: hash, MaxHashes: most, Folder: t.TempDir()}, 1+random.IntN(50), values)
					compare(t, got, findWithMap(values))
				}
			})
		}
	}
}

// compare fails where the counts differ, or a place is not one of a repeat.
func compare(t *testing.T, got, want map[uint32]ivset.Repeats[int]) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("found repeats under %d keys, not %d", len(got), len(want))
	}
	for key, repeats := range got {
		if repeats.IVs != want[key].IVs || repeats.Values != want[key].Values {
			t.Errorf("key %d: %d IVs in %d values, want %d in %d", key, repeats.IVs, repeats.Values, want[key].IVs, want[key].Values)
		}
		if int64(len(repeats.Places)) < min(ivset.MaxPlaces, 2*repeats.IVs) {
			t.Errorf("key %d: %d places of %d IVs", key, len(repeats.Places), repeats.IVs)
		}
		for _, place := range repeats.Places {
			if !slices.Contains(want[key].Places, place) {
				t.Errorf("key %d: the value at %d is no repeat", key, place)
			}
		}
	}
}

// If this fails, one broken random number generator fills a report with thousands of lines, or its
// count is wrong.
func TestCountsAllAndKeepsTenPlaces(t *testing.T) {
	t.Parallel()
	values := make([]value, 1000)
	for i := range values {
		values[i] = value{key: 1, iv: "the same IV ever", message: fmt.Sprint(i), place: i}
	}
	found := find(t, ivset.Options{Hash: ivset.NewHash(maphash.MakeSeed())}, 100, values)[1]
	if found.IVs != 1 || found.Values != 1000 || len(found.Places) != ivset.MaxPlaces || found.Places[0] != 0 {
		t.Errorf("found %+v", found)
	}
}

// If this fails, the file of the hashes lies about where others can read it, or is left behind.
func TestLeavesNoFileBehind(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	options := ivset.Options{Hash: ivset.NewHash(maphash.MakeSeed()), MaxHashes: 100, Folder: folder}
	collector := ivset.NewCollector(options)
	writer := collector.NewWriter()
	for i := range uint32(100_000) {
		if err := writer.Add(0, binary.BigEndian.AppendUint32(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if names := openFiles(t, folder); len(names) != 1 || !strings.HasSuffix(names[0], "(deleted)") {
		t.Errorf("while it works, the open files are %q", names)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("while it works, the folder has %d files, %v", len(entries), err)
	}
	if err := collector.Close(); err != nil {
		t.Error(err)
	}
	if names := openFiles(t, folder); len(names) != 0 {
		t.Errorf("at the end, the open files are %q", names)
	}
	if err := collector.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	for range 100 {
		if err := writer.Add(0, nil); err != nil {
			if !errors.Is(err, ivset.ErrClosed) {
				t.Errorf("adding to a closed collector: %v", err)
			}
			return
		}
	}
	t.Error("a closed collector takes hashes")
}

// openFiles returns the files of a folder that this process has open, by /proc where there is one.
func openFiles(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(name, folder) {
			names = append(names, name)
		}
	}
	return names
}

// If this fails, a folder that cannot be written to, or a full disk, makes the check pass.
func TestReportsAFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	collector := ivset.NewCollector(ivset.Options{Hash: ivset.NewHash(maphash.MakeSeed()), MaxHashes: 1, Folder: t.TempDir() + "/none"})
	defer collector.Close()
	writer := collector.NewWriter()
	for i := range uint32(2) {
		if err := writer.Add(0, binary.BigEndian.AppendUint32(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Flush(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// If this fails, an operator cannot stop the check while it sorts.
func TestStopsWithItsContext(t *testing.T) {
	t.Parallel()
	collector := ivset.NewCollector(ivset.Options{Hash: ivset.NewHash(maphash.MakeSeed())})
	defer collector.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rounds := 0
	for _, err := range collector.Candidates(ctx, 1) {
		if rounds++; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if rounds != 1 {
		t.Errorf("got %d lists", rounds)
	}
}
