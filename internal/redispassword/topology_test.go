package redispassword_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redispassword"
)

// info reads INFO replication as a user.
func (s *server) info(password string) string {
	client := driver.NewClient(&driver.Options{Addr: s.address(), Password: password})
	defer func() { _ = client.Close() }()
	return client.Info(context.Background(), "replication").Val()
}

// startReplicated starts a primary and a replica of it.
func startReplicated(t *testing.T, password string, lines ...string) (primary, replica *server) {
	t.Helper()
	lines = append(lines, "requirepass "+password, "masterauth "+password, "repl-diskless-sync-delay 0")
	primary = start(t, lines...)
	replica = start(t, append(lines, fmt.Sprintf("replicaof 127.0.0.1 %d", primary.port))...)
	await(t, "the replica", func() bool { return strings.Contains(replica.info(password), "master_link_status:up") })
	return primary, replica
}

// startSentinels starts Sentinels that watch a primary.
func startSentinels(t *testing.T, primary *server, password string, count int) (sentinels []*server) {
	t.Helper()
	for range count {
		s := &server{t: t, folder: t.TempDir(), port: freePort(t), args: []string{"--sentinel"}}
		s.begin(fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nlogfile %s\nsentinel monitor ocmt 127.0.0.1 %d %d\nsentinel auth-pass ocmt %s\nsentinel down-after-milliseconds ocmt 1500\nsentinel failover-timeout ocmt 3000\nrequirepass of-the-sentinel\n",
			s.port, s.folder, s.log(), primary.port, count/2+1, password))
		sentinels = append(sentinels, s)
	}
	return sentinels
}

func sentinelClient(s *server) *driver.SentinelClient {
	return driver.NewSentinelClient(&driver.Options{Addr: s.address(), Password: "of-the-sentinel"})
}

// behindSentinel returns the address of a primary that a Sentinel tells.
func behindSentinel(s *server, password string) string {
	return fmt.Sprintf("redis://:%s@%s/0?master_name=ocmt&sentinel_password=of-the-sentinel", password, s.address())
}

// deployBehindSentinels starts a primary, its replica, and two Sentinels that know all of each other.
func deployBehindSentinels(t *testing.T) (d *deployment, sentinels []*server) {
	t.Helper()
	primary, replica := startReplicated(t, "old-password")
	sentinels = startSentinels(t, primary, "old-password", 2)
	for _, s := range sentinels {
		client := sentinelClient(s)
		defer func() { _ = client.Close() }()
		await(t, "what the Sentinels know", func() bool {
			return len(client.Replicas(context.Background(), "ocmt").Val()) == 1 && len(client.Sentinels(context.Background(), "ocmt").Val()) == 1
		})
	}
	return deploy(t, []*server{primary, replica}, behindSentinel(sentinels[0], "old-password"), "default", "old-password"), sentinels
}

// If this fails, the Sentinels lose the primary with the old password, or a failover brings a primary up that
// its replica cannot log in to.
func TestChangeBehindSentinel(t *testing.T) {
	t.Parallel()
	d, sentinels := deployBehindSentinels(t)
	primary, replica := d.servers[0], d.servers[1]
	plan := d.plan()
	if len(plan.Nodes) != 2 || len(plan.Watchers) != 2 || plan.Topology != redispassword.Sentinel || !plan.Nodes[1].MasterAuth {
		t.Fatalf("the plan does not see all: %+v", plan)
	}
	sound := d.finder
	d.finder = brokenSentinels{sound}
	if _, err := redispassword.Begin(context.Background(), d.sources(), d.plan()); !errors.Is(err, errPlanned) {
		t.Fatalf("a Sentinel that fails is passed over: %v", err)
	}
	d.checkNotLockedOut("after a failure at a Sentinel", redispassword.Overlap)
	d.finder = sound
	changeWithoutFailure(t, d)
	made := d.password()
	for _, s := range sentinels {
		if text := s.read(s.config()); !strings.Contains(text, made) || strings.Contains(text, "old-password") {
			t.Error("a Sentinel has not saved the new password")
		}
	}
	client := sentinelClient(sentinels[1])
	defer func() { _ = client.Close() }()
	await(t, "the replica after the restarts", func() bool { return strings.Contains(replica.info(made), "master_link_status:up") })
	primary.stop()
	await(t, "the failover", func() bool {
		address := client.GetMasterAddrByName(context.Background(), "ocmt").Val()
		return len(address) == 2 && address[1] == portText(replica)
	})
	primary.run()
	await(t, "the old primary as a replica", func() bool { return strings.Contains(primary.info(made), "master_link_status:up") })
}

// If this fails, a part of a cluster takes another password than the rest, because users are not replicated.
func TestChangeOfACluster(t *testing.T) {
	t.Parallel()
	d := deployCluster(t)
	changeWithoutFailure(t, d)
	// A node that misses a change would come back with the old password.
	d.servers[2].stop()
	d.anotherProcess(&failure{})
	if obstacles := d.refused(); len(obstacles) != 1 || obstacles[0].Where != d.servers[2].address() {
		t.Errorf("the node that is down is not named: %+v", obstacles)
	}
}

// deployCluster puts a cluster of three primaries together.
func deployCluster(t *testing.T) *deployment {
	t.Helper()
	var nodes []*server
	args := []string{"--cluster", "create"}
	for range 3 {
		node := start(t, "requirepass old-password", "masterauth old-password", "cluster-enabled yes", fmt.Sprintf("cluster-port %d", freePort(t)), "cluster-node-timeout 30000")
		nodes, args = append(nodes, node), append(args, node.address())
	}
	command := exec.Command("redis-cli", append(args, "--cluster-replicas", "0", "--cluster-yes")...)
	command.Env = append(command.Environ(), "REDISCLI_AUTH=old-password")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d := deploy(t, nodes, nodes[0].url("", "old-password"), "default", "old-password")
	await(t, "the cluster", func() bool { return len(d.plan().Nodes) == 3 })
	return d
}

// If this fails, the announced moment of a Redis without users is longer than it must be, or its replica is
// locked out by it.
func TestReplace(t *testing.T) {
	t.Parallel()
	primary, replica := startReplicated(t, "old-password", `rename-command ACL ""`)
	d := deploy(t, []*server{primary, replica}, primary.url("", "old-password"), "default", "old-password")
	fresh := d.connect(d.password)
	if plan := d.plan(); plan.Check() != nil || plan.Mode != redispassword.Replace || len(plan.Nodes) != 2 {
		t.Fatalf("the plan: %v %+v", plan.Check(), plan)
	}
	before := time.Now()
	d.begin()
	took := time.Since(before)
	made := d.password()
	d.expect("after the moment", made, "old-password")
	if result := d.finish(); !result.Done {
		t.Error("it is not done")
	}
	fresh.stop()
	// Between the store and requirepass of the last server stand a few requests to each.
	if len(fresh.failed) > 4*len(d.servers) {
		t.Errorf("%d of %d log-ins failed in %s", len(fresh.failed), fresh.tries, took)
	}
	for _, s := range d.servers {
		if text := s.read(s.config()); strings.Contains(text, "old-password") {
			t.Error("a file still has the old password")
		}
		s.restart()
	}
	d.expect("after a restart of Redis", made, "old-password")
	await(t, "the replica", func() bool { return strings.Contains(replica.info(made), "master_link_status:up") })
}
