package redisaudit

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
)

// errNothing says that a Sentinel does not know the primary.
var errNothing = errors.New("it does not know the primary of this name")

// findServersOf finds the servers behind one address: itself, its primary or its replicas, a cluster, or
// what Sentinels know. The error is a *audit.GapError where there may be more.
func (s *Source) findServersOf(ctx context.Context, of driver.UniversalOptions) ([]*server, error) {
	if of.MasterName != "" {
		return s.askSentinels(ctx, of)
	}
	var seed *server
	for i, address := range of.Addrs {
		seed = s.newServer(ctx, of, address, false)
		cluster, err := seed.Info(ctx, "cluster")
		switch {
		case err == nil && cluster["cluster_enabled"] == "1":
			return s.findCluster(ctx, of, seed)
		case err == nil:
			return s.findReplicas(ctx, of, seed)
		case ctx.Err() != nil:
			return []*server{seed}, ctx.Err()
		case seed.answers(ctx):
			var gap *audit.GapError
			if errors.As(err, &gap) {
				gap.Gap.What = "whether " + address + " has replicas"
			}
			return []*server{seed}, err
		case i == len(of.Addrs)-1:
			return []*server{seed}, nil // each question to it has a gap of its own
		}
		seed.close() // another address of the same cluster may answer
	}
	return nil, nil
}

// findReplicas returns a server with those that have the same data.
func (s *Source) findReplicas(ctx context.Context, of driver.UniversalOptions, seed *server) ([]*server, error) {
	servers := []*server{seed}
	info, err := seed.Info(ctx, "replication")
	if err != nil {
		return servers, err
	}
	if info["role"] == "slave" {
		seed.place.Replica = true
		return append(servers, s.newServer(ctx, of, net.JoinHostPort(info["master_host"], info["master_port"]), false)), nil
	}
	for n := 0; ; n++ {
		line, there := info["slave"+strconv.Itoa(n)]
		if !there {
			return servers, nil
		}
		fields := map[string]string{}
		for _, one := range strings.Split(line, ",") {
			name, value, _ := strings.Cut(one, "=")
			fields[name] = value
		}
		servers = append(servers, s.newServer(ctx, of, net.JoinHostPort(fields["ip"], fields["port"]), true))
	}
}

// findCluster returns every node of a cluster.
func (s *Source) findCluster(ctx context.Context, of driver.UniversalOptions, seed *server) ([]*server, error) {
	reply, err := seed.ask(ctx, "the nodes of the cluster of "+seed.place.Address, "+cluster|nodes", "cluster", "nodes")
	text, ok := reply.(string)
	if err != nil || !ok {
		return []*server{seed}, err
	}
	var servers []*server
	for _, node := range readClusterNodes(text) {
		if node.myself {
			seed.place.Replica = node.replica
			servers = append(servers, seed)
			continue
		}
		servers = append(servers, s.newServer(ctx, of, node.address, node.replica))
	}
	if len(servers) == 0 {
		servers = []*server{seed}
	}
	return servers, nil
}

// clusterNode is a line of the answer to CLUSTER NODES.
type clusterNode struct {
	address         string
	replica, myself bool
}

// readClusterNodes reads the answer to CLUSTER NODES: id, address, flags and more on each line. Nodes
// that have no address yet hold no data.
func readClusterNodes(text string) (nodes []clusterNode) {
	for line := range strings.Lines(text) {
		parts := strings.Fields(line)
		if len(parts) < 3 {
			continue
		}
		address, _, _ := strings.Cut(parts[1], "@")
		flags := "," + parts[2] + ","
		if strings.Contains(flags, ",noaddr,") || strings.Contains(flags, ",handshake,") {
			continue
		}
		colon := strings.LastIndexByte(address, ':')
		if colon < 0 {
			continue
		}
		host := strings.Trim(address[:colon], "[]") // an IPv6 address has no brackets here
		nodes = append(nodes, clusterNode{address: net.JoinHostPort(host, address[colon+1:]), replica: strings.Contains(flags, ",slave,"), myself: strings.Contains(flags, ",myself,")})
	}
	return nodes
}

// askSentinels returns the primary and the replicas that Sentinels know. The first that answers is taken.
func (s *Source) askSentinels(ctx context.Context, of driver.UniversalOptions) (servers []*server, err error) {
	gap := audit.Gap{What: "the servers behind the Sentinels", Reason: "no Sentinel answers"}
	for _, address := range of.Addrs {
		client := newClient(&driver.Options{Addr: address, Dialer: of.Dialer, Username: of.SentinelUsername, Password: of.SentinelPassword}, s.options.Timeout, isAllowedAtSentinel)
		servers, err = s.askSentinel(ctx, of, client)
		_ = client.Close()
		if err == nil {
			return servers, nil
		}
		gap.Reason = "the Sentinel at " + address + " does not tell: " + reasonOf(err)
		if len(servers) > 0 {
			return servers, &audit.GapError{Gap: gap}
		}
	}
	return nil, &audit.GapError{Gap: gap}
}

func (s *Source) askSentinel(ctx context.Context, of driver.UniversalOptions, client *driver.Client) ([]*server, error) {
	primary, err := client.Do(ctx, "sentinel", "get-master-addr-by-name", of.MasterName).StringSlice()
	if err != nil || len(primary) != 2 {
		return nil, cmp.Or(err, errNothing)
	}
	servers := []*server{s.newServer(ctx, of, net.JoinHostPort(primary[0], primary[1]), false)}
	replicas, err := client.Do(ctx, "sentinel", "replicas", of.MasterName).Slice()
	for _, one := range replicas {
		fields := readPairs(one)
		if fields["ip"] != "" {
			servers = append(servers, s.newServer(ctx, of, net.JoinHostPort(fields["ip"], fields["port"]), true))
		}
	}
	return servers, err
}

// readPairs reads a list of names and texts. What is not text is left out.
func readPairs(reply any) map[string]string {
	fields := map[string]string{}
	list, ok := reply.([]any)
	if !ok {
		return fields
	}
	for i := 0; i+1 < len(list); i += 2 {
		name, isName := list[i].(string)
		value, isText := list[i+1].(string)
		if isName && isText {
			fields[name] = value
		}
	}
	return fields
}
