package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
)

// ReplicaError says that replicas have not confirmed what was written. If one of them becomes the
// primary, what it lacks is undone.
type ReplicaError struct{ Replicas []string }

// Error names them.
func (e *ReplicaError) Error() string {
	return "replicas have not confirmed what was written: " + strings.Join(e.Replicas, ", ")
}

// The bounds of a wait for replicas.
const (
	replicaTimeout = 10 * time.Second
	replicaPeriod  = 50 * time.Millisecond
)

// AwaitReplicas waits until every replica that is connected to a primary has what was written before.
// The error is a *ReplicaError where one has not in time.
func (c *Client) AwaitReplicas(ctx context.Context) error {
	var mu sync.Mutex
	var behind []string
	err := c.ForEachMaster(ctx, func(ctx context.Context, master *driver.Client) error {
		late, err := awaitReplicasOf(ctx, master)
		mu.Lock()
		defer mu.Unlock()
		behind = append(behind, late...)
		return err
	})
	if err == nil && len(behind) > 0 {
		return &ReplicaError{behind}
	}
	return ExplainError(err)
}

// awaitReplicasOf returns the replicas of a primary that are behind when the time is over.
func awaitReplicasOf(ctx context.Context, master *driver.Client) (behind []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, replicaTimeout)
	defer cancel()
	written := int64(-1)
	for {
		info, err := master.Info(ctx, "replication").Result()
		if err != nil {
			if len(behind) > 0 && ctx.Err() != nil {
				return behind, nil
			}
			return nil, err
		}
		if written < 0 {
			written, _ = strconv.ParseInt(field(info, "master_repl_offset"), 10, 64)
		}
		if behind = replicasBehind(info, written); len(behind) == 0 {
			return nil, nil
		}
		timer := time.NewTimer(replicaPeriod)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return behind, nil
		}
	}
}

// replicasBehind reads from the answer to INFO replication which replicas have not confirmed so much.
func replicasBehind(info string, written int64) (behind []string) {
	for _, line := range strings.Split(info, "\r\n") {
		name, values, found := strings.Cut(line, ":")
		number, isReplica := strings.CutPrefix(name, "slave")
		if _, err := strconv.Atoi(number); !found || !isReplica || err != nil {
			continue
		}
		fields := map[string]string{}
		for _, one := range strings.Split(values, ",") {
			key, value, _ := strings.Cut(one, "=")
			fields[key] = value
		}
		if confirmed, err := strconv.ParseInt(fields["offset"], 10, 64); err != nil || confirmed < written {
			behind = append(behind, fmt.Sprintf("%s port %s", fields["ip"], fields["port"]))
		}
	}
	return behind
}
