package cli_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/ui"
)

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// If this fails, an operator whose disk is full is told to set a key that nobody has, one line before the error.
func TestAdviceComesAfterTheKeyIsWritten(t *testing.T) {
	t.Parallel()
	var diagnostics strings.Builder
	deps := cli.SystemDeps("test", 0)
	deps.Streams = ui.Streams{In: strings.NewReader(""), Out: fullDisk{}, Err: &diagnostics, ErrTTY: true}
	deps.Environ, deps.Dir, deps.Harden = nil, t.TempDir(), nil
	deps.Notify = func(chan<- os.Signal) func() { return func() {} }
	code := cli.Main(t.Context(), []string{"keygen", "encryption"}, deps)
	if said := diagnostics.String(); code != int(ui.ExitFailed) || strings.Contains(said, "set it as") || !strings.Contains(said, "writing the result") {
		t.Errorf("exit status %d\n%s", code, said)
	}
}
