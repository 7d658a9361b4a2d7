package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// childScript runs the server $2 with the file config, once a line on its input says that the
// file is written. The server is a child of the guard, so that the guard knows its pid from the
// first moment, without a pid file. The file ended says that the server has ended. The guard
// then does not kill its pid, which another process may have by then.
const childScript = `
exec 3<&0
if read -r go <&3; then
	"$2" "$folder/config" </dev/null 3<&- >"$folder/log" 2>&1 &
	server=$!
	( cat <&3 >/dev/null; [ -e "$folder/ended" ] || kill -9 "$server" ) &
	wait "$server"
	: >"$folder/ended"
	wait
fi
rm -rf "$folder"`

// errEnded says that the server ended before it answered.
var errEnded = errors.New("the server ended at once")

// child is a server that stays in the foreground.
type child struct {
	name, program string
	// files returns the files that are written into its folder before it starts, by their
	// name. The server reads the one named config.
	files func(folder string) map[string]string
	// answers returns nil once the server answers.
	answers func(ctx context.Context, folder string) error
}

// start starts the server under a guard and waits until it answers.
func (c child) start(ctx context.Context) (*guard, error) {
	g, err := startGuard(baseFolder(false), c.name, childScript, c.program)
	if err != nil {
		return nil, err
	}
	for name, content := range c.files(g.folder) {
		err = errors.Join(err, g.account.write(filepath.Join(g.folder, name), content))
	}
	if err == nil {
		_, err = io.WriteString(g.alive, "go\n")
	}
	if err == nil {
		err = g.awaitChild(ctx, c.answers)
	}
	if err != nil {
		g.Stop()
		return nil, err
	}
	return g, nil
}

func (g *guard) awaitChild(ctx context.Context, answers func(ctx context.Context, folder string) error) error {
	err := poll(ctx, func(ctx context.Context) error {
		err := answers(ctx, g.folder)
		if err == nil {
			return nil
		}
		if _, missing := os.Stat(filepath.Join(g.folder, "ended")); !errors.Is(missing, fs.ErrNotExist) {
			return final{fmt.Errorf("%w: %w", errEnded, err)}
		}
		return err
	})
	if err == nil {
		return nil
	}
	log, _ := os.ReadFile(filepath.Join(g.folder, "log"))
	return fmt.Errorf("waiting for an answer: %w\n%s", err, lastLines(log))
}
