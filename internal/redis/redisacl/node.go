package redisacl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// node is a server with data. It implements redispassword.Node.
type node struct {
	place  redispassword.Place
	of     driver.UniversalOptions
	more   []secret.Value // other passwords that the login may have
	client *driver.Client // nil where there is no connection
	held   *driver.Conn
}

// conn returns the one connection to the server, so that its own can be told from those of others.
func (n *node) conn(ctx context.Context) *driver.Conn {
	if n.held == nil {
		n.client = newClient(n.of, n.place.Address, n.of.Username, n.password(ctx))
		n.held = n.client.Conn()
	}
	return n.held
}

// password returns the first password that the server accepts of the login; that of the address where there is
// none, so that the first command says why.
func (n *node) password(ctx context.Context) string {
	tried := ""
	for _, password := range append([]secret.Value{secret.NewValue(n.of.Password)}, n.more...) {
		if !password.IsSet() || password.Reveal() == tried {
			continue
		}
		tried = password.Reveal()
		if accepted, err := n.Accepts(ctx, loginOf(n.of), password); err == nil && accepted {
			return tried
		}
	}
	return n.of.Password
}

// explain says what an error means, and gives a broken connection up.
func (n *node) explain(err error) error {
	var answer driver.Error
	explained := redis.ExplainError(err)
	if err != nil && !errors.As(err, &answer) || errors.Is(explained, redis.ErrRefused) {
		n.close()
	}
	return explained
}

// close closes the connection. The next command makes another.
func (n *node) close() {
	if n.held != nil {
		_ = n.held.Close()
		_ = n.client.Close()
		n.held, n.client = nil, nil
	}
}

// Place implements redispassword.Node.
func (n *node) Place() redispassword.Place { return n.place }

// do sends a command whose answer does not matter.
func (n *node) do(ctx context.Context, args ...any) error {
	return n.explain(n.conn(ctx).Do(ctx, args...).Err())
}

// AddPassword implements redispassword.Node.
func (n *node) AddPassword(ctx context.Context, user string, digest redispassword.Digest) error {
	return n.do(ctx, "acl", "setuser", user, "#"+string(digest))
}

// RemovePassword implements redispassword.Node.
func (n *node) RemovePassword(ctx context.Context, user string, digest redispassword.Digest) error {
	return n.do(ctx, "acl", "setuser", user, "!"+string(digest))
}

// SetRequirePass implements redispassword.Node.
func (n *node) SetRequirePass(ctx context.Context, password secret.Value) error {
	return n.do(ctx, "config", "set", "requirepass", password.Reveal())
}

// SetMasterAuth implements redispassword.Node.
func (n *node) SetMasterAuth(ctx context.Context, password secret.Value) error {
	return n.do(ctx, "config", "set", "masterauth", password.Reveal())
}

// SaveUsers implements redispassword.Node.
func (n *node) SaveUsers(ctx context.Context) error { return n.save(ctx, "acl", "save") }

// SaveConfig implements redispassword.Node.
func (n *node) SaveConfig(ctx context.Context) error { return n.save(ctx, "config", "rewrite") }

// save sends a command that writes a file. The error is redispassword.ErrUnwritable where the server
// could not.
func (n *node) save(ctx context.Context, args ...any) error {
	err := n.do(ctx, args...)
	var answer driver.Error
	if errors.As(err, &answer) && !errors.Is(err, redis.ErrRights) && !errors.Is(err, redis.ErrRefused) {
		return fmt.Errorf("%w (it says: %s)", redispassword.ErrUnwritable, err.Error())
	}
	return err
}

// errAnswer says that the answer to a log-in is none that is known.
var errAnswer = errors.New("the answer to the log-in is not known")

// Accepts implements redispassword.Node. It sends nothing but AUTH, on a connection of its own: no
// server shows it in MONITOR or in its slow log.
func (n *node) Accepts(ctx context.Context, user string, password secret.Value) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := n.of.Dialer(ctx, "tcp", n.place.Address)
	if err != nil {
		return false, redis.ExplainError(err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return false, err
		}
	}
	words := []string{"AUTH", user, password.Reveal()}
	if user == redispassword.DefaultUser {
		words = []string{"AUTH", password.Reveal()} // as servers take it that know no users
	}
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	// A server in protected mode answers before it is asked, and closes: the write may fail then.
	_, _ = io.WriteString(conn, request)
	const longest = 512
	answer, err := bufio.NewReader(io.LimitReader(conn, longest)).ReadString('\n')
	switch {
	case strings.HasPrefix(answer, "+OK"):
		return true, nil
	case strings.HasPrefix(answer, "-WRONGPASS"), strings.HasPrefix(answer, "-ERR invalid password"), strings.HasPrefix(answer, "-ERR invalid username-password"),
		strings.HasPrefix(answer, "-ERR AUTH <password> called without any password"), strings.HasPrefix(answer, "-ERR Client sent AUTH, but no password is set"):
		return false, nil
	case err != nil && !errors.Is(err, io.EOF):
		return false, redis.ExplainError(err)
	case answer == "":
		return false, redis.ErrGone
	}
	return false, errAnswer
}

// Clients implements redispassword.Node. The time is asked for first, so that no connection looks younger than
// it is.
func (n *node) Clients(ctx context.Context) (now time.Time, clients []redispassword.Client, err error) {
	pipe := n.conn(ctx).Pipeline()
	clock, own, list := pipe.Time(ctx), pipe.ClientID(ctx), pipe.ClientList(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return now, nil, n.explain(err)
	}
	id := strconv.FormatInt(own.Val(), 10)
	for line := range strings.Lines(list.Val()) {
		fields := map[string]string{}
		for field := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		if fields["id"] == "" || fields["id"] == id {
			continue
		}
		age, err := strconv.ParseInt(fields["age"], 10, 64)
		if err != nil {
			return now, nil, fmt.Errorf("reading the age of a connection: %w", err)
		}
		clients = append(clients, redispassword.Client{Address: fields["addr"], Name: fields["name"], User: fields["user"], Age: time.Duration(age) * time.Second,
			Replica: strings.ContainsAny(fields["flags"], "SM")})
	}
	return clock.Val(), clients, nil
}
