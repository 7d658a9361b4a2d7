package cli_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The dotenv that servers read their env file with, and the SHA-512 of its packed file.
const (
	dotenvVersion = "17.4.2"
	dotenvSum     = "9c8e14dd3a2db4a01c003f4b2ee77809bedbd90ced40c5047c76ef8531f4f5ba974f19d289ef169e33c02d5fd6302ac967a515fea1c9e8bd373aa3b72dc75867"
)

// dotenvFolder unpacks dotenv into a folder of the test. npm fetches it, and it stays packed in .tools. The test is
// skipped where there is no Node.js, or npm cannot serve it.
func dotenvFolder(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no Node.js on this machine: the servers of this test need it")
	}
	tools, err := filepath.Abs("../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(tools, "dotenv-"+dotenvVersion+".tgz")
	if _, err := os.Stat(kept); err != nil {
		folder := t.TempDir()
		command := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "dotenv@"+dotenvVersion)
		command.Dir = folder
		if output, err := command.CombinedOutput(); err != nil {
			t.Skipf("npm cannot serve dotenv@%s, which the servers of this test need: %v\n%s", dotenvVersion, err, output)
		}
		packed, err := os.ReadFile(filepath.Join(folder, "dotenv-"+dotenvVersion+".tgz"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(tools, 0o755), os.WriteFile(kept, packed, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha512.Sum512(packed); hex.EncodeToString(sum[:]) != dotenvSum {
		t.Fatalf("%s has another checksum than it should: remove it", kept)
	}
	return unpackPackage(t, kept)
}

// unpackPackage unpacks a package of npm into a folder of the test.
func unpackPackage(t *testing.T, kept string) string {
	t.Helper()
	file, err := os.Open(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return filepath.Join(folder, "package")
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(header.Name) {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, filepath.FromSlash(header.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// vaultServer is a process of Node that reads an env file with dotenv and seals and opens with its keys, and a
// goroutine that does its SQL: it adds values, writes some anew, and reads what anybody has written.
type vaultServer struct {
	t       *testing.T
	name    string
	url     string
	folder  string // of dotenv
	envFile string

	mu      sync.Mutex
	process *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	end     context.CancelFunc
	ended   chan struct{}
	version string
	unread  []string // values that it could not open since its start
}

// start starts the server, as a restart does: it reads its env file once.
func (s *vaultServer) start() {
	s.t.Helper()
	s.process = exec.Command("node", "../../testdata/server/secrets.mjs", s.folder, s.envFile)
	s.process.Env = []string{"PATH=" + os.Getenv("PATH")}
	s.process.Stderr = os.Stderr
	var err error
	if s.input, err = s.process.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	output, err := s.process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.output = bufio.NewReader(output)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	if s.version, err = s.read(); err != nil {
		s.t.Fatalf("starting server %s: %v", s.name, err)
	}
	s.unread = nil
	ctx, end := context.WithCancel(context.Background())
	s.end, s.ended = end, make(chan struct{})
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		defer func() { _ = conn.Close(context.Background()) }()
		for n := 0; ctx.Err() == nil; n++ {
			if err := s.work(ctx, conn, n); err != nil && ctx.Err() == nil {
				s.t.Errorf("server %s: %v", s.name, err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond): // the pace of a server, not a wait for anything
			}
		}
	}()
}

// stop ends the server.
func (s *vaultServer) stop() {
	if s.process == nil {
		return
	}
	s.end()
	<-s.ended
	_ = s.input.Close()
	_ = s.process.Wait()
	s.process = nil
}

// restart ends the server and starts it again.
func (s *vaultServer) restart() { s.t.Helper(); s.stop(); s.start() }

// ask asks the process, and returns its answer.
func (s *vaultServer) ask(line string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.input, line+"\n"); err != nil {
		return "", err
	}
	return s.read()
}

// errRefused says that the process could not do what it was asked.
var errRefused = errors.New("refused")

func (s *vaultServer) read() (string, error) {
	line, err := s.output.ReadString('\n')
	if err != nil {
		return "", err
	}
	word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if word != "ok" {
		return "", fmt.Errorf("%w: %s", errRefused, rest)
	}
	return rest, nil
}

// work adds a value, writes the last one anew every other time, and reads one that anybody has written.
func (s *vaultServer) work(ctx context.Context, conn *pgx.Conn, n int) error {
	sealed, err := s.ask(fmt.Sprintf("seal plaintext %d of %s", n, s.name))
	if err != nil {
		return err
	}
	if _, err = conn.Exec(ctx, "insert into secrets (key, value_encrypted) values (gen_random_uuid(), $1)", sealed); err != nil {
		return err
	}
	if n%2 == 1 {
		if sealed, err = s.ask("seal written anew"); err != nil {
			return err
		}
		if _, err = conn.Exec(ctx, "update secrets set value_encrypted = $1, updated_at = now() where key = (select key from secrets order by random() limit 1)", sealed); err != nil {
			return err
		}
	}
	var stored string
	if err := conn.QueryRow(ctx, "select value_encrypted from secrets order by random() limit 1").Scan(&stored); err != nil {
		return err
	}
	if _, err := s.ask("open " + stored); err != nil {
		s.mu.Lock()
		s.unread = append(s.unread, fmt.Sprintf("%.3s: %v", stored, err))
		s.mu.Unlock()
	}
	return nil
}

// checkReads fails where the server could not open a value since its start, or since the last check.
func (s *vaultServer) checkReads() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unread) > 0 {
		s.t.Errorf("server %s could not open %d values, such as %s", s.name, len(s.unread), s.unread[0])
	}
	s.unread = nil
}

// forget forgets what the server could not open so far.
func (s *vaultServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread = nil
}
