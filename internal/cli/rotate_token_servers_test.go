package cli_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/dotenv"
)

// tokenDoors are what servers answer to tokens, by component and path: the setting, the method, and the status
// where the token is right (contract, section 6).
var tokenDoors = map[string]map[string]struct {
	setting, method string
	accepted        int
}{
	"admin-ui":   {"/admin/containers": {"ADMIN_TOKEN", http.MethodGet, 200}},
	"management": {"/api/internal/metrics/wake": {"AGENT_SERVER_TOKEN", http.MethodGet, 200}, "/api/admin/user-allowlist": {"INTERNAL_ADMIN_TOKEN", http.MethodGet, 200}},
	"agent":      {"/api/containers/metrics/wake": {"AUTH_TOKEN", http.MethodGet, 200}},
	"gateway":    {"/tools/invoke": {"OPENCLAW_GATEWAY_TOKEN", http.MethodPost, 400}},
}

// tokenServer is a server that reads its env file when it starts, and answers as the contract says.
type tokenServer struct {
	t         *testing.T
	component string
	envFile   string
	address   string
	server    *http.Server
	mu        sync.Mutex
	asked     int // how many requests had a token
	wrongly   func(w http.ResponseWriter) bool
}

// startTokenServer starts a server on a port of its own.
func startTokenServer(t *testing.T, component, envFile string) *tokenServer {
	t.Helper()
	s := &tokenServer{t: t, component: component, envFile: envFile, address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { _ = s.server.Close() })
	return s
}

// start reads the env file and listens, on the port that it had before.
func (s *tokenServer) start() {
	s.t.Helper()
	text, err := os.ReadFile(s.envFile)
	if err != nil {
		s.t.Fatal(err)
	}
	settings := map[string]string{}
	for _, one := range dotenv.Parse(string(text)) {
		settings[one.Name] = one.Value
	}
	var listener net.Listener
	eventually(s.t, "the port to be free", func() bool {
		listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", s.address)
		return err == nil
	})
	s.address = listener.Addr().String()
	s.server = &http.Server{Handler: s.handler(settings), ReadHeaderTimeout: time.Second}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.server)
}

// restart ends the server, and starts it anew.
func (s *tokenServer) restart() {
	s.t.Helper()
	_ = s.server.Close()
	s.start()
}

// endpoint is how the server is named on the command line.
func (s *tokenServer) endpoint() string { return s.component + "=http://" + s.address }

// answerWrongly lets a function answer in place of the contract.
func (s *tokenServer) answerWrongly(answer func(w http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrongly = answer
}

// requests returns how many requests had a token.
func (s *tokenServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// handler answers as the contract says, or wrongly.
func (s *tokenServer) handler(settings map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door, known := tokenDoors[s.component][r.URL.Path]
		if !known || r.Method != door.method || r.URL.RawQuery != "" || r.Header.Get("Accept") != "application/json" || r.Header.Get("X-Forwarded-Proto") != "https" {
			s.t.Errorf("%s is asked %s %s with %v", s.component, r.Method, r.URL.Path, r.Header)
		}
		sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s.component == "agent" {
			sent = r.Header.Get("X-Auth-Token")
		}
		s.mu.Lock()
		if sent != "" {
			s.asked++
		}
		wrongly := s.wrongly
		s.mu.Unlock()
		switch {
		case wrongly != nil && wrongly(w):
		case settings[door.setting] == "":
			w.WriteHeader(http.StatusInternalServerError)
		case sent != settings[door.setting]:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(door.accepted)
		}
	})
}

// tokenBench is a folder with the files of a deployment.
type tokenBench struct {
	*deployment
	marks needles
}

// newTokenBench makes a folder that ocmt runs in, without a database. The record is a file in it.
func newTokenBench(t *testing.T, files map[string]string) *tokenBench {
	t.Helper()
	b := &tokenBench{deployment: &deployment{dir: t.TempDir()}, marks: needles{}}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(b.dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		b.write(t, name, text)
	}
	return b
}

// environment is all that ocmt is given.
func (b *tokenBench) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + b.dir, "USER=tester", "GORACE=" + os.Getenv("GORACE"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"), "OCMT_RECORD=" + filepath.Join(b.dir, "record")}
}

// begin starts ocmt rotate.
func (b *tokenBench) begin(t *testing.T, args ...string) *process {
	t.Helper()
	return b.start(t, b.environment(), append([]string{"rotate"}, args...)...)
}

// rotate runs ocmt rotate, which must end with a code and say something.
func (b *tokenBench) rotate(t *testing.T, code int, said string, args ...string) *process {
	t.Helper()
	p := b.begin(t, args...)
	<-p.ended
	b.check(t, p, code, said)
	return p
}

// check looks at what a run came to, and that it shows no token.
func (b *tokenBench) check(t *testing.T, p *process, code int, said string) {
	t.Helper()
	b.markFiles(t)
	shown := p.out.String() + p.errors.String()
	if found := b.marks.in(shown + strings.Join(p.Args, " ")); len(found) > 0 {
		t.Fatalf("%v shows %v", p.Args[1:], found)
	}
	if p.code != code || !strings.Contains(strings.Join(strings.Fields(shown), " "), said) {
		t.Errorf("%v ended with %d, want %d and %q:\n%s", p.Args[1:], p.code, code, said, shown)
	}
	record, err := os.ReadFile(filepath.Join(b.dir, "record"))
	if found := b.marks.in(string(record)); err == nil && len(found) > 0 {
		t.Fatalf("the record holds %v", found)
	}
}

// markFiles marks every token that stands in a file.
func (b *tokenBench) markFiles(t *testing.T) {
	t.Helper()
	for _, name := range []string{".env", "a.env", "b.env", "admin.env"} {
		for _, one := range dotenv.Parse(b.read(t, name)) {
			if strings.Contains(one.Name, "TOKEN") && one.Value != "" {
				b.marks.add(one.Name+" of "+name, one.Value)
			}
		}
	}
}

// read returns the text of a file; "" where it is not there.
func (b *tokenBench) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// setting returns what an env file has.
func (b *tokenBench) setting(t *testing.T, name, setting string) (value string) {
	t.Helper()
	for _, one := range dotenv.Parse(b.read(t, name)) {
		if one.Name == setting {
			value = one.Value
		}
	}
	return value
}

// actions returns the actions in the record, in their order.
func (b *tokenBench) actions(t *testing.T) (list []string) {
	t.Helper()
	for _, part := range strings.Split(b.read(t, "record"), `"action":"`)[1:] {
		action, _, _ := strings.Cut(part, `"`)
		list = append(list, action)
	}
	return list
}
