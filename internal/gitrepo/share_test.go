package gitrepo_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// If this fails, a part of a large repository is searched by nobody, or counted twice.
func TestManyObjects(t *testing.T) {
	t.Parallel()
	const blobs, every = 2600, 200 // more than both git are handed at once
	dir := newRepository(t)
	var history, names strings.Builder
	for i := range blobs {
		text := fmt.Sprintf("file %d\n", i)
		if i%every == 0 {
			text += "TOKEN=" + token + "\n"
		}
		fmt.Fprintf(&history, "blob\nmark :%d\ndata %d\n%s\n", i+1, len(text), text)
		fmt.Fprintf(&names, "M 100644 :%d d%d/.env.%d\n", i+1, i%7, i)
	}
	fmt.Fprintf(&history, "commit refs/heads/many\ncommitter A <a@example.org> 1600000000 +0000\ndata 2\nc\n%s\n", names.String())
	load := exec.Command("git", "-C", dir, "fast-import", "--quiet")
	load.Stdin = strings.NewReader(history.String())
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := scan(t, dir)
	if len(got.Incomplete) > 0 || got.Objects < blobs {
		t.Errorf("%d objects, incomplete: %v", got.Objects, got.Incomplete)
	}
	if len(got.Finds) != 1 || got.Finds[0].Count != blobs/every || len(got.EnvFiles) != blobs {
		t.Errorf("finds %+v, %d env files; want a secret in %d objects and %d files", got.Finds, len(got.EnvFiles), blobs/every, blobs)
	}
}
