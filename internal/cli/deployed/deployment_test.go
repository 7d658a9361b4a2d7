// Package deployed_test audits whole deployments: one that was made as the documents say, and one with every fault
// that can be made on one machine. Both have a PostgreSQL, a Redis, a git repository, files, processes
// and HTTP servers of their own.
package deployed_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/leak"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// marker is in every secret of a deployment that has room for it, and in no other text.
const marker = "xMARKEDx"

// invent returns a secret that no other test has.
func invent() string { return marker + strings.ToLower(rand.Text()) }

// deployment is a deployment with what it printed so far.
type deployment struct {
	t      *testing.T
	dir    string // where the project and its env file are
	home   string
	env    settings // of the env file
	others settings // secrets elsewhere, by a name for them
	said   bytes.Buffer
}

// settings are settings by their names. They implement leak.Settings.
type settings map[string]string

// Text implements leak.Settings.
func (s settings) Text(name string) string { return s[name] }

// Names implements leak.Settings.
func (s settings) Names(prefix string) (names []string) {
	for name := range s {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// text returns an env file.
func (s settings) text() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		text.WriteString(name + "=" + s[name] + "\n")
	}
	return text.String()
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, dir: filepath.Join(t.TempDir(), "ocmt"), home: filepath.Join(t.TempDir(), "home"), env: settings{}, others: settings{}}
	for _, folder := range []string{d.dir, d.home} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// write writes a file below the project.
func (d *deployment) write(name, text string, mode os.FileMode) {
	d.t.Helper()
	writeFile(d.t, filepath.Join(d.dir, name), text, mode)
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// git runs git in the project.
func (d *deployment) git(args ...string) {
	d.t.Helper()
	command := exec.Command("git", args...)
	command.Dir = d.dir
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org"}
	if said, err := command.CombinedOutput(); err != nil {
		d.t.Fatalf("git %s: %v: %s", args[0], err, said)
	}
}

// ocmt runs ocmt in the project, with variables beside those of the env file.
func (d *deployment) ocmt(environ []string, args ...string) (code int, out, diagnostics string) {
	d.t.Helper()
	var standard, errors bytes.Buffer
	deps := cli.Deps{Streams: ui.Streams{In: strings.NewReader(""), Out: &standard, Err: &errors}, Dir: d.dir, Host: "test", Root: os.Geteuid() == 0,
		Environ: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.home, "USER=tester", "TMPDIR=" + d.t.TempDir()}, environ...),
		Now:     time.Now, Sleep: time.Sleep, Cores: runtime.GOMAXPROCS(0), Random: rand.Reader, Notify: func(chan<- os.Signal) func() { return func() {} }, Version: "v9.9.9"}
	code = cli.Main(context.Background(), args, deps)
	d.said.Write(standard.Bytes())
	d.said.Write(errors.Bytes())
	return code, standard.String(), errors.String()
}

// warnedOfReadable is the warning that a deployment with every fault has its env file for.
const warnedOfReadable = "warning: .env holds secrets and every account of this machine can read it"

// must runs ocmt, which must end with 0 and warn of nothing, and returns its standard output.
func (d *deployment) must(environ []string, args ...string) string {
	d.t.Helper()
	code, out, diagnostics := d.ocmt(environ, args...)
	if code != 0 || strings.Count(diagnostics, "warning") > strings.Count(diagnostics, warnedOfReadable) {
		d.t.Fatalf("ocmt %s ended with %d: %s%s", strings.Join(args, " "), code, out, diagnostics)
	}
	return out
}

// audit runs ocmt audit with JSON and all reports, and returns what it found.
func (d *deployment) audit(environ []string, args ...string) (code int, found report.Document) {
	d.t.Helper()
	reports := d.t.TempDir()
	args = append([]string{"audit", "--output", "json", "--verbose"}, args...)
	for _, form := range []string{"sarif", "junit", "csv", "html"} {
		args = append(args, "--"+form, filepath.Join(reports, form))
	}
	code, out, diagnostics := d.ocmt(environ, args...)
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		d.t.Fatalf("%v: exit %d, %s%s", err, code, out, diagnostics)
	}
	for _, form := range []string{"sarif", "junit", "csv", "html"} {
		text, err := os.ReadFile(filepath.Join(reports, form))
		if err != nil {
			d.t.Fatal(err)
		}
		d.said.Write(text)
	}
	return code, found
}

// keepsSecrets fails the test where anything that was printed or written so far has a secret.
func (d *deployment) keepsSecrets() {
	d.t.Helper()
	list := leak.Configured(d.env)
	for name, text := range d.others {
		list = append(list, leak.Configured(settings{"ADMIN_TOKEN": text})...)
		list[len(list)-1].Name = name
	}
	matcher := leak.New(list)
	if len(matcher.Names()) < 10 {
		d.t.Errorf("only %v are looked for", matcher.Names())
	}
	for _, hit := range matcher.Find(d.said.Bytes()) {
		d.t.Errorf("the secret of %s was printed: %s", hit.Name, hit.Form)
	}
	if bytes.Contains(bytes.ToLower(d.said.Bytes()), bytes.ToLower([]byte(marker))) {
		at := bytes.Index(bytes.ToLower(d.said.Bytes()), bytes.ToLower([]byte(marker)))
		d.t.Errorf("a part of a secret was printed, behind %q", d.said.Bytes()[max(0, at-80):at])
	}
}

// key makes an encryption key as an operator does.
func (d *deployment) key() string {
	d.t.Helper()
	key := strings.TrimSpace(d.must(nil, "keygen", "encryption"))
	d.said.Reset() // what was asked for is no leak
	return key
}

// seal encrypts a text under a version.
func seal(t *testing.T, version int, key, text string) string {
	t.Helper()
	return sealWith(t, rand.Reader, version, key, text)
}

// sealWith does so with the IV that a source gives.
func sealWith(t *testing.T, random io.Reader, version int, key, text string) string {
	t.Helper()
	parsed, err := crypto.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: parsed})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ring.Seal([]byte(text), random)
	if err != nil {
		t.Fatal(err)
	}
	return sealed.String()
}

// hashed returns the SHA-256 of a token, as servers store it.
func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// serve starts an HTTP server that answers as a component does, and returns its address.
func serve(t *testing.T, certificate *tls.Certificate, answer func(w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(answer))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // an audit tries old versions of TLS
	if certificate != nil {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL
}

// docker serves the environment of one running container as Docker does, and returns the variable that names its
// socket.
func docker(t *testing.T, environment ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = []map[string]string{{"ID": "c1"}}
		if r.URL.Path != "/containers/json" {
			answer = map[string]any{"Name": "/app", "Config": map[string]any{"Env": environment}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return "DOCKER_HOST=unix://" + path
}

// guarded answers as a server that takes its token where it should be, by the path.
func guarded(tokens map[string]string, header string) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		token, known := tokens[r.URL.Path]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotFound)
		case strings.TrimPrefix(r.Header.Get(header), "Bearer ") != token:
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusBadRequest)
		}
	}
}
