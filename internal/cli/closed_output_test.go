package cli_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, a script that reads the first lines of a result sees an error for it, or a result
// that nobody has read ends as if all were well.
func TestClosedOutput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"keygen", "encryption"}, {"validate", "--output", "json"}} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		var errors testenv.Output
		code := cli.Main(context.Background(), args, cli.Deps{Streams: ui.Streams{In: nil, Out: writer, Err: &errors},
			Environ: []string{"ENCRYPTION_KEY=7be04c19d2a6f38e5519c0bb47ea2f6d93f1850c6e2db7a4081f9ed35b7c62aa"}, Dir: t.TempDir(),
			Now: time.Now, Sleep: time.Sleep, Cores: 1, Random: rand.Reader, Notify: func(chan<- os.Signal) func() { return func() {} }})
		_ = writer.Close()
		if code != int(ui.ExitInterrupted) || errors.String() != "" {
			t.Errorf("%v: exit code %d, %q", args, code, errors.String())
		}
	}
}
