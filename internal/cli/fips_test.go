package cli_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// needsValues are the commands that seal or open values, as the leak test runs them, and so need
// IVs of 16 bytes.
var needsValues = []string{
	"ocmt rotate", "ocmt migrate plan", "ocmt migrate run", "ocmt migrate verify", "ocmt migrate accept", "ocmt rotate rollback",
	"ocmt rotate finish", "ocmt rotate gateway-tokens",
}

// If this fails, a process that may not open values begins all the same, and ends in the middle of its
// work; or one that needs none of that is refused.
func TestFIPSOnly(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("ocmt") // TestMain puts it there
	if err != nil {
		t.Fatal(err)
	}
	for path, command := range leakCommands {
		t.Run(strings.ReplaceAll(path, " ", "_"), func(t *testing.T) {
			t.Parallel()
			server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			dialled := make(chan struct{}, 1000)
			go func() {
				for {
					conn, err := server.Accept()
					if err != nil {
						return
					}
					dialled <- struct{}{}
					_ = conn.Close()
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir := t.TempDir()
			run := exec.CommandContext(ctx, program, command.args...)
			run.Dir = dir
			address := server.Addr().String()
			run.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "USER=tester", "GODEBUG=fips140=only", "GORACE=atexit_sleep_ms=0",
				"DATABASE_URL=postgresql://postgres@" + address + "/ocmt?sslmode=disable", "REDIS_URL=redis://" + address, "ENCRYPTION_KEY_VERSION=1",
				"ENCRYPTION_KEY=" + random() + random(), "ENCRYPTION_KEY_V0=" + random() + random()}
			for _, name := range []string{"own.env", "other.env"} {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, _ := run.CombinedOutput()
			refused := strings.Contains(string(said), "FIPS 140-only")
			code := run.ProcessState.ExitCode()
			if slices.Contains(needsValues, path) {
				if !refused || code != 5 || len(dialled) > 0 {
					t.Errorf("exit code %d, %d connections were made: %s", code, len(dialled), said)
				}
			} else if refused || code == 5 {
				t.Errorf("refused, with exit code %d: %s", code, said)
			}
		})
	}
}
