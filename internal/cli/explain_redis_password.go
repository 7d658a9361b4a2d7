package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redisacl"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
)

// The hints of a change of the password of Redis.
const (
	redisChangeGoesOn = "ocmt rotate redis-password goes on from there"
	redisChangeBack   = "ocmt rotate redis-password --back takes it back"
)

// explainRedisPassword explains why the password of Redis was not changed, or not to the end.
func explainRedisPassword(err error) *ui.Error {
	var refused *redispassword.RefusedError
	var step *redispassword.StepError
	var left *redispassword.LeftError
	var find *redispassword.FindError
	var missing *redispassword.MissingError
	if explained := explainRedisHalfway(err); explained != nil {
		return explained
	}
	switch {
	case errors.As(err, &refused):
		explained := &ui.Error{Message: "refusing to go on with the password of Redis; nothing was changed", Code: ui.ExitRefused}
		for _, obstacle := range refused.Obstacles {
			explained.Hints = append(explained.Hints, ui.Clean(obstacle.String()))
		}
		return explained
	case errors.As(err, &left):
		return explainOldConnections(left)
	case errors.As(err, &step):
		return &ui.Error{Message: ui.Clean(step.Error()), Code: ui.ExitFailed, Hints: []string{"nothing was changed: mend what is said, then run this again"}}
	case errors.As(err, &find):
		return explainFind(find)
	case errors.As(err, &missing):
		return &ui.Error{Message: missing.Error(), Code: ui.ExitUsage, Hints: []string{"name the store that the servers read with --store"}}
	case errors.Is(err, redispassword.ErrOvertaken):
		return &ui.Error{Message: redispassword.ErrOvertaken.Error() + "; it was left so", Code: ui.ExitRefused, Hints: []string{"ocmt rotate redis-password looks at it anew"}}
	case errors.Is(err, redispassword.ErrIdle):
		return &ui.Error{Message: redispassword.ErrIdle.Error(), Code: ui.ExitUsage, Hints: []string{"ocmt rotate redis-password begins one"}}
	case errors.Is(err, redispassword.ErrUnderWay):
		return &ui.Error{Message: redispassword.ErrUnderWay.Error(), Code: ui.ExitUsage, Hints: []string{"ocmt rotate redis-password --dry-run says how far it is", redisChangeGoesOn}}
	case errors.Is(err, redispassword.ErrBack):
		return &ui.Error{Message: redispassword.ErrBack.Error(), Code: ui.ExitUsage, Hints: []string{"restart the servers, then ocmt rotate redis-password --restarted ends it"}}
	case errors.Is(err, redispassword.ErrContradiction):
		return &ui.Error{Message: redispassword.ErrContradiction.Error(), Code: ui.ExitRefused,
			Hints: []string{"see which of the three passwords the servers log in with, and leave that one in " + redispassword.NameAddress,
				"take the other two away at each server of Redis, with ACL SETUSER and ! before the SHA-256 of the password, and save it (ACL SAVE or CONFIG REWRITE): until then Redis takes them too",
				"then take " + redispassword.NamePending + ", " + redispassword.NamePrevious + " and " + redispassword.NameSince + " out of the store"}}
	case errors.Is(err, redispassword.ErrAddress), errors.Is(err, redispassword.ErrSeveral), errors.Is(err, redispassword.ErrNoPassword):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"in it, @ : / ? # and % of a password are written as %40 %3A %2F %3F %23 and %25"}}
	}
	return nil
}

// explainRedisHalfway says that a change was not brought further, and how to go on, whatever kept it.
func explainRedisHalfway(err error) *ui.Error {
	var halfway *redispassword.HalfwayError
	if !errors.As(err, &halfway) {
		return nil
	}
	explained := &ui.Error{Message: "the change of the password is half done: " + ui.Clean(halfway.Error()), Code: ui.ExitPartial}
	var place *secretstore.PlaceError
	if errors.As(err, &place) && place.Fix != "" {
		explained.Hints = append(explained.Hints, place.Fix)
	}
	if errors.Is(err, redispassword.ErrUnwritable) {
		explained.Hints = append(explained.Hints, "let the account that Redis runs as write its file, or add --allow-unsaved, to --back too: then change what starts Redis by hand")
	}
	explained.Hints = append(explained.Hints, "the store has every password that a server may want: mend what is said, then "+redisChangeGoesOn, redisChangeBack)
	return explained
}

// explainOldConnections names who is connected from before the change.
func explainOldConnections(left *redispassword.LeftError) *ui.Error {
	explained := &ui.Error{Message: left.Error() + ", so the old password was not taken away", Code: ui.ExitPartial}
	for _, client := range left.Clients {
		name := ""
		if client.Name != "" {
			name = " (" + client.Name + ")"
		}
		explained.Hints = append(explained.Hints, ui.Clean(fmt.Sprintf("%s: %s from %s%s, the oldest since %s", client.Node, ui.Count(int64(client.Count), "connection", "connections"),
			client.From, name, time.Duration(client.Seconds)*time.Second)))
	}
	explained.Hints = append(explained.Hints, "restart what is there, then ocmt rotate redis-password --restarted",
		"--allow-old-connections takes it away all the same: these connections stay open, and are refused when they are made again")
	return explained
}

// explainFind says why the servers of Redis are not known.
func explainFind(find *redispassword.FindError) *ui.Error {
	explained := &ui.Error{Message: ui.Clean(find.Error()), Code: ui.ExitFailed}
	switch {
	case errors.Is(find, redisacl.ErrNoSentinel):
		explained.Hints = []string{"check the hosts, master_name and sentinel_password in REDIS_URL"}
	case errors.Is(find, redis.ErrRights):
		explained.Hints = []string{"give the user of Redis the rights that docs/redis-password.md lists"}
	default:
		explained.Hints = redisHints(find)
	}
	return explained
}
