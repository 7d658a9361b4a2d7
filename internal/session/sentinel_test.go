package session_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/session"
)

// startSentinel watches a primary, and returns the Sentinel's port.
func startSentinel(t *testing.T, primary *vaults, password string) int {
	t.Helper()
	host, port, err := net.SplitHostPort(hostOf(t, primary))
	if err != nil {
		t.Fatal(err)
	}
	own := freePort(t)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\nsentinel monitor ocmt %s %s 1\nsentinel auth-pass ocmt %s\nsentinel down-after-milliseconds ocmt 500\nsentinel failover-timeout ocmt 3000\n", own, host, port, password) + "requirepass of-the-sentinel\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command("redis-server", config, "--sentinel")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	return own
}

// If this fails, a fail-over in the middle leaves vaults open that were counted as ended, or the work
// cannot be finished after it.
func TestVaultsBehindSentinel(t *testing.T) {
	t.Parallel()
	longForm(t)
	for round := range rounds(1) {
		t.Run(fmt.Sprint(round), failOverInTheMiddle)
	}
}

func failOverInTheMiddle(t *testing.T) {
	const password, count = "behind-sentinel", 4000
	d := newDatabase(t)
	primary := newVaults(t, "requirepass "+password, "masterauth "+password)
	host, port, err := net.SplitHostPort(hostOf(t, primary))
	if err != nil {
		t.Fatal(err)
	}
	replica := newVaults(t, "requirepass "+password, "masterauth "+password, "replicaof "+host+" "+port)
	sentinel := startSentinel(t, primary, password)
	ctx := context.Background()
	watcher := driver.NewSentinelClient(&driver.Options{Addr: fmt.Sprintf("127.0.0.1:%d", sentinel), Password: "of-the-sentinel"})
	defer func() { _ = watcher.Close() }()
	deadline := time.Now().Add(time.Minute)
	for len(watcher.Replicas(ctx, "ocmt").Val()) == 0 || replica.client.Info(ctx, "replication").Val() == "" {
		if time.Now().After(deadline) {
			t.Fatal("the Sentinel does not find the replica")
		}
	}
	_, err = primary.client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
		for n := range count {
			pipe.Set(ctx, fmt.Sprintf("vault:session:%d", n), vaultText("u"), time.Hour)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := primary.client.Wait(ctx, 1, time.Minute).Val(); n != 1 {
		t.Fatal("the replica has not got the vaults")
	}
	sources := d.sources()
	sources.Cache = primary.cache(fmt.Sprintf("redis://:%s@127.0.0.1:%d/0?master_name=ocmt&sentinel_password=of-the-sentinel", password, sentinel), "")
	plan, err := session.MakePlan(ctx, sources, request(session.Selection{All: true}), silent{})
	if err != nil {
		t.Fatal(err)
	}
	failing := failOver{once: sync.OnceFunc(primary.server.Stop)}
	var down *session.CacheError
	for {
		_, err := session.End(ctx, sources, plan, nil, failing)
		if err == nil {
			break
		}
		if !errors.As(err, &down) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for n := range count {
		if text := replica.get(fmt.Sprintf("vault:session:%d", n)); text != tombstone {
			t.Fatalf("vault %d is open", n)
		}
	}
}

// failOver stops the primary after some vaults.
type failOver struct {
	silent
	once func()
}

func (f failOver) Progress(done, _ int64) {
	if done > 1500 {
		f.once()
	}
}
