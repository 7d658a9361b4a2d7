package testenv_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/testenv"
)

func redisClient(t *testing.T, address string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(address)
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// Operators reach Redis over TCP or over a socket. A test of one alone would leave the other
// untested.
func TestRedisAnswersOnBothAddresses(t *testing.T) {
	t.Parallel()
	server := testenv.SharedRedis(t)
	must(t, redisClient(t, server.URL()).Set(t.Context(), "answers", "yes", 0).Err())
	found, err := redisClient(t, server.SocketURL()).Get(t.Context(), "answers").Result()
	if err != nil || found != "yes" {
		t.Errorf("over the socket: %q, %v", found, err)
	}
	if found := redisClient(t, server.URL()).ConfigGet(t.Context(), "save").Val()["save"]; found != "" {
		t.Errorf("it writes to disk: save is %q", found)
	}
}

// A test that ocmt sends its password needs a server that refuses clients without one. Other
// accounts of the machine must not read what a test writes.
func TestRedisRequiresItsPassword(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartRedis(t.Context(), `requirepass "p@ss/word"`, "appendonly yes")
	must(t, err)
	defer server.Stop()
	must(t, redisClient(t, server.URL()).Ping(t.Context()).Err())
	must(t, redisClient(t, server.SocketURL()).Ping(t.Context()).Err())
	if found := redisClient(t, server.URL()).ConfigGet(t.Context(), "appendonly").Val()["appendonly"]; found != "yes" {
		t.Errorf("appendonly is %q", found)
	}
	for _, known := range []string{server.URL(), testenv.SharedRedis(t).URL()} {
		for _, user := range []*url.Userinfo{nil, url.UserPassword("", "wrong")} {
			address, err := url.Parse(known)
			must(t, err)
			address.User = user
			if err := redisClient(t, address.String()).Ping(t.Context()).Err(); err == nil {
				t.Errorf("it answers %s", address)
			}
		}
	}
}

// A developer with a mistake in a setting must read which setting it is, and not that the time
// is over.
func TestRedisSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := testenv.StartRedis(t.Context(), "maxmemory nonsense")
	if err == nil || !strings.Contains(err.Error(), "maxmemory") {
		t.Errorf("the error is: %v", err)
	}
}
