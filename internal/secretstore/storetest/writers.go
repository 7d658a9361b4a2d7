package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
)

// The environment of a process that writes to a place rather than test anything.
const (
	writerPlace  = "OCMT_TEST_STORE_PLACE"
	writerRounds = "OCMT_TEST_STORE_ROUNDS" // how often it counts up; "" to write until it is killed
)

// Main runs the tests, or is a writer of them where the environment says so. It returns the exit code.
func Main(m *testing.M, open func(place string) secretstore.Store) int {
	place := os.Getenv(writerPlace)
	if place == "" {
		return m.Run()
	}
	if err := write(open(place)); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n") // nobody can be told where this fails
		return 1
	}
	return 0
}

// write does what the environment says: it counts up some times, or writes until it is killed.
func write(store secretstore.Store) error {
	rounds, set := os.LookupEnv(writerRounds)
	if !set {
		return writeForever(store)
	}
	number, err := strconv.Atoi(rounds)
	if err != nil {
		return err
	}
	_, err = countUp(context.Background(), store, number)
	return err
}

// countUp adds one to a number some times, each time by a change from what it read. It returns how often
// another writer was first.
func countUp(ctx context.Context, store secretstore.Store, rounds int) (refused int, err error) {
	for range rounds {
		for {
			held, err := store.Get(ctx, "COUNTER")
			if err != nil {
				return refused, err
			}
			number, err := strconv.Atoi(held.Reveal())
			if err != nil {
				return refused, errors.New("the counter holds no number")
			}
			err = store.Apply(ctx, Put("COUNTER", held.Reveal(), strconv.Itoa(number+1)))
			if err == nil {
				break
			}
			if !errors.Is(err, secretstore.ErrChanged) && !errors.Is(err, secretstore.ErrLocked) {
				return refused, err
			}
			refused++
		}
	}
	return refused, nil
}

// If this fails, two operators at once lose one of their changes, and neither is told.
func testWriters(t *testing.T, maker Maker) {
	const inside, outside, rounds = 3, 3, 15
	place := maker.Make(t, map[string]string{"COUNTER": "0", "BESIDE": "kept"})
	var done sync.WaitGroup
	for range inside {
		done.Go(func() {
			if _, err := countUp(t.Context(), maker.Open(place), rounds); err != nil {
				t.Error(err)
			}
		})
	}
	for range outside {
		done.Go(func() {
			writer := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // it is this test binary itself
			writer.Env = append(os.Environ(), writerPlace+"="+place, writerRounds+"="+strconv.Itoa(rounds))
			if text, err := writer.CombinedOutput(); err != nil {
				t.Errorf("%v, %s", err, text)
			}
		})
	}
	done.Wait()
	WantTexts(t, maker.Open(place), map[string]string{"COUNTER": strconv.Itoa((inside + outside) * rounds), "BESIDE": "kept"})
	wantNothingLeft(t, maker, place)
}

// writeForever writes two names, and says so each time.
func writeForever(store secretstore.Store) error {
	for number := os.Getpid(); ; number++ {
		first, err := store.Get(context.Background(), "FIRST")
		if err != nil {
			return err
		}
		second, err := store.Get(context.Background(), "SECOND")
		if err != nil {
			return err
		}
		next := roundText(number)
		if err := store.Apply(context.Background(), Put("FIRST", first.Reveal(), next), Put("SECOND", second.Reveal(), next)); err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString("written\n"); err != nil {
			return err
		}
	}
}

// roundText returns a long text that shows whether it is whole.
func roundText(number int) string {
	return fmt.Sprintf("%d %s %d", number, strings.Repeat("secret-", 300), number)
}

// isRoundText reports whether a text is whole.
func isRoundText(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	number, err := strconv.Atoi(word)
	return err == nil && text == roundText(number)
}

// If this fails, an ocmt that is killed leaves a deployment without its secret.
func testKilled(t *testing.T, maker Maker) {
	const kills = 25
	place := maker.Make(t, map[string]string{"FIRST": roundText(0), "SECOND": roundText(0), "BESIDE": "kept"})
	for kill := range kills {
		killWriter(t, place, time.Duration(kill)*800*time.Microsecond)
		maker.Inspect(t, place)
		store := maker.Open(place)
		texts := map[string]string{}
		for _, name := range []string{"FIRST", "SECOND", "BESIDE"} {
			value, err := store.Get(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = value.Reveal()
		}
		if !isRoundText(texts["FIRST"]) || !isRoundText(texts["SECOND"]) || texts["BESIDE"] != "kept" {
			t.Fatalf("a secret is lost: %.20q %.20q %q", texts["FIRST"], texts["SECOND"], texts["BESIDE"])
		}
		if maker.Whole && texts["FIRST"] != texts["SECOND"] {
			t.Fatal("a part of the changes was written")
		}
		MustApply(t, store, Put("FIRST", texts["FIRST"], roundText(1)), Put("SECOND", texts["SECOND"], roundText(1)))
	}
	WantTexts(t, maker.Open(place), map[string]string{"FIRST": roundText(1), "SECOND": roundText(1), "BESIDE": "kept"})
	wantNothingLeft(t, maker, place)
}

// killWriter starts a writer, and kills it some time after its first write.
func killWriter(t *testing.T, place string, after time.Duration) {
	t.Helper()
	writer := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // it is this test binary itself
	writer.Env = append(os.Environ(), writerPlace+"="+place)
	var complaint strings.Builder
	writer.Stderr = &complaint
	output, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		t.Errorf("the writer wrote nothing: %s", complaint.String())
	}
	timer := time.AfterFunc(after, func() { _ = writer.Process.Kill() }) // it may have ended
	defer timer.Stop()
	for lines.Scan() { // until the kill
		continue
	}
	_ = writer.Wait() // it was killed
	if complaint.Len() > 0 {
		t.Errorf("the writer ended by itself: %s", complaint.String())
	}
}
