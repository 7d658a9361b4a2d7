package containers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/files"
)

// CopiedFiles implements audit.ContainerSource.
func (s *Source) CopiedFiles(ctx context.Context) (audit.CopiedList, error) {
	found, err := s.read(ctx)
	if err != nil {
		return audit.CopiedList{}, err
	}
	list := audit.CopiedList{Looked: len(found.dockerfiles), Gaps: slices.Clone(found.gaps)}
	for _, one := range found.dockerfiles {
		contexts, gap := found.contextsOf(one)
		if gap != nil {
			list.Gaps = append(list.Gaps, *gap)
		}
		for _, folder := range contexts {
			if err := s.addCopied(ctx, &list, one, folder); err != nil {
				return audit.CopiedList{}, err
			}
		}
	}
	return list, nil
}

// buildFolders are names of folders that have Dockerfiles for a context elsewhere.
var buildFolders = []string{"docker", ".docker", "dockerfiles", "build", "deploy", "deployment", "ci", "ops", "infra", "containers"}

// contextsOf returns the folders that a Dockerfile is built from: those that compose files name, else the
// one in which its sources are. A Dockerfile that takes nothing from its context has none.
func (f *inventory) contextsOf(one dockerfile) (contexts []string, _ *audit.Gap) {
	for _, service := range f.services {
		if service.buildFile == one.path && service.buildFolder != "" && !slices.Contains(contexts, service.buildFolder) {
			contexts = append(contexts, service.buildFolder)
		}
	}
	var sources []string
	for _, step := range one.instructions {
		taken, _ := copiedBy(step)
		sources = append(sources, taken.sources...)
	}
	if len(contexts) > 0 || len(sources) == 0 {
		return contexts, nil
	}
	gap := audit.Gap{What: "the build of " + one.name, Reason: "the folder that it is built from is not known", Grant: "name it as context: in a compose file"}
	own := filepath.Dir(one.path)
	elsewhere := own != one.root && slices.Contains(buildFolders, strings.ToLower(filepath.Base(own)))
	everything := !slices.ContainsFunc(sources, func(source string) bool { return cleanSource(source) != "." })
	switch {
	case own == one.root:
		return []string{own}, nil
	case elsewhere && everything:
		return nil, &gap
	}
	for _, folder := range []string{own, one.root} {
		if !slices.ContainsFunc(sources, func(source string) bool { return !isThere(folder, source) }) {
			return []string{folder}, nil
		}
	}
	return nil, &gap
}

// isThere reports whether a context has a source. One with a variable may be anything; an env file may be
// made later.
func isThere(folder, source string) bool {
	if strings.Contains(source, "$") || files.IsEnvName(path.Base(source)) {
		return true
	}
	matches, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(cleanSource(source))))
	return err == nil && len(matches) > 0
}

// cleanSource returns a source relative to its context; "." for all of it.
func cleanSource(source string) string {
	return cmp.Or(strings.TrimPrefix(path.Clean("/"+source), "/"), ".")
}

// addCopied adds the env files that a build from a folder takes.
func (s *Source) addCopied(ctx context.Context, list *audit.CopiedList, one dockerfile, folder string) error {
	ignored, err := readIgnore(one.path, folder)
	if err != nil {
		list.Gaps = append(list.Gaps, audit.Gap{What: ".dockerignore of " + one.name, Reason: err.Error()})
		return nil //nolint:nilerr // the gap says that it could not be read
	}
	var present []string
	gaps, err := files.Walk(ctx, files.Folder{Path: folder}, s.options.Limits, func(file files.Entry) {
		if files.IsEnvName(file.Base) {
			present = append(present, file.Name)
		}
	})
	if err != nil {
		return err
	}
	list.Gaps = append(list.Gaps, gaps...)
	shipped := shippedStages(one.instructions)
	for i, step := range one.instructions {
		taken, _ := copiedBy(step)
		for _, source := range taken.sources {
			if strings.Contains(source, "$") {
				gap := audit.Gap{What: step.name + " of " + one.name, Reason: "its source depends on a build argument, and may be an env file"}
				if mayTakeEnvFile(source, present, ignored) && !slices.ContainsFunc(list.Gaps, gap.IsSame) {
					list.Gaps = append(list.Gaps, gap)
				}
				continue
			}
			for _, file := range takenEnvFiles(source, present) {
				if !ignored(file) && !excluded(file, taken.excludes) {
					list.Files = append(list.Files, audit.CopiedFile{Dockerfile: one.name, Line: step.line, Instruction: step.name, EnvFile: file, Shipped: shipped[i], Seen: taken.seen})
				}
			}
		}
	}
	return nil
}

// takenEnvFiles returns the env files that a source takes. One that it names itself counts although it is
// not there yet.
func takenEnvFiles(source string, present []string) (taken []string) {
	clean := cleanSource(source)
	for _, file := range present {
		if matchesSource(clean, file) {
			taken = append(taken, file)
		}
	}
	if len(taken) == 0 && files.IsEnvName(path.Base(clean)) && !strings.ContainsAny(clean, "*?[") {
		taken = append(taken, clean)
	}
	return taken
}

// mayTakeEnvFile reports whether a source with a variable may take an env file that is not ignored. Its last
// part tells, where that has no variable.
func mayTakeEnvFile(source string, present []string, ignored func(file string) bool) bool {
	base := path.Base(cleanSource(source))
	return files.IsEnvName(base) || slices.ContainsFunc(present, func(file string) bool {
		return !ignored(file) && (strings.Contains(base, "$") || slices.Contains(strings.Split(file, "/"), base))
	})
}

// matchesSource reports whether a source takes a file: it is the file, a folder above it, or a pattern of
// either, as path.Match has them (Dockerfile reference, COPY).
func matchesSource(source, file string) bool {
	if source == "." {
		return true
	}
	for end := file; end != "." && end != "/"; end = path.Dir(end) {
		if matched, err := path.Match(source, end); err == nil && matched || source == end {
			return true
		}
	}
	return false
}

// errIgnore says that a .dockerignore cannot be read as one. Docker refuses to build then.
var errIgnore = errors.New("it has a pattern that Docker refuses")

// readIgnore returns what leaves a file out of a context: the .dockerignore of the Dockerfile, or else that
// of the context.
func readIgnore(dockerfile, folder string) (func(file string) bool, error) {
	for _, name := range []string{dockerfile + ".dockerignore", filepath.Join(folder, ".dockerignore")} {
		text, err := readFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return parseIgnore(text)
	}
	return func(string) bool { return false }, nil
}

// parseIgnore reads a .dockerignore with the library that Docker itself reads it with.
func parseIgnore(text []byte) (func(file string) bool, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, errIgnore
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, errIgnore
	}
	if _, err := matcher.MatchesOrParentMatches("x"); err != nil {
		return nil, errIgnore
	}
	return func(file string) bool {
		matched, err := matcher.MatchesOrParentMatches(filepath.FromSlash(file))
		return err == nil && matched
	}, nil
}

// excluded reports whether COPY --exclude leaves a file out.
func excluded(file string, patterns []string) bool {
	if len(patterns) == 0 {
		return false
	}
	ignored, err := parseIgnore([]byte(strings.Join(patterns, "\n")))
	return err == nil && ignored(file)
}
