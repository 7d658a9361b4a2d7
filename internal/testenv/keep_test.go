package testenv_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, someone who mistypes the folder loses a file of their own.
func TestEndKeptLeavesOtherFoldersAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ocmt-kept-mine", "else"} {
		folder := filepath.Join(t.TempDir(), name)
		must(t, os.Mkdir(folder, 0o700))
		file := filepath.Join(folder, "environment")
		if err := testenv.EndKept(t.Context(), folder); !errors.Is(err, testenv.ErrNotKept) {
			t.Errorf("an empty folder: %v", err)
		}
		must(t, os.WriteFile(file, []byte("export A=1\n"), 0o600))
		if err := testenv.EndKept(t.Context(), folder); !errors.Is(err, testenv.ErrNotKept) {
			t.Errorf("a folder with another file: %v", err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// If this fails, a developer finds servers that outlive what should have ended them, or that end
// with the process that was to leave them.
func TestKeep(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartRedis(t.Context())
	must(t, err)
	file, err := testenv.Keep("export A=1\n", server)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(file), testenv.KeptFiles, "mine"), nil, 0o600))
	folder := filepath.Dir(pathOf(server.SocketURL()))
	server.CloseInput()
	if _, err := redisProcess(t.Context(), server.URL()); err != nil {
		t.Errorf("it has ended with the one that left it: %v", err)
	}
	must(t, testenv.EndKept(t.Context(), filepath.Dir(file)))
	for _, gone := range []string{folder, filepath.Dir(file)} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", gone, err)
		}
	}
}

// If this fails, a newcomer who put a file of their own beside the kept servers waits for ever for these to end.
func TestEndKeptNamesWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only where servers run as another account are there files that this one cannot remove")
	}
	server, err := testenv.StartRedis(t.Context())
	must(t, err)
	file, err := testenv.Keep("export A=1\n", server)
	must(t, err)
	folder := filepath.Dir(file)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	must(t, os.Mkdir(filepath.Join(folder, "mine"), 0o700))
	must(t, os.WriteFile(filepath.Join(folder, "mine", "a-file"), nil, 0o600))
	server.CloseInput()
	if err := testenv.EndKept(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "the servers have ended") || !strings.Contains(err.Error(), "(mine)") {
		t.Errorf("it does not say what is in the way: %v", err)
	}
	if _, err := redisProcess(t.Context(), server.URL()); err == nil {
		t.Error("the server still runs")
	}
}
