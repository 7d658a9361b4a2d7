package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, a change that is half done is shown as a failure of the network, or as one that has changed nothing.
func TestHalfwayComesFirst(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{
		"connection": &postgres.ConnectError{Host: "db", Port: 5432, Database: "ocmt", Cause: io.ErrUnexpectedEOF},
		"store":      secretstore.Changed("the store", "DATABASE_URL"),
	} {
		for _, one := range []struct {
			err  error
			code ui.ExitCode
			want string
		}{
			{&databasepassword.HalfwayError{Cause: cause}, ui.ExitPartial, "the change is half done"},
			{&databasepassword.HalfwayError{Cause: io.EOF, Back: cause}, ui.ExitPartial, "it could not be taken back"},
			{&databasepassword.PutBackError{Cause: cause}, ui.ExitFailed, "the old password is back and works"},
			{&databasepassword.HalfwayError{Cause: ui.ErrInterrupted}, ui.ExitInterrupted, "half done"},
		} {
			var explained *ui.Error
			if !errors.As(explain(fmt.Errorf("rotating: %w", one.err)), &explained) || explained.Code != one.code || !strings.Contains(explained.Message, one.want) {
				t.Errorf("%s in %T: %+v", name, one.err, explained)
			}
		}
		var explained *ui.Error
		step := &redispassword.StepError{Where: "a node", Doing: "adding the password", Cause: cause}
		if !errors.As(explain(step), &explained) || !strings.Contains(explained.Message, "a node: adding the password") {
			t.Errorf("%s in a step of Redis: %+v", name, explained)
		}
	}
}
