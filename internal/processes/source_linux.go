package processes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// Arguments implements audit.ProcessSource.
func (s *Source) Arguments(ctx context.Context) (list audit.ArgumentList, _ error) {
	all, err := s.list()
	if err != nil {
		return audit.ArgumentList{}, err
	}
	closed := 0
	for _, one := range all {
		if ctx.Err() != nil {
			return audit.ArgumentList{}, context.Cause(ctx)
		}
		text, err := one.read("cmdline")
		switch {
		case errors.Is(err, fs.ErrPermission):
			closed++
			continue
		case err != nil || len(text) == 0: // it has ended, or belongs to the kernel
			continue
		}
		list.Looked++
		if is, _ := s.isServer(one); is != noServer {
			list.Servers++
		}
		if settings := s.find(bytes.ReplaceAll(text, []byte{0}, []byte{'\n'})); len(settings) > 0 {
			list.Exposed = append(list.Exposed, audit.ExposedArguments{Program: s.programName(one), PID: one.pid, Settings: settings})
		}
	}
	list.Gaps = s.gaps(closed, list.Servers)
	return list, nil
}

// Servers implements audit.ProcessSource.
func (s *Source) Servers(ctx context.Context) (list audit.ServerList, _ error) {
	all, err := s.list()
	if err != nil {
		return audit.ServerList{}, err
	}
	boot, err := s.bootTime()
	if err != nil {
		return audit.ServerList{}, err
	}
	for _, one := range all {
		if ctx.Err() != nil {
			return audit.ServerList{}, context.Cause(ctx)
		}
		if text, err := one.read("cmdline"); err != nil || len(text) == 0 {
			continue
		}
		list.Looked++
		is, file := s.isServer(one)
		switch is {
		case noServer:
		case perhapsServer:
			list.Gaps = append(list.Gaps, audit.Gap{What: fmt.Sprintf("%s, pid %d", s.programName(one), one.pid), Reason: "its folder and its environment cannot be read, so nobody knows whether it is a server",
				Missing: "the account of the process, or root", Grant: "run ocmt audit as that account"})
		case isServer:
			s.addServer(&list, one, file, boot)
		}
	}
	list.Gaps = append(list.Gaps, s.gaps(0, len(list.Servers)+len(list.Gaps))...)
	return list, nil
}

// addServer adds a server with what its start and its environment say of its env file. One that has ended
// meanwhile is left out.
func (s *Source) addServer(list *audit.ServerList, one process, file EnvFile, boot time.Time) {
	started, err := one.started(boot)
	if err != nil {
		return
	}
	server := audit.ServerProcess{Program: s.programName(one), PID: one.pid, Started: started}
	info, err := os.Stat(file.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		list.Gaps = append(list.Gaps, audit.Gap{What: file.Name, Reason: "it cannot be looked at"})
	default:
		server.EnvFile, server.Changed = file.Name, info.ModTime()
		shadowed, err := s.shadowed(one, file)
		if err != nil {
			list.Gaps = append(list.Gaps, audit.Gap{What: fmt.Sprintf("the environment of %s, pid %d, beside %s", server.Program, one.pid, file.Name), Reason: "one of them cannot be read"})
		}
		server.Shadowed = shadowed
	}
	list.Servers = append(list.Servers, server)
}

// serverGuess says whether a process is a server of the deployment.
type serverGuess uint8

const (
	noServer serverGuess = iota
	perhapsServer
	isServer
)

// isServer says whether a process is a server, and which env file it reads: it runs in a program of
// JavaScript, and works in the folder of an env file or has a configured secret in its environment.
func (s *Source) isServer(one process) (serverGuess, EnvFile) {
	if !slices.Contains(s.options.Programs, s.programName(one)) {
		return noServer, EnvFile{}
	}
	folder, err := os.Stat(one.path("cwd"))
	if errors.Is(err, fs.ErrPermission) {
		return perhapsServer, EnvFile{}
	}
	if err == nil {
		for _, file := range s.options.EnvFiles {
			if own, err := os.Stat(filepath.Dir(file.Path)); err == nil && os.SameFile(folder, own) {
				return isServer, file
			}
		}
	}
	environment, err := one.read("environ")
	switch {
	case errors.Is(err, fs.ErrPermission):
		return perhapsServer, EnvFile{}
	case err == nil && len(s.find(bytes.ReplaceAll(environment, []byte{0}, []byte{'\n'}))) > 0:
		return isServer, EnvFile{Path: one.path("cwd/.env"), Name: s.envName(one)}
	default:
		return noServer, EnvFile{}
	}
}

// envName names the env file of a server's folder for people. What has a secret in it is not named.
func (s *Source) envName(one process) string {
	folder, err := os.Readlink(one.path("cwd"))
	if err != nil || len(s.find([]byte(folder))) > 0 {
		return ".env of the server's folder"
	}
	return filepath.Join(folder, ".env")
}

// encryptionKey matches the settings of encryption keys.
var encryptionKey = regexp.MustCompile(`^ENCRYPTION_KEY(?:_V[0-9]+|_VERSION)?$`)

// shadowed returns the settings that the environment of a process and its env file have with different
// texts. The environment is the one that the process was started with: what dotenv adds is not in it.
func (s *Source) shadowed(one process, file EnvFile) (names []string, _ error) {
	environment, err := one.read("environ")
	if err != nil {
		return nil, fmt.Errorf("reading the environment: %w", err)
	}
	text, err := os.ReadFile(file.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the env file: %w", err)
	}
	inFile, err := s.options.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the env file: %w", err)
	}
	for line := range bytes.SplitSeq(environment, []byte{0}) {
		name, value, _ := strings.Cut(string(line), "=")
		known := encryptionKey.MatchString(name) || slices.ContainsFunc(ocmt.Settings(), func(one ocmt.Setting) bool { return one.Name == name })
		if other, both := inFile[name]; known && both && other != value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// find returns the configured secrets in a text.
func (s *Source) find(text []byte) []string {
	if s.options.Finder == nil {
		return nil
	}
	return s.options.Finder.Find(text)
}

// programName returns the name of a process's program without what cannot be printed. A name that has a
// secret in it is not told.
func (s *Source) programName(one process) string {
	target, err := os.Readlink(one.path("exe"))
	name := filepath.Base(strings.TrimSuffix(target, " (deleted)"))
	if err != nil {
		text, _ := one.read("comm")
		name = strings.TrimSpace(string(text))
	}
	name = strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) && r != '\ufffd' {
			return r
		}
		return -1
	}, name)
	if name == "" || len(s.find([]byte(name))) > 0 {
		return "a program"
	}
	return name
}
