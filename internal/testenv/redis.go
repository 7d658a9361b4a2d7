package testenv

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// Redis is a running Redis or Valkey on a Unix socket and on a port of
// 127.0.0.1. It asks for a password, because other accounts of the machine can reach it.
type Redis struct {
	*guard
	password string
	port     int
}

// StartRedis starts a server that writes nothing to disk. Settings are lines of redis.conf:
// requirepass replaces the random password, and save or appendonly turn persistence on.
func StartRedis(ctx context.Context, settings ...string) (*Redis, error) {
	server, err := findProgram(ErrNoRedis, "redis-server", "valkey-server")
	if err != nil {
		return nil, err
	}
	r := &Redis{password: choosePassword(settings)}
	err = onFreePort(func(port int) error {
		r.port = port
		files := func(folder string) map[string]string {
			return map[string]string{"config": r.config(folder, settings)}
		}
		r.guard, err = child{name: "redis", program: server, files: files, answers: ping}.start(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("starting Redis: %w", err)
	}
	return r, nil
}

func (r *Redis) config(folder string, settings []string) string {
	lines := []string{
		"bind 127.0.0.1", fmt.Sprintf("port %d", r.port),
		"unixsocket " + redisSocket(folder), "unixsocketperm 700",
		"dir " + folder, "daemonize no", `save ""`, "appendonly no",
		"requirepass " + r.password,
	}
	return strings.Join(append(lines, settings...), "\n") + "\n"
}

// choosePassword returns the password of the settings, or a random one.
func choosePassword(settings []string) string {
	chosen := rand.Text()
	for _, setting := range settings {
		if value, ok := strings.CutPrefix(setting, "requirepass "); ok {
			chosen = strings.Trim(value, `"`)
		}
	}
	return chosen
}

func redisSocket(folder string) string { return filepath.Join(folder, "redis.sock") }

// ping sends PING over the socket, which the server opens after the port. A server that asks for
// the password has answered too.
func ping(ctx context.Context, folder string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", redisSocket(folder))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(answer, "+PONG") && !strings.HasPrefix(answer, "-NOAUTH") {
		return fmt.Errorf("the answer to PING is %q", answer)
	}
	return nil
}

// URL returns the address over TCP, with the password.
func (r *Redis) URL() string {
	address := url.URL{Scheme: "redis", User: r.user(), Host: hostPort(r.port), Path: "/0"}
	return address.String()
}

// SocketURL returns the address over the Unix socket, with the password.
func (r *Redis) SocketURL() string {
	address := url.URL{Scheme: "unix", User: r.user(), Path: redisSocket(r.folder), RawQuery: "db=0"}
	return address.String()
}

func (r *Redis) user() *url.Userinfo {
	if r.password == "" {
		return nil
	}
	return url.UserPassword("", r.password)
}
