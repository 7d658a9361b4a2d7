package chain_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
		}
	}
	os.Exit(m.Run())
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
				length := time.Duration(100+rand.IntN(500)) * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), length)
				cmd := exec.CommandContext(ctx, os.Args[0])
				cmd.Env = append(os.Environ(), writerFile+"="+path)
				text, err := cmd.CombinedOutput()
				if ctx.Err() == nil {
					t.Errorf("a writer ended by itself: %v, %s", err, text)
				}
				cancel()
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
