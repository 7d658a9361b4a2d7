package cli

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redisacl"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// openRedisAdmin returns the Redis of REDIS_URL as ocmt is given it; where it is not, as the store has it. It
// dials nothing.
func (a *App) openRedisAdmin(ctx context.Context, settings *config.Settings, store secretstore.Store) (*redis.Client, error) {
	options, err := a.redisOptions(settings)
	if err != nil {
		return nil, err
	}
	address := settings.RedisURL.Reveal()
	if address == "" {
		held, err := store.Get(ctx, config.NameRedisURL)
		if err != nil {
			return nil, err
		}
		address = held.Reveal()
	}
	switch {
	case address == "":
		return nil, &redispassword.MissingError{Place: store.Place()}
	case len(strings.Fields(address)) > 1:
		return nil, redispassword.ErrSeveral
	}
	return redis.New(address, options)
}

// enterRedis returns what logs in at an address of the store, as the servers do.
func (a *App) enterRedis(settings *config.Settings) redispassword.Enter {
	return func(ctx context.Context, address secret.Value) (string, error) {
		options, err := a.redisOptions(settings)
		if err != nil {
			return "", err
		}
		client, err := redis.New(address.Reveal(), options)
		if err != nil {
			return "", err
		}
		defer func() { _ = client.Close() }()
		return redisacl.Enter(ctx, client)
	}
}
