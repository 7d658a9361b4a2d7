package procsec

import (
	"os"
	"path/filepath"
	"testing"
)

// If this fails, the limit of a container is not known, and a large value ends in the system killing the
// run for its memory.
func TestGroupLimit(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("second", "0::/outer/inner\n")
	write("outer/memory.max", "536870912\n")
	write("outer/inner/memory.max", "max\n")
	write("first", "9:cpu,memory:/docker/x\n3:cpuset:/\n")
	write("memory/memory.limit_in_bytes", "268435456\n")
	write("memory/docker/x/memory.limit_in_bytes", "9223372036854771712\n")
	write("none", "0::/elsewhere\nnonsense\n")
	for groups, want := range map[string]int64{"second": 512 << 20, "first": 256 << 20, "none": 0, "absent": 0} {
		if got := groupLimit(filepath.Join(root, groups), root); got != want {
			t.Errorf("%s: %d bytes, want %d", groups, got, want)
		}
	}
}
