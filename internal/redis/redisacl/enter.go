package redisacl

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Enter logs in at the address of a client with its user and its password, and returns the run ID of the server
// that answers; "" where the user may not ask. Sentinels in the address are asked for the primary. It is what
// redispassword.Enter wants.
func Enter(ctx context.Context, client *redis.Client) (runID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	f := New(client)
	defer f.Close()
	address, err := f.firstAddress(ctx)
	if err != nil {
		return "", err
	}
	server := f.node(address, false)
	accepted, err := server.Accepts(ctx, loginOf(f.of), secret.NewValue(f.of.Password))
	switch {
	case err != nil:
		return "", fmt.Errorf("asking %s: %w", address, err)
	case !accepted:
		return "", redispassword.ErrNotAccepted
	}
	info, err := server.info(ctx, "server")
	if errors.Is(err, redis.ErrRights) {
		return "", nil
	}
	return info["run_id"], err
}

// firstAddress returns the first address of a server: of several, the first that takes connections.
func (f *Finder) firstAddress(ctx context.Context) (address string, err error) {
	if f.of.MasterName != "" {
		for _, sentinel := range f.of.Addrs {
			primary, askErr := f.watcher(sentinel).client.Do(ctx, "sentinel", "get-master-addr-by-name", f.of.MasterName).StringSlice()
			if askErr == nil && len(primary) == 2 {
				return net.JoinHostPort(primary[0], primary[1]), nil
			}
			err = errors.Join(ErrNoSentinel, redis.ExplainError(askErr))
		}
		return "", err
	}
	for _, address := range f.of.Addrs {
		conn, dialErr := f.of.Dialer(ctx, "tcp", address)
		if dialErr == nil {
			return address, conn.Close()
		}
		err = redis.ExplainError(dialErr)
	}
	return "", err
}
