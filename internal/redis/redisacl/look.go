package redisacl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Look implements redispassword.Node.
func (n *node) Look(ctx context.Context, user string) (facts redispassword.Facts, err error) {
	facts.Login = cmp.Or(n.of.Username, redispassword.DefaultUser)
	info, err := n.info(ctx, "server")
	switch {
	case errors.Is(err, redis.ErrRights):
		facts.Missing = append(facts.Missing, redispassword.RightInfo)
	case err != nil:
		return facts, err
	}
	facts.RunID = info["run_id"]
	facts.Version, facts.HasConfigFile = info["redis_version"], info["config_file"] != ""
	if err := n.lookAtUser(ctx, user, &facts); err != nil {
		return facts, err
	}
	if err := n.lookAtConfig(ctx, &facts); err != nil {
		return facts, err
	}
	return facts, n.lookAtRights(ctx, &facts)
}

// lookAtUser reads what the server knows of a user.
func (n *node) lookAtUser(ctx context.Context, user string, facts *redispassword.Facts) error {
	reply, err := n.conn(ctx).Do(ctx, "acl", "getuser", user).Result()
	switch {
	case errors.Is(err, driver.Nil):
		facts.HasACL = true
		return nil
	case err != nil && isUnknownCommand(err):
		return nil
	case errors.Is(redis.ExplainError(err), redis.ErrRights):
		facts.HasACL = true
		facts.Missing = append(facts.Missing, redispassword.RightGetUser)
		return nil
	case err != nil:
		return fmt.Errorf("asking for the user: %w", n.explain(err))
	}
	facts.HasACL, facts.User.Exists = true, true
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		switch name, _ := list[i].(string); name {
		case "flags":
			flags := readTexts(list[i+1])
			facts.User.On, facts.User.NoPassword = slices.Contains(flags, "on"), slices.Contains(flags, "nopass")
		case "passwords":
			for _, digest := range readTexts(list[i+1]) {
				facts.User.Digests = append(facts.User.Digests, redispassword.Digest(digest))
			}
		}
	}
	return nil
}

func readTexts(reply any) (texts []string) {
	list, _ := reply.([]any)
	for _, one := range list {
		if text, ok := one.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// lookAtConfig reads what decides how a change survives a restart, and what replicas log in with.
func (n *node) lookAtConfig(ctx context.Context, facts *redispassword.Facts) error {
	values := map[string]string{}
	for _, name := range []string{"aclfile", "requirepass", "masteruser", "masterauth"} {
		reply, err := n.conn(ctx).ConfigGet(ctx, name).Result()
		if errors.Is(redis.ExplainError(err), redis.ErrRights) || err != nil && isUnknownCommand(err) {
			facts.Missing = append(facts.Missing, redispassword.RightConfigGet)
			return nil
		}
		if err != nil {
			return fmt.Errorf("asking for %s: %w", name, n.explain(err))
		}
		values[name] = reply[name]
	}
	facts.HasACLFile = values["aclfile"] != ""
	facts.RequirePass, facts.MasterAuth = secret.NewValue(values["requirepass"]), secret.NewValue(values["masterauth"])
	facts.MasterUser = cmp.Or(values["masteruser"], redispassword.DefaultUser)
	return nil
}

// tried are the commands whose rights are asked for, with arguments that change nothing if they were carried
// out by mistake.
var tried = []struct {
	right redispassword.Right
	args  []any
}{
	{redispassword.RightSetUser, []any{"acl", "setuser", "ocmt probe"}},
	{redispassword.RightACLSave, []any{"acl", "save"}},
	{redispassword.RightConfigSet, []any{"config", "set", "ocmt-probe", "1"}},
	{redispassword.RightRewrite, []any{"config", "rewrite"}},
	{redispassword.RightClients, []any{"client", "list"}},
	{redispassword.RightClientID, []any{"client", "id"}},
	{redispassword.RightTime, []any{"time"}},
}

// lookAtRights puts each command into a transaction and discards it: the server says at once whether the user
// may. Every version of Redis does so. The connection is used for nothing else, because a transaction that may
// not be discarded ends with it.
func (n *node) lookAtRights(ctx context.Context, facts *redispassword.Facts) error {
	client := newClient(n.of, n.place.Address, n.of.Username, n.password(ctx))
	defer func() { _ = client.Close() }()
	conn := client.Conn()
	defer func() { _ = conn.Close() }()
	if err := conn.Do(ctx, "multi").Err(); err != nil {
		if errors.Is(redis.ExplainError(err), redis.ErrRights) {
			facts.Missing = append(facts.Missing, redispassword.RightMulti, redispassword.RightDiscard)
			return nil
		}
		return redis.ExplainError(err)
	}
	for _, one := range tried {
		answer, err := conn.Do(ctx, one.args...).Text()
		switch {
		case err == nil && answer == "QUEUED":
		case errors.Is(redis.ExplainError(err), redis.ErrRights), err != nil && isUnknownCommand(err):
			facts.Missing = append(facts.Missing, one.right)
		case err != nil:
			return fmt.Errorf("asking for the right %s: %w", one.right, redis.ExplainError(err))
		}
	}
	err := conn.Do(ctx, "discard").Err()
	if errors.Is(redis.ExplainError(err), redis.ErrRights) {
		facts.Missing = append(facts.Missing, redispassword.RightDiscard)
		return nil
	}
	return redis.ExplainError(err)
}

// isUnknownCommand reports whether the server says that it has no such command or subcommand.
func isUnknownCommand(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "unknown command") || strings.Contains(text, "unknown subcommand")
}
