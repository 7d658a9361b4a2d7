package logfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/leak"
)

// Places are what is searched.
type Places struct {
	Logs []string // files and folders; they must be there
	Code []string // files and folders; they must be there
	Home string   // the folder of histories and of ~/.pm2; "" for none
}

// homePlaces are the logs and histories of an account. They need not be there.
var homePlaces = []string{".pm2/logs", ".pm2/pm2.log", ".bash_history", ".zsh_history", ".sh_history", ".ash_history", ".local/share/fish/fish_history",
	".psql_history", ".rediscli_history", ".node_repl_history", ".python_history"}

// Source searches places. It implements audit.LogSource.
type Source struct {
	matcher *leak.Matcher
	places  Places
	logs    *audit.LogSearch
}

// New returns a Source. It reads nothing yet.
func New(matcher *leak.Matcher, places Places) *Source {
	return &Source{matcher: matcher, places: places}
}

// Secrets tells which secrets are searched.
func (s *Source) Secrets() audit.SearchedSecrets {
	return audit.SearchedSecrets{Names: s.matcher.Names(), TooShort: s.matcher.TooShort(), MinLength: leak.MinLength}
}

// Logs searches the logs and histories, at the first call. The error is that of the context.
func (s *Source) Logs(ctx context.Context) (*audit.LogSearch, error) {
	if s.logs != nil {
		return s.logs, nil
	}
	search := &audit.LogSearch{}
	files, gaps := s.logFiles()
	search.Gaps = gaps
	for _, path := range files {
		file, err := s.searchLog(ctx, path)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		search.Searched++
		if err != nil {
			search.Gaps = append(search.Gaps, gapOf(path, err))
		}
		if len(file.Secrets)+len(file.Queries) > 0 {
			search.Files = append(search.Files, file)
		}
	}
	s.logs = search
	return search, nil
}

// logFiles returns the files that are there, each once, and what could not be looked at.
func (s *Source) logFiles() (files []string, gaps []audit.Gap) {
	files, gaps = listFiles(s.places.Logs, func(string) bool { return true }, nil)
	if s.places.Home == "" {
		return files, gaps
	}
	for _, name := range homePlaces {
		path := filepath.Join(s.places.Home, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		more, unreadable := listFiles([]string{path}, func(string) bool { return true }, nil)
		files, gaps = append(files, more...), append(gaps, unreadable...)
	}
	slices.Sort(files)
	return slices.Compact(files), gaps
}

// listFiles returns the regular files at and below some places. It passes over folders of the skipped
// names. A place that is a symbolic link is followed; a link below it is not.
func listFiles(places []string, wanted func(path string) bool, skipped []string) (files []string, gaps []audit.Gap) {
	for _, place := range places {
		if target, err := filepath.EvalSymlinks(place); err == nil {
			place = target
		}
		// The function returns no error, so there is none.
		_ = filepath.WalkDir(place, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && path != place: // it has just been rotated
			case err != nil:
				gaps = append(gaps, gapOf(path, err))
			case entry.IsDir() && path != place && slices.Contains(skipped, entry.Name()):
				return fs.SkipDir
			case entry.Type().IsRegular() && wanted(path):
				files = append(files, filepath.Clean(path))
			}
			return nil
		})
	}
	slices.Sort(files)
	return slices.Compact(files), gaps
}

func gapOf(path string, err error) audit.Gap {
	gap := audit.Gap{What: path, Reason: "it cannot be read"}
	switch {
	case errors.Is(err, fs.ErrPermission):
		gap.Missing, gap.Grant = "to read "+path, "run as an account that may read it"
	case errors.Is(err, fs.ErrNotExist):
		gap.Reason = "it is not there"
	case errors.Is(err, errFormat):
		gap.Reason, gap.Grant = "its format cannot be read here", "give it as text: decompress it, or export it with journalctl -o cat"
	}
	return gap
}
