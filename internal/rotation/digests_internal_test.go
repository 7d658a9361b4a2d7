package rotation

import "testing"

// If this fails, a look at a large database takes all of the memory, or takes a value that it has dropped for a new one.
func TestDigestsAreBounded(t *testing.T) {
	t.Parallel()
	set := newDigestSet(nil)
	set.limit = 100
	const all = 1000
	for n := range uint64(all) {
		set.add(n)
	}
	set.seal()
	if len(set.list) > set.limit || set.oneIn() != 16 {
		t.Fatalf("%d digests are kept, one in %d", len(set.list), set.oneIn())
	}
	next := newDigestSet(set)
	fresh := 0
	for n := range uint64(all + 160) {
		if next.add(n) {
			fresh++
		}
	}
	if fresh != 10 {
		t.Errorf("%d of 160 values are new, of which one in 16 is compared", fresh)
	}
}
