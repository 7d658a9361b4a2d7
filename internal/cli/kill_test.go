package cli_test

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

const (
	kills      = 50
	killedRows = 40000
)

// If this fails, an operator whose machine dies during a rotation has lost
// secrets, or cannot go on.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := testenv.Shared(t)
	schema, err := os.ReadFile("../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	name, err := server.CreateDatabase(ctx, string(schema))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[int]crypto.Key{}
	for version := range 2 {
		if keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	url := server.URL("postgres", name)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	fillSecrets(t, conn, keys[0])
	environ := append(os.Environ(), "DATABASE_URL="+url, "ENCRYPTION_KEY_VERSION=1",
		"ENCRYPTION_KEY="+keys[1].Reveal(), "ENCRYPTION_KEY_V0="+keys[0].Reveal())

	between, before := 0, 0
	window := 500 * time.Millisecond // how late a run may be killed
	for round := range kills {
		command := exec.Command("ocmt", "rotate", "--from-version", "0", "--max-rows-per-second", "400")
		command.Env, command.Dir = environ, t.TempDir()
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		// The moment is what is tested: it must fall anywhere. Every other one falls behind the first write that is
		// seen, however slow the machine is.
		killAt(t, command, round%2 == 0, window, func() bool { return countMoved(t, conn) > before })
		moved := countMoved(t, conn)
		// How long a run needs until it writes depends on the machine.
		if moved == before {
			window += window / 2
		} else {
			window -= window / 5
			if moved < killedRows {
				between++
			}
		}
		before = moved
	}
	t.Logf("%d of %d runs were killed while they wrote", between, kills)
	if between < kills/5 {
		t.Error("too few runs were killed while they wrote: the test proves nothing")
	}
	command := exec.Command("ocmt", "rotate", "--from-version", "0")
	command.Env, command.Dir = environ, t.TempDir()
	for deadline := time.Now().Add(patience); ; {
		output, err := command.CombinedOutput()
		if err == nil {
			break
		}
		// The server may need a moment to see that the last killed run is gone
		// and to give its lock back.
		if command.ProcessState.ExitCode() != 5 || time.Now().After(deadline) {
			t.Fatalf("running again: %v\n%s", err, output)
		}
		command = exec.Command("ocmt", "rotate", "--from-version", "0")
		command.Env, command.Dir = environ, t.TempDir()
	}
	checkSecrets(t, conn, keys[1])
}

// killAt kills a program that was started: at any moment of a window, or as soon as it has written. It returns when
// the program has ended, by itself or not.
func killAt(t *testing.T, command *exec.Cmd, anywhere bool, window time.Duration, written func() bool) {
	t.Helper()
	ended := make(chan struct{})
	go func() { _ = command.Wait(); close(ended) }()
	if anywhere {
		time.AfterFunc(time.Duration(mathrand.Int64N(int64(window))), func() { _ = command.Process.Kill() })
	} else {
		eventually(t, "the program to write", func() bool {
			select {
			case <-ended:
				return true
			default:
				return written()
			}
		})
		_ = command.Process.Kill() // it may have ended
	}
	<-ended
}

func fillSecrets(t *testing.T, conn *pgx.Conn, key crypto.Key) {
	t.Helper()
	ring, err := crypto.NewKeyring(0, map[int]crypto.Key{0: key})
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.CopyFrom(context.Background(), pgx.Identifier{"secrets"}, []string{"key", "value_encrypted"},
		pgx.CopyFromSlice(killedRows, func(n int) ([]any, error) {
			name := fmt.Sprintf("secret %d", n)
			c, err := ring.Seal([]byte("plaintext of "+name), rand.Reader)
			return []any{name, c.String()}, err
		}))
	if err != nil {
		t.Fatal(err)
	}
}

func countMoved(t *testing.T, conn *pgx.Conn) (moved int) {
	t.Helper()
	err := conn.QueryRow(context.Background(), "select count(*) from secrets where value_encrypted like 'v1:%'").Scan(&moved)
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

func checkSecrets(t *testing.T, conn *pgx.Conn, key crypto.Key) {
	t.Helper()
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{1: key})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(context.Background(), "select key, value_encrypted from secrets")
	if err != nil {
		t.Fatal(err)
	}
	var name, text string
	count := 0
	_, err = pgx.ForEachRow(rows, []any{&name, &text}, func() error {
		count++
		c, err := crypto.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		plain, err := ring.Open(c)
		if err == nil && string(plain) != "plaintext of "+name {
			err = fmt.Errorf("%s opens to another plaintext", name)
		}
		return err
	})
	if err != nil || count != killedRows {
		t.Errorf("%d of %d secrets open with the new key: %v", count, killedRows, err)
	}
}
