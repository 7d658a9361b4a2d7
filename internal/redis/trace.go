package redis

import (
	"context"
	"net"
	"strconv"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/trace"
)

// traceHook tells of each connection and command, by its name alone: the arguments can be secrets.
type traceHook struct{ begin trace.Begin }

// withTrace has a client told of what it does.
func withTrace(client driver.UniversalClient, begin trace.Begin) driver.UniversalClient {
	if begin != nil {
		client.AddHook(traceHook{begin})
	}
	return client
}

// DialHook implements driver.Hook.
func (h traceHook) DialHook(next driver.DialHook) driver.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		end := h.begin("connection to " + address)
		conn, err := next(ctx, network, address)
		end(outcome(err))
		return conn, err
	}
}

// ProcessHook implements driver.Hook.
func (h traceHook) ProcessHook(next driver.ProcessHook) driver.ProcessHook {
	return func(ctx context.Context, cmd driver.Cmder) error {
		end := h.begin("Redis command " + cmd.Name())
		err := next(ctx, cmd)
		end(outcome(err))
		return err
	}
}

// ProcessPipelineHook implements driver.Hook.
func (h traceHook) ProcessPipelineHook(next driver.ProcessPipelineHook) driver.ProcessPipelineHook {
	return func(ctx context.Context, cmds []driver.Cmder) error {
		end := h.begin(strconv.Itoa(len(cmds)) + " Redis commands")
		err := next(ctx, cmds)
		end(outcome(err))
		return err
	}
}

func outcome(err error) string {
	if err != nil {
		return "no success"
	}
	return "answered"
}
