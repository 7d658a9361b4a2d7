// Package redis connects to the Redis of an OCMT deployment: one server, a primary behind Sentinel,
// or a cluster. Below it stands one adapter for each domain.
package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/trace"
)

// Options say how to connect.
type Options struct {
	CA          []byte      // certificates in PEM form; nil for those of the system
	Certificate []byte      // of the client, in PEM form; nil for none
	Key         []byte      // of that certificate
	Trace       trace.Begin // is told of connections and commands; nil for nobody
}

// ErrAddress says that an address cannot be read. It does not contain the address, which has a
// password in it.
var ErrAddress = errors.New("REDIS_URL is no address of a Redis: it begins with redis://, rediss:// or unix://")

// ErrCertificates says that the certificates cannot be read.
var ErrCertificates = errors.New("the certificates for Redis cannot be read: PEM files are needed")

// Client is the Redis of a deployment. Close it when it is no longer needed.
type Client struct {
	driver.UniversalClient
	options *driver.UniversalOptions
	trace   trace.Begin
}

// timeout bounds one request; a server that is gone must not hold the operator up.
const timeout = 10 * time.Second

// New returns the Redis at an address: redis://, rediss:// or unix://, with user, password, host,
// port and database number. With master_name in the query, the hosts are Sentinels; more hosts are
// given by addr, and what Sentinels ask for by sentinel_username and sentinel_password. It dials
// nothing. Errors: ErrAddress, ErrCertificates.
func New(address string, options Options) (*Client, error) {
	logging.Disable() // else the driver writes to standard error
	universal, err := parse(address)
	if err != nil {
		return nil, err
	}
	if universal.TLSConfig != nil {
		if err := addCertificates(universal.TLSConfig, options); err != nil {
			return nil, err
		}
	}
	universal.DialTimeout, universal.ReadTimeout, universal.WriteTimeout = timeout, timeout, timeout
	universal.DisableIdentity = true
	universal.MaxRetries = 3
	return &Client{UniversalClient: withTrace(driver.NewUniversalClient(universal), options.Trace), options: universal, trace: options.Trace}, nil
}

// parse reads an address.
func parse(address string) (*driver.UniversalOptions, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, ErrAddress
	}
	query := parsed.Query()
	master, more := query.Get("master_name"), query["addr"]
	sentinelUser, sentinelPassword := query.Get("sentinel_username"), query.Get("sentinel_password")
	for _, ours := range []string{"master_name", "addr", "sentinel_username", "sentinel_password"} {
		query.Del(ours)
	}
	parsed.RawQuery = query.Encode()
	single, err := driver.ParseURL(parsed.String())
	if err != nil {
		return nil, ErrAddress
	}
	universal := &driver.UniversalOptions{Addrs: append([]string{single.Addr}, more...), DB: single.DB, Username: single.Username,
		Password: single.Password, TLSConfig: single.TLSConfig, MasterName: master, SentinelUsername: sentinelUser, SentinelPassword: sentinelPassword}
	dial := netconn.Quiet((&net.Dialer{Timeout: timeout, KeepAlive: time.Minute}).DialContext)
	universal.Dialer = func(ctx context.Context, _, address string) (net.Conn, error) {
		kind := "tcp"
		if strings.HasPrefix(address, "/") {
			kind = "unix"
		}
		conn, err := dial(ctx, kind, address)
		if err != nil || universal.TLSConfig == nil {
			return conn, err
		}
		config := universal.TLSConfig.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		return tls.Client(conn, config), nil
	}
	return universal, nil
}

// addCertificates adds the certificates of the options.
func addCertificates(config *tls.Config, options Options) error {
	if options.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(options.CA) {
			return ErrCertificates
		}
	}
	if options.Certificate != nil {
		pair, err := tls.X509KeyPair(options.Certificate, options.Key)
		if err != nil {
			return ErrCertificates
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// ErrReplica says that the address is that of a replica, whose data is not what the servers write to.
var ErrReplica = errors.New("it is a replica")

// Discover asks whether the server is part of a cluster, and connects to all of it then. The error is
// ErrReplica where it is a replica that no Sentinel or cluster stands for.
func (c *Client) Discover(ctx context.Context) error {
	if _, cluster := c.UniversalClient.(*driver.ClusterClient); cluster || c.options.MasterName != "" {
		return nil
	}
	info, err := c.Info(ctx, "cluster").Result()
	if err != nil {
		return ExplainError(err)
	}
	if strings.Contains(info, "cluster_enabled:1") {
		clustered := withTrace(driver.NewClusterClient(c.options.Cluster()), c.trace)
		_ = c.Close()
		c.UniversalClient = clustered
		return nil
	}
	replication, err := c.Info(ctx, "replication").Result()
	if err == nil && field(replication, "role") == "slave" {
		return ErrReplica
	}
	return ExplainError(err)
}

// ForEachMaster does work on each server that may be written to.
func (c *Client) ForEachMaster(ctx context.Context, work func(ctx context.Context, master *driver.Client) error) error {
	switch client := c.UniversalClient.(type) {
	case *driver.ClusterClient:
		return client.ForEachMaster(ctx, work)
	case *driver.Client:
		return work(ctx, client)
	}
	return fmt.Errorf("%T is no client that is known", c.UniversalClient)
}

// Topology describes which servers are primaries, and of which slots. It changes with a failover, and
// while slots move.
func (c *Client) Topology(ctx context.Context) (string, error) {
	if _, cluster := c.UniversalClient.(*driver.ClusterClient); !cluster {
		info, err := c.Info(ctx, "server").Result()
		if err != nil {
			return "", ExplainError(err)
		}
		return field(info, "run_id"), nil
	}
	nodes, err := c.ClusterNodes(ctx).Result()
	if err != nil {
		return "", ExplainError(err)
	}
	var masters []string
	for _, line := range strings.Split(nodes, "\n") {
		// id, address, flags, primary, ping, pong, epoch, link, slots and what moves
		if parts := strings.Fields(line); len(parts) > 8 && strings.Contains(parts[2], "master") {
			masters = append(masters, parts[0]+" "+strings.Join(parts[8:], " "))
		}
	}
	slices.Sort(masters)
	return strings.Join(masters, "\n"), nil
}
