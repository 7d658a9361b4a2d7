package cli_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// askForMD5 answers each connection as a server does whose account has an old password: with no TLS, and with the
// question for an MD5 digest.
func askForMD5(server net.Listener) {
	for {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			backend := pgproto3.NewBackend(conn, conn)
			message, err := backend.ReceiveStartupMessage()
			if _, isTLS := message.(*pgproto3.SSLRequest); isTLS {
				_, _ = conn.Write([]byte("N"))
				_, err = backend.ReceiveStartupMessage()
			}
			if err != nil {
				return
			}
			backend.Send(&pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}})
			_ = backend.Flush()
			_, _ = backend.Receive()
		}()
	}
}

// If this fails, a process in FIPS 140-only mode ends with a trace where an account has a password of an old kind, with
// the exit code of wrong usage and no word of what to do.
func TestFIPSOnlyBesideMD5(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("ocmt") // TestMain puts it there
	if err != nil {
		t.Fatal(err)
	}
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go askForMD5(server)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, parameters := range []string{"", "?require_auth=md5", "?require_auth=!password"} {
		run := exec.CommandContext(ctx, program, "migrate", "status")
		run.Dir = t.TempDir()
		run.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + run.Dir, "GODEBUG=fips140=only", "GORACE=atexit_sleep_ms=0",
			"DATABASE_URL=postgresql://tester:old@" + server.Addr().String() + "/ocmt" + parameters}
		said, _ := run.CombinedOutput()
		if code := run.ProcessState.ExitCode(); code != 1 || strings.Contains(string(said), "panic") || !strings.Contains(string(said), "FIPS 140-only mode") {
			t.Errorf("%q: exit code %d: %s", parameters, code, said)
		}
	}
	// Whoever asks for another way learns what the server wants, and nothing of TLS.
	run := exec.CommandContext(ctx, program, "migrate", "status")
	run.Dir = t.TempDir()
	run.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + run.Dir, "GORACE=atexit_sleep_ms=0",
		"DATABASE_URL=postgresql://tester:old@" + server.Addr().String() + "/ocmt?require_auth=scram-sha-256"}
	said, _ := run.CombinedOutput()
	if !strings.Contains(string(said), "server requested md5 authentication") || strings.Contains(string(said), "TLS") {
		t.Errorf("%s", said)
	}
}
