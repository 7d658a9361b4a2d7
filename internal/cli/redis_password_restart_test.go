package cli_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// restartableRedis is a Redis with a file of its configuration, from which it restarts.
type restartableRedis struct {
	config, address string
	process         *exec.Cmd
}

func startRestartableRedis(t *testing.T, password string) *restartableRedis {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	s := &restartableRedis{config: filepath.Join(folder, "redis.conf"), address: address}
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsave \"\"\nlogfile %s/redis.log\nrequirepass %s\n", port, folder, folder, password)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	s.start(t)
	return s
}

func (s *restartableRedis) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command("redis-server", s.config)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the start of Redis", func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (s *restartableRedis) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// If this fails, an operator has no proof that the new password of Redis holds after its restart, or a pipeline
// takes an old password that came back for one.
func TestRedisPasswordAfterARestartOfRedis(t *testing.T) {
	t.Parallel()
	s := startRestartableRedis(t, "MARKED-OLD-PASSWORD")
	r := &redisPasswordTest{deployment: &deployment{dir: t.TempDir()}, marks: needles{}}
	r.write(t, ".env", "REDIS_URL=redis://:MARKED-OLD-PASSWORD@"+s.address+"/0\n")
	r.mark(t)
	kept, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	look := func(code int, wants ...string) {
		t.Helper()
		said := r.runMarked(t, code, "rotate", "redis-password", "--after-restart")
		for _, want := range wants {
			if !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
		}
	}
	proofs := func() int {
		record, err := os.ReadFile(filepath.Join(r.dir, "rec"))
		if err != nil {
			t.Fatal(err)
		}
		if found := r.marks.in(string(record)); len(found) > 0 {
			t.Errorf("the record holds %v", found)
		}
		return strings.Count(string(record), "secret.proven")
	}
	r.runMarked(t, 4, "rotate", "redis-password", "--yes")
	r.runMarked(t, 0, "rotate", "redis-password", "--yes", "--restarted")
	look(1, "not restarted yet", "next: restart it, then ocmt rotate redis-password")
	s.stop()
	s.start(t)
	look(0, "Proven: 1 process of Redis started since the change.")
	if proofs() != 1 {
		t.Errorf("the record has %d proofs", proofs())
	}
	s.stop()
	if err := os.WriteFile(s.config, kept, 0o600); err != nil { // whatever starts this server writes its file anew
		t.Fatal(err)
	}
	s.start(t)
	look(3, "the Redis that it leads to refuses its password", "next: put the password of REDIS_URL, and no other, into what starts this server")
	r.runMarked(t, 3, "rotate", "redis-password", "--after-restart", "--output", "json")
	if proofs() != 1 {
		t.Errorf("a finding was recorded as a proof: %d", proofs())
	}
}
