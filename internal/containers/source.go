package containers

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/files"
)

// Options say where to look.
type Options struct {
	Folders []files.Folder
	Finder  files.Finder // finds configured secrets; nil for none
	Limits  files.Limits
	// Socket is the path of Docker's socket; "" where running containers are not to be looked at.
	Socket string
}

// Source looks at containers. It implements audit.ContainerSource. The folders are walked once.
type Source struct {
	options Options
	walk    sync.Once
	found   inventory
	err     error
}

var _ audit.ContainerSource = (*Source)(nil)

// New returns a source. It looks at nothing yet.
func New(options Options) *Source { return &Source{options: options} }

// inventory has the files that a walk found, parsed.
type inventory struct {
	dockerfiles []dockerfile
	documents   []document
	services    []service
	gaps        []audit.Gap
}

// maxFile is how much of a file is read. Those that people write are far smaller.
const maxFile = 4 << 20

// read walks the folders and parses what is found, at the first call.
func (s *Source) read(ctx context.Context) (*inventory, error) {
	s.walk.Do(func() {
		for _, folder := range s.options.Folders {
			gaps, err := files.Walk(ctx, folder, s.options.Limits, func(file files.Entry) {
				if isDockerfileName(file.Base) || isYAMLName(file.Base) {
					s.addFile(folder, file)
				}
			})
			s.found.gaps = append(s.found.gaps, gaps...)
			if err != nil {
				s.err = err
				return
			}
		}
	})
	return &s.found, s.err
}

// addFile parses one file.
func (s *Source) addFile(folder files.Folder, file files.Entry) {
	text, err := readFile(file.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.found.gaps = append(s.found.gaps, audit.Gap{What: file.Name, Reason: err.Error()})
	case isDockerfileName(file.Base):
		s.found.dockerfiles = append(s.found.dockerfiles, dockerfile{path: file.Path, name: file.Name, root: folder.Path, instructions: parseDockerfile(string(text))})
	default:
		documents, err := parseYAML(file.Path, file.Name, text)
		if err != nil {
			s.found.gaps = append(s.found.gaps, audit.Gap{What: file.Name, Reason: err.Error()})
		}
		s.found.documents = append(s.found.documents, documents...)
		for _, one := range documents {
			s.found.services = append(s.found.services, one.services()...)
		}
	}
}

var (
	errLarge  = errors.New("it is larger than 4 MiB")
	errNoRead = errors.New("this account may not read it")
	errUnread = errors.New("it cannot be read")
)

// readFile reads a regular file whole. Its errors do not repeat the path.
func readFile(name string) ([]byte, error) {
	text, err := files.ReadRegular(name, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrNotExist
	case errors.Is(err, files.ErrNotRegular):
		return nil, files.ErrNotRegular
	case errors.Is(err, files.ErrTooLarge):
		return nil, errLarge
	case errors.Is(err, fs.ErrPermission):
		return nil, errNoRead
	case err != nil:
		return nil, errUnread
	}
	return text, nil
}

// isDockerfileName reports whether a file is a Dockerfile by its name.
func isDockerfileName(base string) bool {
	lower := strings.ToLower(base)
	if strings.HasSuffix(lower, ".dockerignore") {
		return false
	}
	for _, name := range []string{"dockerfile", "containerfile"} {
		if lower == name || strings.HasPrefix(lower, name+".") || strings.HasPrefix(lower, name+"-") || strings.HasSuffix(lower, "."+name) {
			return true
		}
	}
	return false
}

// isYAMLName reports whether a file is YAML by its name.
func isYAMLName(base string) bool {
	end := strings.ToLower(filepath.Ext(base))
	return end == ".yml" || end == ".yaml"
}

// isComposeName reports whether docker compose takes a file by its name.
func isComposeName(base string) bool {
	lower := strings.ToLower(path.Base(base))
	return strings.HasPrefix(lower, "compose") || strings.HasPrefix(lower, "docker-compose")
}

// find returns the configured secrets in a text.
func (s *Source) find(text string) []string {
	if s.options.Finder == nil || text == "" {
		return nil
	}
	return s.options.Finder.Find([]byte(text))
}
