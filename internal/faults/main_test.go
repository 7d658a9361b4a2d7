package faults_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// testTimeout bounds whatever ends by itself, so that a test that hangs fails. No test waits for
// it.
const testTimeout = 10 * time.Minute

// full chooses the long form: more rows, more tries, and what takes minutes.
var full = os.Getenv("OCMT_FAULTS") == "full"

// pick returns the size for the form that runs.
func pick(short, long int) int {
	if full {
		return long
	}
	return short
}

// slowly is a row limit under which a few thousand rows take many seconds, which is more than
// any test needs to break something meanwhile.
const slowly = "200"

// programFolder is where the program under test is built.
var programFolder string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if programFolder, err = os.MkdirTemp("", "ocmt-faults-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(programFolder) }()
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		// Most of the time is spent waiting for limits and servers.
		if err := parallel.Value.Set("4"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// program returns the path of ocmt, built as the tests themselves are: with the
// race detector where they have it. This package cannot link the command line,
// which only main may.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	if err := watchSource(); err != nil {
		return "", err
	}
	path := filepath.Join(programFolder, "ocmt")
	args := []string{"build", "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	command := exec.Command("go", append(args, "./cmd/ocmt")...)
	command.Dir = "../.."
	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ocmt: %w\n%s", err, said)
	}
	return path, nil
})

// watchSource looks at each Go file of the module, so that the go command knows
// that the results hang on them: else it would print old ones from its cache.
func watchSource() error {
	return filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(entry.Name()) != ".go" {
			return err
		}
		_, err = os.Stat(path)
		return err
	})
}
