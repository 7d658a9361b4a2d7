package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"
)

// The reasons why Redis does not answer as it should.
var (
	ErrRefused = errors.New("the password or the user is refused")
	ErrRights  = errors.New("the user may not do this")
	ErrGone    = errors.New("there is no answer")
	ErrFull    = errors.New("it takes no write")
)

// ExplainError says what an answer of the driver means. What the server says is kept, because it
// names no value.
func ExplainError(err error) error {
	var broken net.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrReplica), errors.Is(err, ErrRefused), errors.Is(err, ErrRights), errors.Is(err, ErrGone), errors.Is(err, ErrFull):
		return err
	case driver.IsAuthError(err), startsWith(err, "WRONGPASS", "NOAUTH"):
		return ErrRefused
	case driver.IsPermissionError(err), startsWith(err, "NOPERM"):
		return fmt.Errorf("%w (it says: %s)", ErrRights, err.Error())
	case startsWith(err, "READONLY", "OOM", "MISCONF", "NOREPLICAS"):
		return fmt.Errorf("%w (it says: %s)", ErrFull, err.Error())
	case errors.As(err, &broken), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

func startsWith(err error, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(err.Error(), word) })
}

// field returns a field of the answer to INFO.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
