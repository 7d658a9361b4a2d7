package validation_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/validation"
)

// stores are a database and a Redis that say what they are made to say.
type stores struct {
	database validation.DatabaseLogin
	cache    validation.CacheLogin
	err      error
}

// Login implements validation.Database.
func (s stores) Login(context.Context) (validation.DatabaseLogin, error) { return s.database, s.err }

// ReadValues implements validation.Database.
func (s stores) ReadValues(_ context.Context, visit func(validation.ValueColumn, []byte)) ([]validation.Unasked, error) {
	visit(validation.ValueColumn{Name: "public.users.gateway_token", PlaintextAllowed: true}, []byte("in the clear"))
	visit(validation.ValueColumn{Name: "public.secrets.value_encrypted"}, []byte("in the clear"))
	return []validation.Unasked{{What: "public.user_mfa", Reason: "the account may not read it"}}, nil
}

// cacheOf is the Redis of stores.
type cacheOf struct{ stores }

// Login implements validation.Caches.
func (c cacheOf) Login(context.Context) ([]validation.CacheLogin, error) {
	return []validation.CacheLogin{c.cache}, c.err
}

// If this fails, a password that everybody in the network reads is said to be well kept, or what was not seen is
// said to be proven.
func TestLiveProtection(t *testing.T) {
	t.Parallel()
	network, verified := netconn.Protection{}, netconn.Protection{TLS: "TLS 1.3", Verified: true, Named: true}
	database := func(protection netconn.Protection, method string, asks bool) validation.DatabaseLogin {
		return validation.DatabaseLogin{Login: validation.Login{Server: "PostgreSQL at db:5432", Account: "ocmt", Protection: protection, Right: ocmt.Accepted}, Method: method, AsksPassword: asks}
	}
	cache := func(protection netconn.Protection) validation.CacheLogin {
		return validation.CacheLogin{Login: validation.Login{Server: "Redis at redis:6379", Account: "default", Protection: protection, Right: ocmt.Accepted}, Wrong: ocmt.Refused, Without: ocmt.Refused}
	}
	socket := netconn.Protection{Local: "a unix socket"}
	for name, c := range map[string]struct {
		stores stores
		live   []string // of the addresses
		codes  []string
		failed int
	}{
		"all is well":                    {stores{database: database(verified, "scram-sha-256", true), cache: cache(verified)}, []string{"DATABASE_URL proven", "REDIS_URL proven"}, nil, 2},
		"no TLS":                         {stores{database: database(network, "scram-sha-256", true), cache: cache(network)}, []string{"DATABASE_URL proven", "REDIS_URL proven"}, []string{"unprotected DATABASE_URL", "unprotected REDIS_URL"}, 2},
		"nothing is verified":            {stores{database: database(netconn.Protection{TLS: "TLS 1.3"}, "scram-sha-256", true), cache: cache(netconn.Protection{TLS: "TLS 1.2"})}, []string{"DATABASE_URL proven", "REDIS_URL proven"}, []string{"unprotected DATABASE_URL", "unprotected REDIS_URL"}, 2},
		"trust in a network":             {stores{database: database(verified, "trust", false), cache: cache(verified)}, []string{"DATABASE_URL unproven", "REDIS_URL proven"}, []string{"not_asked_for DATABASE_URL"}, 3},
		"a socket may ask peer":          {stores{database: database(socket, "trust or peer", false), cache: cache(socket)}, []string{"DATABASE_URL unproven", "REDIS_URL proven"}, nil, 3},
		"what is asked for was not seen": {stores{database: database(verified, "", false), cache: cache(verified)}, []string{"DATABASE_URL unproven", "REDIS_URL proven"}, nil, 3},
	} {
		report, err := validation.CheckLive(context.Background(), newDeployment().asManagement(), validation.Servers{Database: c.stores, Caches: cacheOf{c.stores}})
		if err != nil {
			t.Fatal(err)
		}
		live := slices.DeleteFunc(liveOf(report), func(text string) bool { return text[0] == 'E' })
		if !slices.Equal(live, c.live) || !slices.Equal(codes(report), c.codes) || failedAt(report) != c.failed {
			t.Errorf("%s: %v, found %v, failed %v", name, live, codes(report), report.Failed())
		}
	}
	cause := errors.New("stopped")
	if _, err := validation.CheckLive(context.Background(), newDeployment().asManagement(), validation.Servers{Database: stores{err: cause}}); !errors.Is(err, cause) {
		t.Errorf("an interruption: %v", err)
	}
}
