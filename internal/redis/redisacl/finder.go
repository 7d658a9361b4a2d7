// Package redisacl changes the passwords of a user of Redis on every server: it implements
// redispassword.Finder.
package redisacl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// timeout bounds one request.
const timeout = 10 * time.Second

// ErrNoSentinel says that no Sentinel tells where the primary is.
var ErrNoSentinel = errors.New("no Sentinel tells where the primary is")

// Finder implements redispassword.Finder. Close it when it is no longer needed.
type Finder struct {
	of       driver.UniversalOptions
	more     []secret.Value // other passwords that the login may have
	nodes    map[string]*node
	watchers map[string]*watcher
}

// New returns the servers behind an address. It dials nothing.
func New(client *redis.Client) *Finder {
	return &Finder{of: client.DialOptions(), nodes: map[string]*node{}, watchers: map[string]*watcher{}}
}

// Close closes the connections.
func (f *Finder) Close() {
	for _, node := range f.nodes {
		node.close()
	}
	for _, watcher := range f.watchers {
		_ = watcher.client.Close()
	}
}

// newClient returns a client with one connection, which sends nothing twice.
func newClient(of driver.UniversalOptions, address, user, password string) *driver.Client {
	return driver.NewClient(&driver.Options{Addr: address, Dialer: of.Dialer, Username: user, Password: password, Protocol: 2, MaxRetries: -1,
		DialerRetries: 1, PoolSize: 1, DisableIdentity: true, ContextTimeoutEnabled: true, DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout})
}

// node returns the server at an address.
func (f *Finder) node(address string, replica bool) *node {
	found, there := f.nodes[address]
	if !there {
		found = &node{of: f.of, more: f.more}
		f.nodes[address] = found
	}
	found.place = redispassword.Place{Address: address, Replica: replica}
	return found
}

// Find implements redispassword.Finder. The error is redis.ErrReplica where the address is that of a replica.
func (f *Finder) Find(ctx context.Context) (redispassword.Servers, error) {
	if f.of.MasterName != "" {
		return f.askSentinels(ctx)
	}
	var failure error
	for _, address := range f.of.Addrs {
		seed := f.node(address, false)
		info, err := seed.info(ctx, "cluster")
		if err != nil {
			failure = err
			continue // another address of the same cluster may answer
		}
		if info["cluster_enabled"] == "1" {
			return f.findCluster(ctx, seed)
		}
		return f.findReplicas(ctx, seed)
	}
	return redispassword.Servers{}, failure
}

// LogInWith implements redispassword.Finder. Connections that are open stay.
func (f *Finder) LogInWith(user string, passwords ...secret.Value) {
	if loginOf(f.of) != user {
		return
	}
	f.more = passwords
	for _, node := range f.nodes {
		node.more = passwords
	}
}

// loginOf returns the user of the connections.
func loginOf(of driver.UniversalOptions) string {
	return cmp.Or(of.Username, redispassword.DefaultUser)
}

// findReplicas returns a primary with its replicas.
func (f *Finder) findReplicas(ctx context.Context, seed *node) (found redispassword.Servers, err error) {
	info, err := seed.info(ctx, "replication")
	if err != nil {
		return found, err
	}
	if info["role"] == "slave" {
		return found, redis.ErrReplica
	}
	found = redispassword.Servers{Topology: redispassword.Standalone, Nodes: []redispassword.Node{seed}}
	for n := 0; info["slave"+strconv.Itoa(n)] != ""; n++ {
		fields := map[string]string{}
		for _, one := range strings.Split(info["slave"+strconv.Itoa(n)], ",") {
			name, value, _ := strings.Cut(one, "=")
			fields[name] = value
		}
		found.Nodes = append(found.Nodes, f.node(net.JoinHostPort(fields["ip"], fields["port"]), true))
	}
	return found, nil
}

// findCluster returns every node of a cluster, because users are not replicated.
func (f *Finder) findCluster(ctx context.Context, seed *node) (redispassword.Servers, error) {
	found := redispassword.Servers{Topology: redispassword.Cluster}
	text, err := seed.conn(ctx).ClusterNodes(ctx).Result()
	if err != nil {
		return found, fmt.Errorf("asking for the nodes of the cluster (+cluster|nodes): %w", seed.explain(err))
	}
	for line := range strings.Lines(text) {
		parts := strings.Fields(line)
		if len(parts) < 3 {
			continue
		}
		address, _, _ := strings.Cut(parts[1], "@")
		flags := "," + parts[2] + ","
		colon := strings.LastIndexByte(address, ':')
		if colon < 0 || strings.Contains(flags, ",noaddr,") || strings.Contains(flags, ",handshake,") {
			continue
		}
		if strings.Contains(flags, ",myself,") {
			seed.place.Replica = strings.Contains(flags, ",slave,")
			found.Nodes = append(found.Nodes, seed)
			continue
		}
		host := strings.Trim(address[:colon], "[]") // an IPv6 address has no brackets here
		found.Nodes = append(found.Nodes, f.node(net.JoinHostPort(host, address[colon+1:]), strings.Contains(flags, ",slave,")))
	}
	return found, nil
}

// info reads a section of INFO.
func (n *node) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := n.conn(ctx).Info(ctx, section).Result()
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", n.place.Address, n.explain(err))
	}
	return readInfo(text), nil
}

// readInfo reads an answer of INFO.
func readInfo(text string) map[string]string {
	fields := map[string]string{}
	for _, line := range strings.Split(text, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			fields[name] = value
		}
	}
	return fields
}
