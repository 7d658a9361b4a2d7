package files

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// serviceFolder is a folder with files from which services are started.
type serviceFolder struct {
	path, prefix, kind string
	asked              func(base string) bool
}

// serviceFolders lists where services are described: pm2 and units of this account, units and crontabs of
// the system.
func (s *Source) serviceFolders() (list []serviceFolder) {
	every := func(base string) bool { return !strings.HasPrefix(base, ".") }
	if s.options.Home != "" {
		list = append(list, serviceFolder{filepath.Join(s.options.Home, ".pm2"), "~/.pm2/", "dump of pm2", func(base string) bool { return strings.HasPrefix(base, "dump.pm2") }})
		list = append(list, unitFolders(filepath.Join(s.options.Home, ".config/systemd/user"), "~/.config/systemd/user/")...)
	}
	if s.options.System == "" {
		return list
	}
	list = append(list, unitFolders(filepath.Join(s.options.System, "etc/systemd/system"), "/etc/systemd/system/")...)
	list = append(list, unitFolders(filepath.Join(s.options.System, "etc/systemd/user"), "/etc/systemd/user/")...)
	return append(list,
		serviceFolder{filepath.Join(s.options.System, "etc"), "/etc/", "crontab", func(base string) bool { return base == "crontab" }},
		serviceFolder{filepath.Join(s.options.System, "etc/cron.d"), "/etc/cron.d/", "crontab", every},
		serviceFolder{filepath.Join(s.options.System, "var/spool/cron/crontabs"), "/var/spool/cron/crontabs/", "crontab", every},
		serviceFolder{filepath.Join(s.options.System, "var/spool/cron"), "/var/spool/cron/", "crontab", every})
}

// unitFolders returns a folder of units and the folders of their drop-ins.
func unitFolders(path, prefix string) []serviceFolder {
	isUnit := func(base string) bool {
		return strings.HasSuffix(base, ".service") || strings.HasSuffix(base, ".conf") || strings.HasSuffix(base, ".timer") || strings.HasSuffix(base, ".socket")
	}
	list := []serviceFolder{{path, prefix, "unit of systemd", isUnit}}
	dropIns, err := filepath.Glob(filepath.Join(path, "*.d"))
	if err != nil {
		return list // the pattern is good unless the folder's own name has a bracket
	}
	for _, folder := range dropIns {
		list = append(list, serviceFolder{folder, prefix + filepath.Base(folder) + "/", "unit of systemd", isUnit})
	}
	return list
}

// ServiceFiles implements audit.FileSource. Links between units lead to the same file and are read once.
func (s *Source) ServiceFiles(ctx context.Context) (list audit.ServiceList, _ error) {
	read := map[string]bool{}
	for _, folder := range s.serviceFolders() {
		if ctx.Err() != nil {
			return audit.ServiceList{}, context.Cause(ctx)
		}
		files, err := listFolder(folder.path, folder.prefix, folder.asked)
		if err != nil {
			name := strings.TrimSuffix(folder.prefix, "/")
			list.Gaps = append(list.Gaps, gapOf(name, statError(name, err)))
			continue
		}
		for _, one := range files {
			s.addService(&list, one, folder.kind, read)
		}
	}
	return list, nil
}

// addService searches one file. A unit that is masked by a link to /dev/null has nothing.
func (s *Source) addService(list *audit.ServiceList, one found, kind string, read map[string]bool) {
	target, err := filepath.EvalSymlinks(one.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		list.Gaps = append(list.Gaps, gapOf(one.name, statError(one.name, err)))
	}
	if err != nil || target == "/dev/null" || read[target] {
		return
	}
	read[target] = true
	text, err := readText(target)
	if err != nil {
		list.Gaps = append(list.Gaps, gapOf(one.name, statError(one.name, err)))
		return
	}
	file := audit.ServiceFile{Path: one.name, Kind: kind}
	if s.options.Finder != nil {
		file.Settings = s.options.Finder.Find(text)
	}
	list.Files = append(list.Files, file)
}

// Parsed implements audit.FileSource.
func (s *Source) Parsed(context.Context) (list audit.ParsedList, _ error) {
	for _, file := range s.options.EnvFiles {
		text, err := readText(s.absolute(file.Path))
		if err != nil {
			list.Gaps = append(list.Gaps, gapOf(file.Path, statError(file.Path, err)))
			continue
		}
		settings, err := s.options.Parse(text)
		if err != nil {
			list.Gaps = append(list.Gaps, audit.Gap{What: file.Path, Reason: "it cannot be read as an env file", Grant: "ocmt validate --env-file " + file.Path})
			continue
		}
		list.Files = append(list.Files, audit.ParsedFile{Path: file.Path, Own: file.Own, Text: func(name string) string { return settings[name] }})
	}
	return list, nil
}
