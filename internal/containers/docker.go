package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/ocmt"
)

const (
	// dockerTimeout bounds one request.
	dockerTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 16 << 20
)

// summary is what GET /containers/json says of a container (Docker Engine API).
type summary struct{ ID string }

// details is what GET /containers/{id}/json says of a container.
type details struct {
	Name   string
	Config struct{ Env []string }
}

// errGone says that a container has ended meanwhile.
var errGone = errors.New("the container is not there any more")

// Running implements audit.ContainerSource.
func (s *Source) Running(ctx context.Context) (list audit.RunningList, _ error) {
	if s.options.Socket == "" {
		return audit.RunningList{Absent: "running containers were not asked for"}, nil
	}
	dial := netconn.Quiet(new(net.Dialer).DialContext)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, "unix", s.options.Socket) }}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: dockerTimeout}
	var running []summary
	if err := askDocker(ctx, client, "/containers/json", &running); err != nil {
		return s.dockerGap(ctx, err)
	}
	for _, one := range running {
		var container details
		err := askDocker(ctx, client, "/containers/"+url.PathEscape(one.ID)+"/json", &container)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return s.dockerGap(ctx, err)
		}
		list.Containers = append(list.Containers, audit.RunningContainer{Name: strings.TrimPrefix(container.Name, "/"), Settings: s.secretsIn(container.Config.Env)})
	}
	return list, nil
}

// secretsIn returns the names of the settings of an environment that are secrets.
func (s *Source) secretsIn(environment []string) (names []string) {
	for _, line := range environment {
		name, value, _ := strings.Cut(line, "=")
		if ocmt.IsSecretName(name) && isSecretText(value) || len(s.find(value)) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// askDocker asks Docker, and reads the answer into a value. It asks with GET only.
func askDocker(ctx context.Context, client *http.Client, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking Docker: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // the answer is only read
	switch {
	case answer.StatusCode == http.StatusNotFound && strings.Count(path, "/") > 2:
		return errGone
	case answer.StatusCode != http.StatusOK:
		return &statusError{answer.StatusCode}
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return errAnswer
	}
	return nil
}

// errAnswer says that an answer is not that of Docker. It repeats nothing of it.
var errAnswer = errors.New("the answer is not that of Docker")

// statusError is the status of an answer that is none.
type statusError struct{ code int }

// Error names the status.
func (e *statusError) Error() string { return fmt.Sprintf("Docker answers with status %d", e.code) }

// dockerGap says why Docker could not be asked. The error is that of the context.
func (s *Source) dockerGap(ctx context.Context, err error) (audit.RunningList, error) {
	if ctx.Err() != nil {
		return audit.RunningList{}, context.Cause(ctx)
	}
	gap := audit.Gap{What: "running containers, by " + s.options.Socket, Reason: "Docker does not answer"}
	var status *statusError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		gap.Reason = "there is no such socket"
	case errors.Is(err, fs.ErrPermission):
		gap.Reason, gap.Missing, gap.Grant = "this account may not use it", "the group docker", "run ocmt audit as an account of the group docker"
	case errors.Is(err, syscall.ECONNREFUSED):
		gap.Reason = "nothing listens there"
	case errors.As(err, &status):
		gap.Reason = status.Error()
	case errors.Is(err, errAnswer):
		gap.Reason = errAnswer.Error()
	}
	return audit.RunningList{Gaps: []audit.Gap{gap}}, nil
}
