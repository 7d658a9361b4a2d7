package session_test

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/session"
)

// cluster is a Redis Cluster of three primaries.
type cluster struct {
	t        *testing.T
	nodes    []*vaults
	client   *driver.ClusterClient
	password string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, password: "of-the-cluster"}
	var addresses []string
	for range 3 {
		node := newVaults(t, "requirepass "+c.password, "masterauth "+c.password, "cluster-enabled yes", fmt.Sprintf("cluster-port %d", freePort(t)), "cluster-node-timeout 30000")
		c.nodes, addresses = append(c.nodes, node), append(addresses, hostOf(t, node))
	}
	if err := c.cli(append([]string{"--cluster", "create"}, append(addresses, "--cluster-replicas", "0", "--cluster-yes")...)...); err != nil {
		t.Fatal(err)
	}
	c.client = driver.NewClusterClient(&driver.ClusterOptions{Addrs: addresses, Password: c.password})
	t.Cleanup(func() { _ = c.client.Close() })
	deadline := time.Now().Add(time.Minute)
	for _, node := range c.nodes {
		for !strings.Contains(node.client.ClusterInfo(context.Background()).Val(), "cluster_state:ok") {
			if time.Now().After(deadline) {
				t.Fatal("the cluster does not come up")
			}
		}
	}
	return c
}

func hostOf(t *testing.T, node *vaults) string {
	t.Helper()
	parsed, err := url.Parse(node.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Host
}

// cli runs redis-cli. The password goes through the environment.
func (c *cluster) cli(args ...string) error {
	command := exec.Command("redis-cli", args...)
	command.Env = append(command.Environ(), "REDISCLI_AUTH="+c.password)
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("redis-cli %s: %w\n%s", args[:2], err, out[max(0, len(out)-500):])
	}
	return nil
}

// reshard moves slots from one node to another. A machine under load may make it fail half-way;
// the rest is mended then, which moves slots too.
func (c *cluster) reshard(from, to *vaults, slots int) {
	address := hostOf(c.t, c.nodes[0])
	err := c.cli("--cluster", "reshard", address, "--cluster-from", from.client.ClusterMyID(context.Background()).Val(),
		"--cluster-to", to.client.ClusterMyID(context.Background()).Val(), "--cluster-slots", strconv.Itoa(slots), "--cluster-yes")
	if err != nil {
		c.t.Log(err)
		if err := c.cli("--cluster", "fix", address); err != nil {
			c.t.Error(err)
		}
	}
}

// If this fails, a vault of a cluster stays open because its slot was on its way while it was looked at.
func TestVaultsOfAClusterWhoseSlotsMove(t *testing.T) {
	t.Parallel()
	longForm(t)
	c, d := newCluster(t), newDatabase(t)
	const count = 3000
	sources := d.sources()
	sources.Cache = c.nodes[0].cache(c.nodes[0].server.URL(), "")
	for round := range rounds(3) {
		_, err := c.client.Pipelined(context.Background(), func(pipe driver.Pipeliner) error {
			for n := range count {
				pipe.Set(context.Background(), fmt.Sprintf("vault:session:%d-%d", round, n), vaultText("u"), time.Hour)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			c.reshard(c.nodes[round%3], c.nodes[(round+1)%3], 600)
		}()
		_, result := d.end(sources, request(session.Selection{All: true}))
		<-moved
		if result.Ended[session.Vaults] != count {
			t.Errorf("round %d: ended %d of %d in %d looks", round, result.Ended[session.Vaults], count, result.Looks)
		}
		for n := range count {
			if text := c.client.Get(context.Background(), fmt.Sprintf("vault:session:%d-%d", round, n)).Val(); text != tombstone {
				t.Fatalf("round %d: vault %d is open", round, n)
			}
		}
	}
}
