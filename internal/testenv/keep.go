package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotKept says that a folder is not one that Keep has made.
var ErrNotKept = errors.New("it is no folder of servers that were kept")

// Server is a running server of this package.
type Server interface {
	// keeping returns the pipe that keeps the server up, and the folder of the server.
	keeping() (alive *os.File, folder string)
}

func (g *guard) keeping() (alive *os.File, folder string) { return g.alive, g.folder }

const (
	keptPattern = "ocmt-kept-*"
	keptFile    = "environment"
	keptMark    = "# Servers that were kept. They end when this file is removed.\n"
	keptServer  = "# data: "
)

// KeptFiles is the folder below that of Keep for files of who keeps the servers. It belongs to this account, as that of
// Keep need not, and goes with it.
const KeptFiles = "deployment"

// keepScript holds the pipes of the servers, which it has inherited, as long as the file is there.
// It looks once a second, because a shell has no other way to wait for that.
const keepScript = `
if read -r word && [ "$word" = keep ]; then
	while [ -e "$folder/$2" ]; do sleep 1; done
fi
rm -rf "$folder"`

// Keep lets servers run on when this process ends. It returns the path of a new file of mode 0600,
// which contains the text and comments. The servers end, and their folders go, when EndKept is
// called with the folder of the file, or when the file is removed. After Keep, Stop must not be
// called for the servers.
func Keep(text string, servers ...Server) (file string, err error) {
	var pipes []*os.File
	content := keptMark
	for _, server := range servers {
		alive, folder := server.keeping()
		pipes = append(pipes, alive)
		content += keptServer + folder + "\n"
	}
	keeper, err := startGuard("/tmp", "kept", keepScript, keptFile, pipes...)
	if err != nil {
		return "", err
	}
	file = filepath.Join(keeper.folder, keptFile)
	err = os.WriteFile(file, []byte(content+text), 0o600)
	if err == nil {
		err = os.Mkdir(filepath.Join(keeper.folder, KeptFiles), 0o700)
	}
	if err == nil {
		_, err = io.WriteString(keeper.alive, "keep\n")
	}
	if err != nil {
		keeper.Stop()
		return "", fmt.Errorf("keeping the servers: %w", err)
	}
	return file, nil
}

// EndKept ends the servers of a folder that Keep has made, and returns when their folders and this
// one are gone. Where the machine was started again meanwhile, it removes what is left of the
// folder. For another folder, the error is ErrNotKept, and nothing is touched. What others have put into the folder stays,
// and the error names it.
func EndKept(ctx context.Context, folder string) error {
	folders, err := keptFolders(folder)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(folder, KeptFiles)); err != nil { // the account that ends the servers may not
		return fmt.Errorf("removing the files beside the servers: %w", err)
	}
	if err := os.Remove(filepath.Join(folder, keptFile)); err != nil {
		return fmt.Errorf("ending the servers: %w", err)
	}
	err = poll(ctx, func(context.Context) error {
		for _, of := range folders {
			if _, err := os.Lstat(of); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s is still there", of)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the servers to end: %w", err)
	}
	return removeEmpty(folder)
}

// removeEmpty removes a folder, and names what is in it where that cannot be done.
func removeEmpty(folder string) error {
	err := os.Remove(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var names []string
	if entries, err := os.ReadDir(folder); err == nil {
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
	}
	return fmt.Errorf("the servers have ended, and %s stays with what others have put there (%s): %w", folder, strings.Join(names, ", "), err)
}

// keptFolders returns the folders of the servers that are kept by a folder.
func keptFolders(folder string) ([]string, error) {
	path := filepath.Join(folder, keptFile)
	if info, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, ErrNotKept
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading which servers are kept: %w", err)
	}
	named, err := filepath.Match(keptPattern, filepath.Base(folder))
	if err != nil || !named || !strings.HasPrefix(string(text), keptMark) {
		return nil, ErrNotKept
	}
	var folders []string
	for line := range strings.Lines(string(text)) {
		if of, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), keptServer); ok {
			folders = append(folders, of)
		}
	}
	return folders, nil
}
