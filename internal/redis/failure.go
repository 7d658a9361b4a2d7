package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/netconn"
)

// The reasons why Redis does not answer as it should.
var (
	ErrRefused = errors.New("the password or the user is refused")
	ErrRights  = errors.New("the user may not do this")
	ErrGone    = errors.New("there is no answer")
	ErrFull    = errors.New("it takes no write")
	ErrTLS     = errors.New("there is no connection with TLS")
	ErrLoading = errors.New("it is not ready yet")
)

// Failure says why Redis does not answer as it should: it is one of the reasons above, with what the
// server or the network says to it.
type Failure struct {
	Reason error  // one of the reasons above
	Detail string // what adds to it; "" for nothing
	cause  error
}

// Error names the reason and what adds to it.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return f.Reason.Error()
	}
	return f.Reason.Error() + ": " + f.Detail
}

// Unwrap returns the reason and the error of the driver.
func (f *Failure) Unwrap() []error { return []error{f.Reason, f.cause} }

// ExplainError says what an answer of the driver means. What the server says is kept, because it
// names no value.
func ExplainError(err error) error {
	var known *Failure
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrReplica), errors.As(err, &known):
		return err
	case startsWith(err, "NOAUTH"):
		return &Failure{ErrRefused, "it wants a password, and REDIS_URL has none", err}
	case driver.IsAuthError(err), startsWith(err, "WRONGPASS"):
		return &Failure{ErrRefused, "", err}
	case driver.IsPermissionError(err), startsWith(err, "NOPERM"):
		return &Failure{ErrRights, "it says: " + err.Error(), err}
	case startsWith(err, "READONLY"):
		return &Failure{ErrFull, "it is a replica (it says: " + err.Error() + ")", err}
	case startsWith(err, "OOM", "MISCONF", "NOREPLICAS"):
		return &Failure{ErrFull, "it says: " + err.Error(), err}
	case startsWith(err, "LOADING"):
		return &Failure{ErrLoading, "it is loading its data from disk", err}
	case startsWith(err, "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"):
		return &Failure{ErrLoading, "it says: " + err.Error(), err}
	}
	return explainNetwork(err)
}

// explainNetwork says what kept an answer from coming; an error of another kind stays as it is.
func explainNetwork(err error) error {
	failure := netconn.FailureOf(err)
	detail := failure.String()
	if failure == netconn.NoAnswer {
		detail = fmt.Sprintf("waited %g s", timeout.Seconds())
	}
	var dialled *net.OpError
	if errors.As(err, &dialled) && dialled.Addr != nil {
		detail += " (" + dialled.Addr.String() + ")"
	}
	var broken net.Error
	switch {
	case failure.IsTLS():
		return &Failure{ErrTLS, detail, err}
	case failure != netconn.OtherFailure, errors.As(err, &broken):
		return &Failure{ErrGone, detail, err}
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
