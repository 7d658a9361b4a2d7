package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ocmt/ocmt/internal/config"
)

// inputTimeout is how long a file that an operator names may take to read. A query that writes the names of
// users into a pipe may take a while; what nobody writes to must not hold a command for ever.
const inputTimeout = time.Minute

// errLargeInput says that a file is larger than anything that it is read for.
var errLargeInput = errors.New("it is larger than such a file can be; is it the right file?")

// tellWaiting says that a file has given nothing yet, in the line of the command that is at work where there is one.
func (a *App) tellWaiting(path string) {
	text := "waiting for " + shownName(path) + ": nothing has come from it yet"
	if a.activity != nil {
		a.activity.Waiting(text, "")
		return
	}
	a.printer.Note("%s", text)
}

// readInput reads a file of at most so many bytes, or standard input for "-". It ends when the operator asks
// for that, and after inputTimeout. Its errors repeat nothing of the file.
func (a *App) readInput(name string, most int64) ([]byte, error) {
	ctx, cancel := a.stop.Context(context.Background())
	defer cancel()
	var text []byte
	var failed error
	err := config.Await(ctx, inputTimeout, func() { text, failed = a.readBounded(name, most) }, func() { a.tellWaiting(name) })
	if a.activity != nil {
		a.activity.Waiting("", "")
	}
	if err != nil {
		return nil, err
	}
	return text, failed
}

// readBounded reads a file of at most so many bytes, or standard input for "-".
func (a *App) readBounded(name string, most int64) ([]byte, error) {
	input := a.deps.Streams.In
	if name != "-" {
		file, err := os.Open(a.path(name))
		if err != nil {
			return nil, fmt.Errorf("opening it: %w", withoutPath(err))
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	text, err := io.ReadAll(io.LimitReader(input, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", withoutPath(err))
	}
	if int64(len(text)) > most {
		return nil, errLargeInput
	}
	return text, nil
}
