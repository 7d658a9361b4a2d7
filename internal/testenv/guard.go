package testenv

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// guard is a shell that outlives this process. Its input ends when this process ends, even by
// SIGKILL. The shell then ends the server and removes the server's folder.
type guard struct {
	folder  string
	account *account
	shell   *exec.Cmd
	alive   *os.File // the writing end of the pipe that is the input of the shell
	stop    sync.Once
}

// folderScript comes before each script. The guard makes the folder, and not this process, so
// that there is no folder without a guard. It writes the name of the folder even where nothing
// reads its output any longer.
const folderScript = `
trap '' PIPE
folder=$(mktemp -d "$1" 2>&1) || { echo "$folder"; exit 1; }
echo "$folder"
exec >/dev/null 2>&1
`

// startGuard runs the script, which has its folder in $folder and the argument in $2. The script
// inherits the files, and holds them open until it ends.
func startGuard(base, name, script, argument string, files ...*os.File) (*guard, error) {
	owner, err := findAccount()
	if err != nil {
		return nil, err
	}
	g := &guard{account: owner}
	pattern := filepath.Join(base, "ocmt-"+name+"-XXXXXXXXXX")
	g.shell = exec.Command("/bin/sh", "-c", folderScript+script, "sh", pattern, argument) // no context: the guard must outlive every context
	g.shell.ExtraFiles = files
	owner.apply(g.shell, "/")
	if err := g.begin(); err != nil {
		return nil, fmt.Errorf("guarding a server: %w", err)
	}
	return g, nil
}

// begin starts the shell and reads the name of the folder.
func (g *guard) begin() error {
	output, err := g.shell.StdoutPipe()
	if err != nil {
		return err
	}
	input, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = input.Close() }()
	g.shell.Stdin, g.alive = input, alive
	if err := g.shell.Start(); err != nil {
		return errors.Join(err, alive.Close())
	}
	said, err := bufio.NewReader(output).ReadString('\n')
	g.folder = strings.TrimSpace(said)
	if err != nil || !filepath.IsAbs(g.folder) {
		g.Stop()
		return fmt.Errorf("%w: %s", errNoFolder, said)
	}
	return nil
}

var errNoFolder = errors.New("mktemp could make no folder; look whether it is installed, and whether /tmp and /dev/shm can be written and are not full")

// Stop ends the server and removes its folder. It may be called several times.
func (g *guard) Stop() {
	g.stop.Do(func() {
		_ = g.alive.Close()
		_ = g.shell.Wait()
	})
}

// baseFolder returns a folder with a short path, because the path of a socket has at most some
// 100 bytes.
func baseFolder(durable bool) string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && !durable {
		return "/dev/shm"
	}
	return "/tmp"
}
