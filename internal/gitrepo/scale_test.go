package gitrepo_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Figures that a search has to keep on two cores.
const (
	scaleObjects = 125_000
	scaleBytes   = 1_100_000_000
	scaleTime    = 5 * time.Second
	scaleMemory  = 128 << 20 // of this process and git together
)

// scaleVariable runs TestScale: with "1" a repository is made, and with the folder of one, in a
// process of its own, it is measured.
const scaleVariable = "OCMT_TEST_GIT_SCALE"

// If this fails, the search takes too long or too much memory for a machine that also serves.
func TestScale(t *testing.T) {
	switch dir := os.Getenv(scaleVariable); dir {
	case "":
		t.Skip("set " + scaleVariable + "=1: it makes a repository of 600 MB")
	case "1":
		dir := t.TempDir()
		fastImport(t, dir)
		git(t, dir, "repack", "-adq")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestScale$", "-test.v")
		cmd.Env = append(os.Environ(), scaleVariable+"="+dir)
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatal(err)
		}
	default:
		measure(t, dir)
	}
}

func measure(t *testing.T, dir string) {
	t.Helper()
	r := open(t, dir)
	begin := time.Now()
	s, err := r.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	var own, children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		t.Fatal(err)
	}
	// Two processes of git run at once, and the larger one is known.
	memory := (own.Maxrss + 2*children.Maxrss) << 10
	t.Logf("%d objects, %d bytes: %.2f s, %.2f s of git's processor time, %.2f s of ours; memory: ours %d MiB, git %d MiB", s.Objects, s.Bytes,
		took.Seconds(), cpuSeconds(children), cpuSeconds(own), own.Maxrss>>10, children.Maxrss>>10)
	if s.Objects < scaleObjects || s.Bytes < scaleBytes || len(s.Finds) != 1 || len(s.Incomplete) > 0 {
		t.Errorf("%d objects, %d bytes, finds %+v, incomplete %v", s.Objects, s.Bytes, s.Finds, s.Incomplete)
	}
	if took > scaleTime || memory > scaleMemory {
		t.Errorf("it took %s and %d MiB", took, memory>>20)
	}
}

func cpuSeconds(u syscall.Rusage) float64 {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// fastImport fills a new repository: commits of three files each in a few thousand folders, with the
// token in one of them.
func fastImport(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "init", "-q", "--bare")
	cmd := exec.CommandContext(t.Context(), "git", "-C", dir, "fast-import", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer := bufio.NewWriterSize(in, 1<<20)
	writeHistory(writer)
	if err := writer.Flush(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

func writeHistory(w io.Writer) {
	const commits, files, mean = 11_600, 3, 31_500
	r := rand.New(rand.NewPCG(3, 4))
	words := make([]string, 4000)
	for i := range words {
		var b [6]byte
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		words[i] = base64.StdEncoding.EncodeToString(b[:])
	}
	var text bytes.Buffer
	for c := range commits {
		var names strings.Builder
		for f := range files {
			text.Reset()
			for size := int(r.ExpFloat64()*mean) + 50; text.Len() < size; {
				text.WriteString(words[r.IntN(len(words))] + " ")
			}
			if c == commits/2 && f == 0 {
				text.WriteString(token)
			}
			mark := c*files + f + 1
			fmt.Fprintf(w, "blob\nmark :%d\ndata %d\n%s\n", mark, text.Len(), text.Bytes())
			fmt.Fprintf(&names, "M 100644 :%d d%d/e%d/f%d.txt\n", mark, r.IntN(40), r.IntN(20), r.IntN(30))
		}
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 2\nc\n%s\n", 1_600_000_000+c, names.String())
	}
}
