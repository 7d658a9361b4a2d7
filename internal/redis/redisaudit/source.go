// Package redisaudit asks the Redis of a deployment how it keeps its secrets: it implements
// audit.RedisSource.
//
// It changes nothing. Every command passes one list (allowed.go), and what is not on it is not sent. Names
// of keys hold bearer tokens: they are counted by what they begin with, and kept nowhere.
package redisaudit

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
)

// Options say what is looked at, and how far.
type Options struct {
	// Application is the user that the servers log in as; "" where it is that of the address.
	Application string
	// Operators are users that may list names of keys, such as that of ocmt session-invalidate. The user of the
	// audit itself need not be named.
	Operators []string
	Prefix    string        // before each key
	Timeout   time.Duration // of one question; 0 for 5 seconds
	ScanKeys  int64         // the most keys of one server that are looked at; 0 for 200,000
	ScanTime  time.Duration // the longest look at the keys of one server; 0 for 10 seconds
}

// The bounds where the options say nothing.
const (
	usualTimeout  = 5 * time.Second
	usualScanKeys = 200_000
	usualScanTime = 10 * time.Second
)

// Source is the Redis at one or several addresses. It implements audit.RedisSource. Close it when it is
// no longer needed.
type Source struct {
	addresses []driver.UniversalOptions
	options   Options

	mu      sync.Mutex
	looked  bool // servers and gap are known
	servers []*server
	gap     error
}

// New returns the Redis at some addresses, each in the form that redis.New takes. It dials nothing. Errors:
// redis.ErrAddress, redis.ErrCertificates.
func New(addresses []string, connect redis.Options, options Options) (*Source, error) {
	if options.Timeout == 0 {
		options.Timeout = usualTimeout
	}
	if options.ScanKeys == 0 {
		options.ScanKeys = usualScanKeys
	}
	if options.ScanTime == 0 {
		options.ScanTime = usualScanTime
	}
	s := &Source{options: options}
	for _, address := range addresses {
		client, err := redis.New(address, connect)
		if err != nil {
			return nil, err
		}
		s.addresses = append(s.addresses, client.DialOptions())
		_ = client.Close() // it has dialled nothing
	}
	return s, nil
}

// Close closes the connections.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.servers {
		one.close()
	}
	s.servers, s.looked = nil, false
}

// Servers implements audit.RedisSource. The servers are looked for once.
func (s *Source) Servers(ctx context.Context) ([]audit.RedisServer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.looked {
		servers, gap := s.findServers(ctx)
		if ctx.Err() != nil {
			for _, one := range servers {
				one.close()
			}
			return nil, ctx.Err()
		}
		s.servers, s.gap, s.looked = servers, gap, true
	}
	list := make([]audit.RedisServer, len(s.servers))
	for i, one := range s.servers {
		list[i] = one
	}
	return list, s.gap
}

// findServers finds the servers of all addresses. The first gap is the error.
func (s *Source) findServers(ctx context.Context) (servers []*server, gap error) {
	for _, address := range s.addresses {
		found, err := s.findServersOf(ctx, address)
		if gap == nil {
			gap = err
		}
		for _, one := range found {
			if slices.ContainsFunc(servers, func(known *server) bool { return known.place.Address == one.place.Address }) {
				one.close()
				continue
			}
			servers = append(servers, one)
		}
	}
	return servers, gap
}

// newServer returns a server at an address. It dials nothing.
func (s *Source) newServer(ctx context.Context, of driver.UniversalOptions, address string, replica bool) *server {
	place := audit.RedisPlace{Address: address, Replica: replica, Database: of.DB, TLS: of.TLSConfig != nil}
	place.Verified = place.TLS && !of.TLSConfig.InsecureSkipVerify
	place.Reach = reachOf(ctx, address)
	place.Private = place.Reach == audit.RedisSocket && isPrivateSocket(address)
	one := &server{place: place, options: s.options, universal: of}
	one.client = newClient(&driver.Options{Addr: address, Dialer: of.Dialer, Username: of.Username, Password: of.Password, DB: of.DB}, s.options.Timeout, isAllowed)
	return one
}

// newClient returns a client that sends what is allowed, and nothing else. It never sends a command
// twice: on a second connection a command of a transaction would be carried out.
func newClient(options *driver.Options, timeout time.Duration, allowed func(args []string) bool) *driver.Client {
	options.Protocol = 2 // with 3 the driver asks for notifications
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.PoolSize = 2
	options.DisableIdentity = true
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = timeout, timeout, timeout
	client := driver.NewClient(options)
	client.AddHook(guard{allowed})
	return client
}

// reachOf says from where an address can be reached. A name that is not known is taken for one of the
// network.
func reachOf(ctx context.Context, address string) audit.RedisReach {
	if address != "" && address[0] == '/' {
		return audit.RedisSocket
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if ip := net.ParseIP(host); ip != nil {
		return reachOfIP(ip)
	}
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil || len(found) == 0 {
		return audit.RedisNetwork
	}
	for _, one := range found {
		if reachOfIP(one.IP) == audit.RedisNetwork {
			return audit.RedisNetwork
		}
	}
	return audit.RedisLoopback
}

func reachOfIP(ip net.IP) audit.RedisReach {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return audit.RedisLoopback
	}
	return audit.RedisNetwork
}
