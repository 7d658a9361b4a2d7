package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redissession"
	"github.com/ocmt/ocmt/internal/session"
)

// ageFlag is a flag that holds an age, such as 90m, 12h or 30d.
type ageFlag time.Duration

// Set reads a number with its unit. A clock time is refused: the servers may write in another zone
// than this machine's.
func (f *ageFlag) Set(text string) error {
	number, days := strings.CutSuffix(text, "d")
	if count, err := strconv.ParseFloat(number, 64); days && err == nil && count >= 0.001 && count < 36500 {
		*f = ageFlag(count * float64(24*time.Hour))
		return nil
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < time.Second {
		return formError("it must be an age such as 90m, 12h or 30d, and no clock time: the servers may write in another zone")
	}
	*f = ageFlag(length)
	return nil
}

// String returns the age, or nothing.
func (f *ageFlag) String() string {
	if *f == 0 {
		return ""
	}
	return time.Duration(*f).String()
}

// Type names the kind of value in help texts.
func (f *ageFlag) Type() string { return "age" }

// networkList is a flag that holds addresses and networks.
type networkList []netip.Prefix

// Set adds an address or a network in CIDR form.
func (l *networkList) Set(text string) error {
	for _, one := range strings.Split(text, ",") {
		network, err := netip.ParsePrefix(one)
		if err != nil {
			address, err := netip.ParseAddr(one)
			if err != nil {
				return formError("it must be an address or a network, such as 192.0.2.7 or 10.1.0.0/16")
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Addr().Zone() != "" {
			return formError("an address with a zone is in no row: leave out what stands behind the %")
		}
		if network.Addr().Is4In6() && network.Bits() >= 96 {
			network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
		}
		*l = append(*l, network.Masked())
	}
	return nil
}

// String returns the networks.
func (l *networkList) String() string {
	texts := make([]string, len(*l))
	for i, network := range *l {
		texts[i] = network.String()
	}
	return strings.Join(texts, ",")
}

// Type names the kind of value in help texts.
func (l *networkList) Type() string { return "network" }

// sessionSelection are the flags that select sessions.
type sessionSelection struct {
	Users, Sessions             nameList
	Tenants                     textList
	UsersFrom                   inputFlag
	TokenStdin                  bool
	Networks                    networkList
	Agents                      textList
	CreatedBefore, Idle         ageFlag
	Expired                     bool
	OverLimit, PastTimeout      bool
	ExceptUsers, ExceptSessions nameList
}

func (o *sessionSelection) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&o.Users, "user", "the sessions of this user, by id or e-mail address; may be given again")
	flags.Var(&o.UsersFrom, "users-from", "the sessions of the users in this file, one a line; - for standard input")
	flags.Var(&o.Tenants, "tenant", "the sessions of this tenant's users, by id or name; may be given again")
	flags.Var(&o.Sessions, "session", "this session, by id; may be given again")
	flags.BoolVar(&o.TokenStdin, "token-stdin", false, "the session of the token on standard input; it is hashed here and never shown")
	flags.Var(&o.Networks, "ip", "sessions from this address or network; may be given again")
	flags.Var(&o.Agents, "user-agent", "sessions with this text in their user agent, in any case; may be given again")
	flags.Var(&o.CreatedBefore, "created-before", "sessions that began longer ago than this")
	flags.Var(&o.Idle, "idle-longer-than", "sessions without activity for longer than this")
	flags.BoolVar(&o.Expired, "expired", false, "sessions that have expired, rather than live ones")
	flags.BoolVar(&o.OverLimit, "over-limit", false, "sessions of a user beyond MAX_SESSIONS_PER_USER, the oldest first")
	flags.BoolVar(&o.PastTimeout, "past-timeout", false, "sessions older than USER_SESSION_TIMEOUT_MS")
	flags.Var(&o.ExceptUsers, "except-user", "not those of this user, by id or e-mail address; may be given again")
	flags.Var(&o.ExceptSessions, "except-session", "not this session, by id; may be given again")
}

// selects reports whether a flag says what to take.
func (o *sessionSelection) selects() bool {
	names := len(o.Users) + len(o.Tenants) + len(o.Sessions) + len(o.Networks) + len(o.Agents)
	return names > 0 || o.UsersFrom != "" || o.TokenStdin || o.CreatedBefore > 0 || o.Idle > 0 || o.Expired || o.OverLimit || o.PastTimeout
}

// validate finds what contradicts itself.
func (o *sessionSelection) validate() error {
	switch {
	case o.TokenStdin && o.UsersFrom == "-":
		return errors.New("--token-stdin and --users-from - both read standard input")
	case o.Expired && o.OverLimit:
		return errors.New("--expired and --over-limit exclude each other: only live sessions count for the limit")
	}
	return nil
}

// selection looks up the names and returns the selection.
func (o *sessionSelection) selection(ctx context.Context, app *App, settings *config.Settings, finder session.Finder) (s session.Selection, err error) {
	s = session.Selection{Networks: o.Networks, Agents: o.Agents, CreatedBefore: time.Duration(o.CreatedBefore),
		IdleLongerThan: time.Duration(o.Idle), Expired: o.Expired}
	if o.OverLimit {
		if s.OverLimit, err = settings.Access.MaxSessions(); err != nil {
			return s, err
		}
	}
	if o.PastTimeout {
		if s.PastTimeout, err = settings.Access.SessionTimeout(); err != nil {
			return s, err
		}
	}
	if s.TokenHashes, err = o.readToken(ctx, app, finder); err != nil {
		return s, err
	}
	users := slices.Clone([]string(o.Users))
	if o.UsersFrom != "" {
		more, err := app.readNames(string(o.UsersFrom))
		if err != nil {
			return s, err
		}
		users = append(users, more...)
	}
	if s.Users, err = finder.FindUsers(ctx, users); err != nil {
		return s, err
	}
	if s.Sessions, err = finder.FindSessions(ctx, o.Sessions); err != nil {
		return s, err
	}
	if s.ExceptSessions, err = finder.FindSessions(ctx, o.ExceptSessions); err != nil {
		return s, err
	}
	if s.Tenants, err = finder.FindTenants(ctx, o.Tenants); err != nil {
		return s, err
	}
	s.ExceptUsers, err = finder.FindUsers(ctx, o.ExceptUsers)
	return s, err
}

// maxNames is how many bytes a file of names may have.
const maxNames = 16 << 20

// readNames reads a file of names, one a line. Empty lines and comments with # are passed over.
func (a *App) readNames(name string) ([]string, error) {
	text, err := a.readInput(name, maxNames)
	switch {
	case errors.Is(err, errLargeInput):
		return nil, errManyNames
	case err != nil:
		return nil, fmt.Errorf("reading the names of users: %w", err)
	}
	var names []string
	for _, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	if len(names) == 0 {
		return nil, errNoNames
	}
	return names, nil
}

// errNoNames says that a file of names has none: a script whose file is empty must not end everything,
// or nothing without a word.
var errNoNames = errors.New("the file of --users-from has no name in it")

// readToken reads the token of --token-stdin, and returns its digest.
func (o *sessionSelection) readToken(ctx context.Context, app *App, finder session.Finder) (digests []string, err error) {
	if !o.TokenStdin {
		return nil, nil
	}
	token, err := app.readLine()
	if err != nil {
		return nil, err
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, errNoToken
	}
	digest := session.DigestOf(token)
	has, err := finder.HasToken(ctx, digest)
	if err == nil && !has {
		err = errUnknownToken
	}
	return []string{digest}, err
}

// The reasons why a token selects nothing.
var (
	errNoToken      = errors.New("standard input has no token")
	errUnknownToken = errors.New("there is no session of the token on standard input: the server may have deleted it")
)

// errManyNames says that a file of names is cut off nowhere: all of it counts, or nothing.
var errManyNames = errors.New("the file of --users-from has more than 16 MiB")

// access is the live access of a deployment.
type access struct {
	*database
	store *pgsession.Store
	cache redissession.Group // nil without REDIS_URL
	close func()
}

// openAccess returns the live access of DATABASE_URL and REDIS_URL. It dials nothing.
func (a *App) openAccess(settings *config.Settings, plainDelete bool) (*access, error) {
	db, err := a.openDatabase(settings)
	if err != nil {
		return nil, err
	}
	found := &access{database: db, store: pgsession.New(db.DB), close: db.Close}
	if !settings.RedisURL.IsSet() {
		return found, nil
	}
	if err := a.openRedis(settings, found, redissession.Options{Prefix: settings.Access.RedisPrefix, PlainDelete: plainDelete}); err != nil {
		db.Close()
		return nil, err
	}
	found.close = func() { found.cache.Close(); db.Close() }
	return found, nil
}

// openRedis adds the Redis of each address in REDIS_URL. It dials nothing.
func (a *App) openRedis(settings *config.Settings, found *access, how redissession.Options) error {
	options, err := a.redisOptions(settings)
	if err != nil {
		return err
	}
	for _, address := range strings.Fields(settings.RedisURL.Reveal()) {
		client, err := redis.New(address, options)
		if err != nil {
			return err
		}
		found.cache = append(found.cache, redissession.New(client, how))
	}
	return nil
}

// redisOptions reads the certificates for Redis.
func (a *App) redisOptions(settings *config.Settings) (options redis.Options, err error) {
	options.Trace = a.trace()
	for _, file := range []struct {
		name    string
		content *[]byte
	}{{settings.Access.RedisCA, &options.CA}, {settings.Access.RedisCertificate, &options.Certificate}, {settings.Access.RedisKey, &options.Key}} {
		if *file.content, err = a.readCertificates(file.name); err != nil {
			return options, fmt.Errorf("reading a certificate for Redis: %w", err)
		}
	}
	return options, nil
}

// maxCertificates is more bytes than the certificates of every authority have.
const maxCertificates = 16 << 20

// readCertificates reads a file of certificates or of their key; of no file, nothing.
func (a *App) readCertificates(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	return a.readInput(name, maxCertificates)
}
