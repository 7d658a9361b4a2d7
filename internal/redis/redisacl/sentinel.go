package redisacl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// watcher is a Sentinel. It implements redispassword.Watcher.
type watcher struct {
	address, master, name string
	client                *driver.Client
}

// watcher returns the Sentinel at an address.
func (f *Finder) watcher(address string) *watcher {
	found, there := f.watchers[address]
	if !there {
		found = &watcher{address: address, master: f.of.MasterName, client: newClient(f.of, address, f.of.SentinelUsername, f.of.SentinelPassword)}
		f.watchers[address] = found
	}
	return found
}

// askSentinels returns what the first Sentinel that answers knows: the primary, the replicas and the other
// Sentinels. Those of the address that do not answer are left out where no other knows them.
func (f *Finder) askSentinels(ctx context.Context) (found redispassword.Servers, err error) {
	var failure error
	for _, address := range f.of.Addrs {
		found, err := f.askSentinel(ctx, f.watcher(address))
		if err == nil {
			return found, nil
		}
		failure = fmt.Errorf("asking the Sentinel at %s: %w", address, redis.ExplainError(err))
	}
	return found, errors.Join(ErrNoSentinel, failure)
}

func (f *Finder) askSentinel(ctx context.Context, seed *watcher) (found redispassword.Servers, err error) {
	primary, err := seed.client.Do(ctx, "sentinel", "get-master-addr-by-name", seed.master).StringSlice()
	if err != nil {
		return found, err
	}
	if len(primary) != 2 {
		return found, ErrNoSentinel
	}
	found = redispassword.Servers{Topology: redispassword.Sentinel, Nodes: []redispassword.Node{f.node(net.JoinHostPort(primary[0], primary[1]), false)}}
	replicas, err := seed.client.Do(ctx, "sentinel", "replicas", seed.master).Slice()
	if err != nil {
		return found, err
	}
	for _, one := range replicas {
		if fields := readPairs(one); fields["ip"] != "" {
			found.Nodes = append(found.Nodes, f.node(net.JoinHostPort(fields["ip"], fields["port"]), true))
		}
	}
	others, err := seed.client.Do(ctx, "sentinel", "sentinels", seed.master).Slice()
	if err != nil {
		return found, err
	}
	if id, err := seed.client.Do(ctx, "sentinel", "myid").Text(); err == nil {
		seed.name = connectionName(id)
	}
	found.Watchers = append(found.Watchers, seed)
	for _, one := range others {
		fields := readPairs(one)
		other := f.watcher(net.JoinHostPort(fields["ip"], fields["port"]))
		other.name = connectionName(fields["runid"])
		found.Watchers = append(found.Watchers, other)
	}
	return found, nil
}

// connectionName returns what a Sentinel calls its connections to servers.
func connectionName(id string) string {
	const shown = 8
	if len(id) < shown {
		return ""
	}
	return "sentinel-" + id[:shown]
}

// Address implements redispassword.Watcher.
func (w *watcher) Address() string { return w.address }

// Name implements redispassword.Watcher.
func (w *watcher) Name() string { return w.name }

// sightTime bounds the wait for a Sentinel to reach the primary, and sightPeriod divides it.
const (
	sightTime   = 15 * time.Second
	sightPeriod = 200 * time.Millisecond
)

// errUnseen says that a Sentinel does not reach the primary.
var errUnseen = errors.New("it does not reach the primary with it")

// SetAuthPass implements redispassword.Watcher. A Sentinel reconnects when it is given a password.
func (w *watcher) SetAuthPass(ctx context.Context, password secret.Value) error {
	if err := w.client.Do(ctx, "sentinel", "set", w.master, "auth-pass", password.Reveal()).Err(); err != nil {
		return redis.ExplainError(err)
	}
	if err := w.client.Do(ctx, "sentinel", "flushconfig").Err(); err != nil {
		return redis.ExplainError(err)
	}
	ticks := time.NewTicker(sightPeriod)
	defer ticks.Stop()
	for passed := sightPeriod; passed <= sightTime; passed += sightPeriod {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if reaches, err := w.reaches(ctx, passed); err != nil || reaches {
			return err
		}
	}
	return errUnseen
}

// reaches reports whether the primary has let the Sentinel in, which then knows its run ID, and has answered it
// within a time. A Sentinel counts its own start as an answer.
func (w *watcher) reaches(ctx context.Context, within time.Duration) (bool, error) {
	reply, err := w.client.Do(ctx, "sentinel", "master", w.master).Result()
	if err != nil {
		return false, redis.ExplainError(err)
	}
	fields := readPairs(reply)
	answered, err := strconv.ParseInt(fields["last-ok-ping-reply"], 10, 64)
	isDown := strings.Contains(fields["flags"], "down") || strings.Contains(fields["flags"], "disconnected")
	return err == nil && !isDown && fields["runid"] != "" && time.Duration(answered)*time.Millisecond < within, nil
}

// answerAge is how long ago the primary may have answered a Sentinel, which asks it every second.
const answerAge = 5 * time.Second

// Look implements redispassword.Watcher. A Sentinel that has just started gets some time to reach the primary.
func (w *watcher) Look(ctx context.Context) (runID string, reaches bool, err error) {
	text, err := w.client.Info(ctx, "server").Result()
	if explained := redis.ExplainError(err); err != nil && !errors.Is(explained, redis.ErrRights) {
		return "", false, explained
	}
	runID = readInfo(text)["run_id"]
	ticks := time.NewTicker(sightPeriod)
	defer ticks.Stop()
	for passed := time.Duration(0); ; passed += sightPeriod {
		if reaches, err = w.reaches(ctx, answerAge); err != nil || reaches || passed >= sightTime {
			return runID, reaches, err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return runID, false, context.Cause(ctx)
		}
	}
}

// readPairs reads a list of names and texts. What is not text is left out.
func readPairs(reply any) map[string]string {
	fields := map[string]string{}
	if pairs, ok := reply.(map[any]any); ok {
		for name, value := range pairs {
			fields[fmt.Sprint(name)] = fmt.Sprint(value)
		}
	}
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		name, isName := list[i].(string)
		value, isText := list[i+1].(string)
		if isName && isText {
			fields[name] = value
		}
	}
	return fields
}
