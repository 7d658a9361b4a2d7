package cli

import (
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/ui"
)

// redisError explains an answer of Redis, nil where it is none.
func redisError(err error) *ui.Error {
	hints := redisHints(err)
	if len(hints) == 0 {
		return nil
	}
	explained := &ui.Error{Message: "Redis: " + err.Error(), Code: ui.ExitFailed, Hints: hints}
	var failure *redis.Failure
	if errors.As(err, &failure) {
		explained.Message = "Redis: " + strings.Replace(err.Error(), failure.Error(), failure.Reason.Error(), 1)
		explained.Why = failure.Detail
	}
	return explained
}

// redisAdvice says what to do for each reason why Redis does not do what it should.
var redisAdvice = []struct {
	reason error
	hint   string
}{
	{redis.ErrReplica, "point REDIS_URL at the primary"},
	{redis.ErrRefused, "check user and password in REDIS_URL"},
	{redis.ErrRights, "give the user of Redis the rights that docs/session-invalidate.md lists"},
	{redis.ErrTLS, "begin REDIS_URL with rediss:// where Redis speaks TLS and with redis:// where it does not; OCMT_REDIS_CA names the file of the authority that has signed its certificate"},
	{redis.ErrGone, "check REDIS_URL and that Redis is up"},
	{redis.ErrLoading, "wait until it is ready (INFO persistence), then run the same command again"},
	{redis.ErrFull, "point REDIS_URL at the primary, or see in its log why it takes no write"},
}

// redisHints say what to do where Redis does not do what it should.
func redisHints(err error) []string {
	var behind *redis.ReplicaError
	if errors.As(err, &behind) {
		return []string{"see in INFO replication why they are behind: a failover to one of them now would open what was ended"}
	}
	for _, one := range redisAdvice {
		if errors.Is(err, one.reason) {
			return []string{one.hint}
		}
	}
	return nil
}
