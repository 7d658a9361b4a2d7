package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator reads "nothing was changed" while a change of the password of Redis is half done,
// and does not learn how to go on.
func TestRedisPasswordHalfwayIsSaid(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{
		"Redis is gone":            &redispassword.StepError{Where: "redis:6379", Doing: "adding the password", Cause: redis.ErrGone},
		"a database is gone":       &redispassword.StepError{Where: "redis:6379", Doing: "adding the password", Cause: &postgres.ConnectError{Cause: errors.New("refused")}},
		"the store was changed":    fmt.Errorf("putting the password into REDIS_URL: %w", secretstore.Changed("env file", "REDIS_URL")),
		"the store was half done":  &secretstore.PartialError{Done: []string{"REDIS_URL"}, Err: secretstore.ErrReadOnly},
		"the store cannot be read": &secretstore.PlaceError{Place: "env file", Err: secretstore.ErrForeign, Fix: "look at it"},
	} {
		var explained *ui.Error
		if !errors.As(explain(&redispassword.HalfwayError{Cause: cause}), &explained) {
			t.Fatalf("%s: it is not explained", name)
		}
		said := explained.Message + strings.Join(explained.Hints, "; ")
		if explained.Code != ui.ExitPartial || !strings.HasPrefix(explained.Message, "the change of the password is half done: ") ||
			!strings.Contains(said, redisChangeGoesOn) || !strings.Contains(said, redisChangeBack) {
			t.Errorf("%s: exit code %d: %s", name, explained.Code, said)
		}
	}
}

// If this fails, an operator reads that Redis takes both passwords where it takes one, and leaves the servers as
// they are.
func TestRedisPasswordHalfDone(t *testing.T) {
	t.Parallel()
	for mode, want := range map[redispassword.Mode]string{redispassword.Overlap: "takes both passwords", redispassword.Replace: "the password of REDIS_URL alone"} {
		change := &redisPasswordChange{plan: &redispassword.Plan{Mode: mode}}
		if said := change.halfDone(); !strings.Contains(said, want) {
			t.Errorf("%s: %s", mode, said)
		}
	}
}
