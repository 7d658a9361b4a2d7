package redisaudit

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// Folder implements audit.RedisServer.
func (s *server) Folder(ctx context.Context) (folder audit.RedisFolder, err error) {
	what := "the folder that " + s.place.Address + " writes to"
	if s.place.Reach == audit.RedisNetwork && !isOwnAddress(s.place.Address) {
		return folder, &audit.GapError{Gap: audit.Gap{What: what, Reason: "the server is not on this machine: run the audit there"}}
	}
	if folder.Path, err = s.Parameter(ctx, "dir"); err != nil {
		return folder, err
	}
	save, err := s.Parameter(ctx, "save")
	if err != nil {
		return folder, err
	}
	persistence, err := s.Info(ctx, "persistence")
	if err != nil {
		return folder, err
	}
	folder.Writes = save != "" || persistence["aof_enabled"] == "1"
	info, err := s.Info(ctx, "server")
	if err != nil {
		return folder, err
	}
	if reason := s.isElsewhere(info["process_id"]); reason != "" {
		return folder, &audit.GapError{Gap: audit.Gap{What: what, Reason: reason}}
	}
	names := []string{""}
	for _, parameter := range []string{"dbfilename", "appenddirname"} {
		if name, err := s.Parameter(ctx, parameter); err == nil && name != "" {
			names = append(names, name)
		}
	}
	folder.Open, err = findOpen(folder.Path, names)
	if err != nil {
		return folder, &audit.GapError{Gap: audit.Gap{What: what, Reason: err.Error()}}
	}
	return folder, ctx.Err()
}

// isOwnAddress reports whether an address is one of this machine's own in a network.
func isOwnAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(own, func(one net.Addr) bool {
		network, is := one.(*net.IPNet)
		return is && network.IP.Equal(net.ParseIP(host))
	})
}

// isElsewhere says why the files of a server at an address of this machine are not those of this file
// system: it runs in a container, or behind a tunnel. "" where they are, as far as can be seen.
func (s *server) isElsewhere(process string) string {
	if runtime.GOOS != "linux" {
		return ""
	}
	name, err := os.ReadFile(filepath.Join("/proc", filepath.Base(process), "comm"))
	text := strings.ToLower(string(name))
	if err != nil || !strings.Contains(text, "redis") && !strings.Contains(text, "valkey") && !strings.Contains(text, "keydb") {
		return "the process of the server is not seen on this machine: it may run in a container"
	}
	return ""
}

// findOpen returns what other accounts can read of a folder and of names in it. A folder that they
// cannot get into closes all that is below it. The error says what cannot be looked at.
func findOpen(folder string, names []string) (open []string, err error) {
	const enter, read = 0o001, 0o004
	closed, err := isClosedAbove(folder, enter)
	if err != nil {
		return nil, fmt.Errorf("a folder above %s cannot be looked at", folder)
	}
	if closed {
		return nil, nil
	}
	whole, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("%s is not on this machine, or cannot be looked at", folder)
	}
	for _, name := range names {
		path := filepath.Join(folder, name)
		found, err := os.Stat(path)
		switch {
		case os.IsNotExist(err):
			continue
		case err != nil:
			return open, fmt.Errorf("%s cannot be looked at", path)
		case found.Mode().Perm()&read != 0 && whole.Mode().Perm()&enter != 0:
			open = append(open, path)
		}
	}
	return open, nil
}
