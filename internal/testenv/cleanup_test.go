package testenv_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/testenv"
)

// ownerVariable turns this test binary into a program that starts each server and waits until
// it is killed.
const ownerVariable = "OCMT_TESTENV_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) == "" {
		os.Exit(m.Run())
	}
	if err := startAndWait(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func startAndWait(ctx context.Context) error {
	servers, err := startAll(ctx)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(servers); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// allServers contains one server of each kind.
type allServers struct {
	Folders map[string]string // by the name of the program that runs there
	Redis   int               // its pid, because Redis hides its folder from ps
	stops   []func()
}

func startAll(ctx context.Context) (allServers, error) {
	primary, err := testenv.StartPostgres(ctx, true, testenv.ListenTCP)
	if err != nil {
		return allServers{}, err
	}
	standby, err := testenv.StartStandby(ctx, primary)
	if err != nil {
		return allServers{}, err
	}
	bouncer, err := testenv.StartPgBouncer(ctx, primary, "transaction")
	if err != nil {
		return allServers{}, err
	}
	server, err := testenv.StartRedis(ctx)
	if err != nil {
		return allServers{}, err
	}
	pid, err := redisProcess(ctx, server.URL())
	if err != nil {
		return allServers{}, err
	}
	folders := map[string]string{"redis": filepath.Dir(pathOf(server.SocketURL()))}
	for name, address := range map[string]string{
		"postgres": primary.URL("a", "d"), "walreceiver": standby.URL("a", "d"), "pgbouncer": bouncer.URL("a", "d"),
	} {
		folders[name] = hostOf(address)
	}
	return allServers{folders, pid, []func(){bouncer.Stop, server.Stop, standby.Stop, primary.Stop}}, nil
}

func redisProcess(ctx context.Context, address string) (int, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return 0, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	return strconv.Atoi(client.InfoMap(ctx, "server").Item("Server", "process_id"))
}

func pathOf(address string) string {
	parsed, _ := url.Parse(address)
	return parsed.Path
}

func hostOf(address string) string {
	parsed, _ := url.Parse(address)
	return parsed.Query().Get("host")
}

// A developer who runs the tests a hundred times would otherwise find a hundred
// servers, and the memory full of their data.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	servers, err := startAll(t.Context())
	must(t, err)
	pids := runningIn(t, servers)
	for _, stop := range servers.stops {
		stop()
		stop() // a test may defer one call and make another
	}
	awaitNothing(t, servers.Folders, pids)
}

// A test that is killed, by a time limit or for lack of memory, cannot clean up. Without a guard
// its servers would stay for ever.
func TestKilledOwnerLeavesNothing(t *testing.T) {
	t.Parallel()
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), ownerVariable+"=1")
	owner.Stderr = os.Stderr
	stdin, err := owner.StdinPipe() // it stays open, so that the owner does not end by itself
	must(t, err)
	defer stdin.Close()
	stdout, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	must(t, err)
	var servers allServers
	must(t, json.Unmarshal(line, &servers))
	pids := runningIn(t, servers)
	must(t, owner.Process.Kill())
	if err := owner.Wait(); err == nil {
		t.Fatal("the owner ended by itself")
	}
	awaitNothing(t, servers.Folders, pids)
}

// runningIn returns the processes in the folders. It fails if a folder lacks the program that
// should run there, because nothing would then be left of it for the wrong reason.
func runningIn(t *testing.T, servers allServers) map[int]running {
	t.Helper()
	all := map[int]running{servers.Redis: listed(t)[servers.Redis]}
	for name, folder := range servers.Folders {
		if _, err := os.Stat(folder); err != nil {
			t.Errorf("the folder of %s: %v", name, err)
		}
		found := strings.Contains(all[servers.Redis].command, name)
		for pid, p := range processesOf(t, folder) {
			all[pid] = p
			found = found || strings.Contains(p.command, name)
		}
		if !found {
			t.Errorf("no %s runs in %s", name, folder)
		}
	}
	return all
}

func awaitNothing(t *testing.T, folders map[string]string, pids map[int]running) {
	t.Helper()
	eventually(t, "the processes are gone", func() bool {
		now := listed(t)
		for pid := range pids {
			if _, still := now[pid]; still {
				return false
			}
		}
		return true
	})
	eventually(t, "the folders are gone", func() bool {
		for _, folder := range folders {
			if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
				return false
			}
		}
		return true
	})
}
