package ivset_test

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/internal/ivset"
)

// BenchmarkFind takes 5,000,000 values with two goroutines and looks for candidates, in memory and
// with a file. "heap-MiB" is what the Collector holds at the end.
func BenchmarkFind(b *testing.B) {
	const values, writers = 5_000_000, 2
	for name, most := range map[string]int{"memory": 0, "file": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				collector := ivset.NewCollector(ivset.Options{Hash: ivset.NewHash(maphash.MakeSeed()), MaxHashes: most, Folder: b.TempDir()})
				addAll(b, collector, values, writers)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "heap-MiB")
				for list, err := range collector.Candidates(b.Context(), 1_000_000) {
					b.Fatalf("%d candidates, %v", len(list), err)
				}
				if err := collector.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/values, "ns/value")
		})
	}
}

func addAll(b *testing.B, collector *ivset.Collector, values, writers int) {
	var group sync.WaitGroup
	for n := range writers {
		group.Go(func() {
			writer := collector.NewWriter()
			random := rand.New(rand.NewPCG(1, uint64(n)))
			var iv [16]byte
			for range values / writers {
				binary.LittleEndian.PutUint64(iv[:], random.Uint64())
				binary.LittleEndian.PutUint64(iv[8:], random.Uint64())
				if err := writer.Add(0, iv[:]); err != nil {
					b.Error(err)
				}
			}
			if err := writer.Flush(); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
}

// BenchmarkWants asks whether a value is wanted that is not, as nearly all are.
func BenchmarkWants(b *testing.B) {
	for _, candidates := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprint(candidates), func(b *testing.B) {
			list := make([]uint64, candidates)
			for i := range list {
				list[i] = uint64(i) << 40
			}
			look := ivset.NewSecondLook[int](ivset.NewHash(maphash.MakeSeed()), list)
			iv := make([]byte, 16)
			for i := 0; b.Loop(); i++ {
				binary.LittleEndian.PutUint64(iv, uint64(i))
				look.Wants(0, iv)
			}
		})
	}
}
