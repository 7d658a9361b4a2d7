package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// safeSettings win over those of the repository that would run a program, ask a server or look
// at files elsewhere.
var safeSettings = []string{
	"core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.attributesFile=", "core.untrackedCache=false",
	"core.useReplaceRefs=false", "diff.external=", "diff.orderFile=/dev/null", "log.showSignature=false", "log.showRoot=true",
	"log.mailmap=false", "protocol.allow=never", "submodule.recurse=false", "gc.auto=0", "maintenance.auto=false",
}

// smallMemory bounds what git maps and keeps of packs. Without it, git maps whole packs. A blob of more
// than the threshold is passed on in pieces, unless it is a delta.
var smallMemory = []string{
	"core.packedGitWindowSize=1m", "core.packedGitLimit=8m", "core.deltaBaseCacheLimit=8m", "core.bigFileThreshold=1m",
}

// maxStderr bounds how much is kept of what git writes to standard error, in bytes.
const maxStderr = 4 << 10

// stopDelay is how long a git that was told to end may take to do so.
const stopDelay = 5 * time.Second

// command returns a git command in a folder, with a small environment that has none of the caller's
// GIT_ variables.
func (r *Repository) command(ctx context.Context, dir string, settings []string, args ...string) *exec.Cmd {
	all := []string{"--no-pager", "-C", dir}
	for _, setting := range slices.Concat(safeSettings, settings) {
		all = append(all, "-c", setting)
	}
	cmd := exec.CommandContext(ctx, r.program, append(all, args...)...)
	cmd.Env = r.environment
	cmd.WaitDelay = stopDelay
	killWithChildren(cmd)
	return cmd
}

// cleanEnvironment returns the environment of git. PATH lets git find its own programs, and HOME the
// folders that the user has declared safe.
func cleanEnvironment(getenv func(string) string) []string {
	env := []string{"LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_TERMINAL_PROMPT=0"}
	for _, name := range []string{"PATH", "HOME"} {
		if value := getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// output runs git and returns what it printed. It is for short answers, and bounded by the limit for
// questions.
func (r *Repository) output(ctx context.Context, dir string, input io.Reader, settings []string, args ...string) ([]byte, error) {
	ctx, cancel := bound(ctx, r.limits.Question, defaultQuestion)
	defer cancel()
	var answer bytes.Buffer
	_, err := r.stream(ctx, dir, input, settings, func(out io.Reader) error {
		_, err := answer.ReadFrom(out)
		return err
	}, args...)
	return answer.Bytes(), err
}

// stream runs git and hands what it prints to a function. It returns what git complained about
// although it succeeded. A failure of git comes before that of the function, which is most often
// its consequence. The context has the limit; at its end git and its children are killed, and the error is
// ErrSlow.
func (r *Repository) stream(ctx context.Context, dir string, input io.Reader, settings []string, read func(io.Reader) error,
	args ...string) (complaint string, err error) {
	limited := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := r.command(ctx, dir, settings, args...)
	stderr := &limitedBuffer{}
	cmd.Stdin, cmd.Stderr = input, stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("running git: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("running git: %w", err)
	}
	readErr := read(out)
	if readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF) { // at a sudden end, git ends by itself
		cancel()
	}
	waitErr := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case waitErr != nil && errors.Is(context.Cause(limited), ErrSlow):
		return "", fmt.Errorf("running git %s: %w", args[0], ErrSlow)
	case readErr != nil && errors.As(waitErr, &exit) && !exit.Exited(): // it was ended
		return "", readErr
	case waitErr != nil:
		return "", r.explain(args[0], stderr.Bytes(), waitErr)
	}
	return r.complaint(stderr.Bytes()), readErr
}

// promisorWarning is what git cat-file says of every partial clone. Which objects are missing is
// counted by findGaps.
const promisorWarning = "warning: This repository uses promisor remotes. Some objects may not be loaded."

// complaint returns what git wrote to standard error, "" for nothing.
func (r *Repository) complaint(stderr []byte) string {
	stderr = bytes.TrimSpace(bytes.ReplaceAll(stderr, []byte(promisorWarning), nil))
	if len(stderr) == 0 {
		return ""
	}
	if message := r.safeMessage(stderr); message != "" {
		return message
	}
	return "git reported a problem"
}

// explain makes an error of what a failed git wrote.
func (r *Repository) explain(command string, stderr []byte, err error) error {
	text := string(stderr)
	switch {
	case strings.Contains(text, "dubious ownership"):
		return ErrForeignOwned
	case strings.Contains(text, "not a git repository"):
		return ErrNotRepository
	}
	return &gitError{command: command, message: r.safeMessage(stderr), err: err}
}

// limitedBuffer keeps the beginning of what is written.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	_, _ = b.Buffer.Write(p[:min(len(p), maxStderr-min(b.Len(), maxStderr))])
	return len(p), nil
}
