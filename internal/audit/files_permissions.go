package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// accessProblem is one way in which others get at a file.
type accessProblem struct{ key, message string }

// findAccess says how others get at a file. With an ACL the group bits of the mode are its mask, and say
// nothing of the group.
func findAccess(file FileState, trusts func(group string) bool) (problems []accessProblem) {
	if file.Mounted || file.Harmless {
		return nil
	}
	if file.Mode&0o007 != 0 {
		problems = append(problems, accessProblem{"others", "every account of this machine can " + accessVerb(file.Mode) + " it"})
	}
	group := file.Mode&0o070 != 0 && len(file.ACL) == 0 || file.ACLGroup
	if group && !trusts(file.Group) {
		problems = append(problems, accessProblem{"group", "the group " + file.Group + " can " + accessVerb(file.Mode>>3) + " it"})
	}
	if file.Foreign {
		problems = append(problems, accessProblem{"owner", "it belongs to " + file.Owner})
	}
	for _, who := range file.ACL {
		name, isGroup := strings.CutPrefix(who, "group ")
		if !isGroup || !trusts(name) {
			problems = append(problems, accessProblem{"acl " + who, "its ACL lets " + who + " in"})
		}
	}
	return problems
}

// accessVerb says what the lowest three bits of a mode allow.
func accessVerb(mode fs.FileMode) string {
	switch {
	case mode&0o6 == 0o6:
		return "read and change"
	case mode&0o4 != 0:
		return "read"
	case mode&0o2 != 0:
		return "change"
	default:
		return "run"
	}
}

// accessFaults returns a fault, if others get at a file. The ways in which they do are a part of what it is
// known by, so that one who accepts one way does not accept another.
func accessFaults(file FileState, source FileSource, severity Severity) []Fault {
	problems := findAccess(file, source.Trusts)
	if len(problems) == 0 {
		return nil
	}
	keys, messages := make([]string, len(problems)), make([]string, len(problems))
	for i, problem := range problems {
		keys[i], messages[i] = problem.key, problem.message
	}
	place := file.Path
	if file.Target != "" {
		place += " -> " + file.Target
	}
	return []Fault{{Object: file.Path + " " + strings.Join(keys, ", "), Cause: file.Path, Severity: severity,
		Message:  "is not kept from others: " + strings.Join(messages, "; "),
		Expected: "mode 0600, without an ACL", Actual: fmt.Sprintf("mode %04o, owner %s, group %s", file.Mode.Perm(), file.Owner, file.Group),
		Places: []string{place}, File: file.Path}}
}

// lookAtEnvFiles is OCMT-FIL-001.
func lookAtEnvFiles(ctx context.Context, sources *Sources, source FileSource) (Seen, error) {
	list, err := source.EnvFiles(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps}
	named, gaps := statAll(ctx, source, settingFiles(sources))
	seen.Gaps = append(seen.Gaps, gaps...)
	files := addFiles(list.Files, named)
	for _, file := range files {
		seen.Faults = append(seen.Faults, accessFaults(file, source, 0)...)
	}
	seen.Looked = countThings(int64(len(files)), "file", "files") + lookedBehind(list.Looked)
	if len(files) == 0 {
		seen.Absent = list.Absent
	}
	return seen, nil
}

// lookedBehind puts where was looked behind what was found there.
func lookedBehind(looked string) string {
	if looked == "" {
		return ""
	}
	return "; " + looked
}

// addFiles adds the files that are not in a list yet.
func addFiles(files, more []FileState) []FileState {
	files = slices.Clone(files)
	for _, one := range more {
		if !slices.ContainsFunc(files, func(f FileState) bool { return f.Path == one.Path }) {
			files = append(files, one)
		}
	}
	return files
}

// settingFiles returns the files that secrets were read from.
func settingFiles(sources *Sources) (paths []string) {
	if !sources.Settings.there {
		return nil
	}
	for _, name := range sources.Settings.it.Names("") {
		if path := sources.Settings.it.File(name); path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// statAll describes files. One that is not there is left out.
func statAll(ctx context.Context, source FileSource, paths []string) (files []FileState, gaps []Gap) {
	for _, path := range paths {
		file, err := source.Stat(ctx, path)
		var gap *GapError
		switch {
		case err == nil:
			files = append(files, file)
		case errors.As(err, &gap):
			gaps = append(gaps, gap.Gap)
		case !errors.Is(err, fs.ErrNotExist):
			gaps = append(gaps, Gap{What: path, Reason: "it cannot be looked at"})
		}
	}
	return files, gaps
}

// lookAtParents is OCMT-FIL-002. A folder with the sticky bit protects the folders in it, and not the
// name of a file that is not there yet.
func lookAtParents(ctx context.Context, sources *Sources, source FileSource) (Seen, error) {
	list, err := source.EnvFiles(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Absent: list.Absent}
	paths := settingFiles(sources)
	for _, key := range keyPaths(sources) {
		paths = append(paths, key.path)
	}
	for _, file := range list.Files {
		paths = append(paths, file.Path)
	}
	known := map[string]bool{} // whether there is a fault, by the folder
	for _, path := range paths {
		parents, err := source.Parents(ctx, path)
		if gap := gapIn(err, path); gap != nil && !slices.ContainsFunc(seen.Gaps, gap.IsSame) {
			seen.Gaps = append(seen.Gaps, *gap)
		}
		for _, parent := range parents {
			fault, wrong := parentFault(parent)
			if reported, looked := known[parent.Path]; wrong && !reported {
				seen.Faults = append(seen.Faults, fault)
			} else if looked {
				continue
			}
			known[parent.Path] = wrong
		}
	}
	if len(known) > 0 {
		seen.Absent = ""
	}
	seen.Looked = countThings(int64(len(known)), "folder", "folders")
	return seen, nil
}

// gapIn returns what an error says that could not be looked at; nil for none, and for a file that is not
// there.
func gapIn(err error, path string) *Gap {
	var gap *GapError
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.As(err, &gap):
		return &gap.Gap
	default:
		return &Gap{What: path, Reason: "it cannot be looked at"}
	}
}

// parentFault says what is wrong with a folder above a file.
func parentFault(parent FileState) (Fault, bool) {
	if parent.Mode&0o002 == 0 || parent.Mode&fs.ModeSticky != 0 && !parent.Holds {
		return Fault{}, false
	}
	fault := Fault{Object: parent.Path, Message: "is a folder in which every account can replace what is there",
		Expected: "no right to write for others", Actual: fmt.Sprintf("mode %04o", modeBits(parent.Mode)), Places: []string{parent.Path}}
	if parent.Mode&fs.ModeSticky != 0 {
		fault.Severity, fault.Message = Medium, "is a temporary folder: every account can make files beside the secrets, and a clean-up may remove them"
	}
	return fault, true
}

// modeBits returns the permission bits with the sticky bit, as chmod has them.
func modeBits(mode fs.FileMode) fs.FileMode {
	bits := mode.Perm()
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}

// keyPath is the file of a private key, and the setting that names it.
type keyPath struct{ setting, path string }

// keyPaths returns the private keys that settings name.
func keyPaths(sources *Sources) (list []keyPath) {
	if !sources.Settings.there {
		return nil
	}
	settings := sources.Settings.it
	if path := settings.Text("SAML_PRIVATE_KEY_PATH"); path != "" {
		list = append(list, keyPath{"SAML_PRIVATE_KEY_PATH", path})
	}
	if address, err := url.Parse(settings.Text("DATABASE_URL")); err == nil {
		if path := address.Query().Get("sslkey"); path != "" {
			list = append(list, keyPath{"sslkey of DATABASE_URL", path})
		}
	}
	return list
}

// lookAtKeyFiles is OCMT-FIL-003. A path that is set and leads nowhere could not be looked at: the file
// may be on another machine.
func lookAtKeyFiles(ctx context.Context, sources *Sources, source FileSource) (seen Seen, _ error) {
	keys := keyPaths(sources)
	if len(keys) == 0 {
		return Seen{Absent: "neither SAML_PRIVATE_KEY_PATH nor sslkey of DATABASE_URL is set"}, nil
	}
	for _, key := range keys {
		file, err := source.Stat(ctx, key.path)
		if errors.Is(err, fs.ErrNotExist) {
			seen.Gaps = append(seen.Gaps, Gap{What: key.setting, Reason: "its file is not on this machine"})
			continue
		}
		if gap := gapIn(err, key.setting); gap != nil {
			seen.Gaps = append(seen.Gaps, *gap)
			continue
		}
		seen.Faults = append(seen.Faults, accessFaults(file, source, 0)...)
	}
	seen.Looked = countThings(int64(len(keys)), "private key", "private keys")
	return seen, nil
}

// lookAtDumps is OCMT-FIL-008.
func lookAtDumps(ctx context.Context, _ *Sources, source FileSource) (Seen, error) {
	list, err := source.Dumps(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(len(list.Files)), "dump or backup", "dumps and backups") + lookedBehind(list.Looked)}
	if len(list.Files) == 0 {
		seen.Absent = list.Absent
	}
	for _, file := range list.Files {
		if !file.Encrypted {
			seen.Faults = append(seen.Faults, dumpFaults(file, source)...)
		}
	}
	return seen, nil
}

// dumpFaults returns a fault, if others get at a dump. What one job writes into one folder each night with one mode
// has one cause. Each file is known by its own path all the same.
func dumpFaults(file FileState, source FileSource) []Fault {
	faults := accessFaults(file, source, 0)
	for i := range faults {
		one := &faults[i]
		one.Cause = fmt.Sprintf("dumps and backups in %s with mode %04o", filepath.ToSlash(filepath.Dir(file.Path)), file.Mode.Perm())
		one.Places = []string{one.Places[0] + strings.TrimPrefix(one.Message, "is not kept from others")}
		one.Message = "are not kept from others"
	}
	return faults
}
