package redis

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/netconn"
)

// Verdict is what a server says to a user and a password.
type Verdict uint8

// The verdicts. The zero value leaves it open.
const (
	LoginOpen Verdict = iota
	LoginAccepted
	LoginRefused
	// LoginWithoutPassword says that the server has no password for the user, so that AUTH means nothing.
	LoginWithoutPassword
)

// Login is what one server says to the user and password of an address, on connections that nothing else is
// sent on.
type Login struct {
	Address    string // host and port, or the path of a socket
	User       string
	Protection netconn.Protection
	// Without is LoginAccepted where a command without AUTH is answered.
	Without, Wrong, Right Verdict
	// Err says why one of the verdicts is open; nil where none is.
	Err error
}

// wrongPassword is no password of anybody: it says what it is.
const wrongPassword = "ocmt-asks-whether-a-wrong-password-is-refused" //nolint:gosec // it opens nothing

// ErrAnswer says that a server answers otherwise than Redis does. Its answer is not repeated.
var ErrAnswer = errors.New("it does not answer as Redis does")

// TryLogins logs in at each server that the address names, or at the primary that its Sentinels name: without
// a password, with a wrong one, once, and with the right one. It changes nothing. Other nodes of a cluster are not
// asked. A server that does not answer is a Login with Err; the error says that there is no server to ask, or is
// that of the context.
func (c *Client) TryLogins(ctx context.Context) (list []Login, err error) {
	addresses := c.options.Addrs
	if c.options.MasterName != "" {
		master, err := c.findMaster(ctx)
		if err != nil {
			return nil, err
		}
		addresses = []string{master}
	}
	for _, address := range addresses {
		one := c.tryLogin(ctx, address)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		list = append(list, one)
	}
	return list, nil
}

// findMaster asks the Sentinels which server is the primary.
func (c *Client) findMaster(ctx context.Context) (address string, err error) {
	for _, sentinel := range c.options.Addrs {
		client := driver.NewSentinelClient(&driver.Options{Addr: sentinel, Dialer: c.options.Dialer, Username: c.options.SentinelUsername,
			Password: c.options.SentinelPassword, DialTimeout: timeout, ReadTimeout: timeout, DisableIdentity: true, MaxRetries: -1})
		found, asked := client.GetMasterAddrByName(ctx, c.options.MasterName).Result()
		_ = client.Close()
		const hostAndPort = 2
		if asked == nil && len(found) == hostAndPort {
			return net.JoinHostPort(found[0], found[1]), nil
		}
		if err = asked; err == nil {
			err = ErrAnswer
		}
	}
	if errors.Is(err, driver.Nil) {
		return "", errors.New("the last Sentinel that was asked knows no primary of that name")
	}
	return "", fmt.Errorf("asking the Sentinels for the primary: %w", ExplainError(err))
}

// tryLogin logs in at one server. The right password is sent last, and not at all where the server does not answer.
func (c *Client) tryLogin(ctx context.Context, address string) (login Login) {
	login = Login{Address: address, User: cmp.Or(c.options.Username, "default")}
	auth := func(password string) []string {
		if c.options.Username == "" {
			return []string{"AUTH", password}
		}
		return []string{"AUTH", c.options.Username, password}
	}
	if login.Without, login.Err = c.say(ctx, address, &login.Protection, "PING"); login.Err != nil || c.options.Password == "" {
		return login
	}
	if login.Wrong, login.Err = c.say(ctx, address, &login.Protection, auth(wrongPassword)...); login.Err != nil {
		return login
	}
	login.Right, login.Err = c.say(ctx, address, &login.Protection, auth(c.options.Password)...)
	return login
}

// say sends one command on a connection of its own, and judges the answer.
func (c *Client) say(ctx context.Context, address string, protection *netconn.Protection, words ...string) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := c.options.Dialer(ctx, "tcp", address)
	if err != nil {
		return LoginOpen, noAnswer(err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return LoginOpen, noAnswer(err)
		}
	}
	if encrypted, is := conn.(*tls.Conn); is {
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return LoginOpen, explainNetwork(err)
		}
	}
	*protection = netconn.ProtectionOf(conn, c.options.TLSConfig)
	if _, err := io.WriteString(conn, command(words)); err != nil {
		return LoginOpen, noAnswer(err)
	}
	const longest = 1024
	answer, err := bufio.NewReader(io.LimitReader(conn, longest)).ReadString('\n')
	if err != nil && answer == "" {
		return LoginOpen, noAnswer(err)
	}
	return judge(answer)
}

// noAnswer says why nothing came from a server.
func noAnswer(err error) error {
	var failure *Failure
	if explained := explainNetwork(err); errors.As(explained, &failure) {
		return explained
	}
	return &Failure{ErrGone, err.Error(), err}
}

// command returns a command as the protocol of Redis has it.
func command(words []string) string {
	var text strings.Builder
	text.WriteString("*" + strconv.Itoa(len(words)) + "\r\n")
	for _, word := range words {
		text.WriteString("$" + strconv.Itoa(len(word)) + "\r\n" + word + "\r\n")
	}
	return text.String()
}

// answers are how the answers to PING and AUTH begin. A PING that the user may not send was let in. The last two
// are of servers whose default user has no password: of Redis 6 and later, and of older ones.
var answers = []struct {
	begins  string
	verdict Verdict
}{
	{"+OK", LoginAccepted}, {"+PONG", LoginAccepted}, {"-NOPERM", LoginAccepted}, {"-NOAUTH", LoginRefused}, {"-WRONGPASS", LoginRefused},
	{"-ERR invalid password", LoginRefused},
	{"-ERR AUTH <password> called without any password configured", LoginWithoutPassword},
	{"-ERR Client sent AUTH, but no password is set", LoginWithoutPassword},
}

// judge reads an answer.
func judge(answer string) (Verdict, error) {
	for _, one := range answers {
		if strings.HasPrefix(answer, one.begins) {
			return one.verdict, nil
		}
	}
	switch {
	case strings.HasPrefix(answer, "-DENIED"):
		return LoginOpen, errors.New("protected mode lets in this machine only")
	case strings.HasPrefix(answer, "-LOADING"), strings.HasPrefix(answer, "-MASTERDOWN"), strings.HasPrefix(answer, "-BUSY"), strings.HasPrefix(answer, "-ERR max number of clients"):
		return LoginOpen, errors.New("it is busy, and answers nothing for now")
	}
	return LoginOpen, ErrAnswer
}
