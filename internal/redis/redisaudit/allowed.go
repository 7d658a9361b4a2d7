package redisaudit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"
)

// errNotAllowed says that a command was not sent, because it is not on the list.
var errNotAllowed = errors.New("the audit does not send this command")

// readers are the commands that are sent, with their first argument where only that one is.
var readers = []string{
	"hello", "auth", "select", // of the connection
	"info", "acl whoami", "acl dryrun", "acl getuser", "acl list", "cluster nodes", "scan", "pttl", "strlen",
}

// parameters are the parameters of the configuration that are asked for, each by its name. A pattern
// would bring passwords.
var parameters = []string{"bind", "port", "tls-port", "protected-mode", "dir", "dbfilename", "appenddirname", "save", "enable-debug-command", "enable-module-command"}

// isAllowed reports whether a command may be sent to a server with data.
func isAllowed(args []string) bool {
	first, second := strings.ToLower(args[0]), ""
	if len(args) > 1 {
		second = strings.ToLower(args[1])
	}
	if first == "config" {
		return second == "get" && len(args) == 3 && slices.Contains(parameters, args[2])
	}
	return slices.Contains(readers, first) || slices.Contains(readers, first+" "+second)
}

// isAllowedInProbe reports whether a command may be sent on a connection that asks for rights with a
// transaction that is never carried out.
func isAllowedInProbe(args []string) bool {
	if len(args) == 1 {
		switch args[0] {
		case "multi", "discard":
			return true
		}
	}
	return slices.Contains([]string{"hello", "auth", "select"}, strings.ToLower(args[0])) || slices.ContainsFunc(dangerous, func(c command) bool { return c.queued && slices.Equal(c.args, args) })
}

// isAllowedAtSentinel reports whether a command may be sent to a Sentinel.
func isAllowedAtSentinel(args []string) bool {
	first := strings.ToLower(args[0])
	if first == "sentinel" && len(args) == 3 {
		return slices.Contains([]string{"get-master-addr-by-name", "replicas"}, strings.ToLower(args[1]))
	}
	return first == "hello" || first == "auth"
}

// guard is a hook of the driver that lets through only what is allowed. The driver's own commands pass
// it too.
type guard struct{ allowed func(args []string) bool }

// DialHook implements driver.Hook.
func (g guard) DialHook(next driver.DialHook) driver.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

// ProcessHook implements driver.Hook.
func (g guard) ProcessHook(next driver.ProcessHook) driver.ProcessHook {
	return func(ctx context.Context, command driver.Cmder) error {
		if !g.allows(command) {
			command.SetErr(errNotAllowed)
			return errNotAllowed
		}
		return next(ctx, command)
	}
}

// ProcessPipelineHook implements driver.Hook.
func (g guard) ProcessPipelineHook(next driver.ProcessPipelineHook) driver.ProcessPipelineHook {
	return func(ctx context.Context, commands []driver.Cmder) error {
		for _, command := range commands {
			if !g.allows(command) {
				command.SetErr(errNotAllowed)
				return errNotAllowed
			}
		}
		return next(ctx, commands)
	}
}

func (g guard) allows(command driver.Cmder) bool {
	args := make([]string, len(command.Args()))
	for i, one := range command.Args() {
		args[i] = fmt.Sprint(one)
	}
	return len(args) > 0 && g.allowed(args)
}
