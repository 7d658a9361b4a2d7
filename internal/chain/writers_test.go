package chain_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
)

// writerFile names the file that a process of this test binary writes to, rather than test anything.
const writerFile = "OCMT_TEST_CHAIN_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerFile); path != "" {
		for n := 0; ; n++ {
			if _, err := chain.NewFile(path).Append(context.Background(), time.Now(), author, chain.Event{Action: "try", Subject: strconv.Itoa(os.Getpid()),
				Details: map[string]any{"n": n}}); err != nil {
				_, _ = os.Stderr.WriteString(err.Error() + "\n")
				os.Exit(1)
			}
			if n == 0 {
				_, _ = os.Stdout.WriteString("begun\n")
			}
		}
	}
	os.Exit(m.Run())
}

// killWriter starts a writer, and kills it at any moment after its first entry.
func killWriter(t *testing.T, path string) {
	var told strings.Builder
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), writerFile+"="+path), &told
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := said.Read(make([]byte, 1)); err != nil {
		t.Errorf("a writer ended by itself: %v, %s", err, &told)
	}
	killed := time.AfterFunc(time.Duration(rand.IntN(500))*time.Millisecond, func() { _ = cmd.Process.Kill() }) // the moment is what is tested
	_, _ = io.Copy(io.Discard, said)
	_ = cmd.Wait()
	if killed.Stop() {
		t.Errorf("a writer ended by itself: %s", &told)
	}
}

// If this fails, two commands at once, or one that is killed, break the record.
func TestWritersOfAFileAreKilled(t *testing.T) {
	t.Parallel()
	const writers = 20
	path := filepath.Join(t.TempDir(), "record")
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for range 2 {
				killWriter(t, path)
			}
		})
	}
	done.Wait()
	file := chain.NewFile(path)
	if _, err := file.Append(t.Context(), moment, author, events(1)...); err != nil {
		t.Fatal(err)
	}
	report := mustVerify(t, file, "")
	if report.Break != nil || report.Count < writers {
		t.Errorf("%+v, %+v", report, report.Break)
	}
	t.Logf("%d entries, %d closed off", report.Count, report.ClosedOff)
}
