package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// resolver looks a name up in all places, strongest first, and lists the files that it opened.
type resolver struct {
	read   fileReader
	dir    string // where relative paths start
	closed bool   // the folder may not be entered
	flags  map[string]string
	// flagNames are the flags as they are typed, by the names of their settings.
	flagNames map[string]string
	environ   map[string]string
	envFile   *envFile // nil if there is none
	yaml      map[string]string
	yamlAt    string // path of ocmt.yaml
	files     []File
	sources   map[string]Source
}

// lookup returns the value of name, or fallback where it is not set.
func (r *resolver) lookup(name, fallback string) (string, error) {
	value, source, err := r.find(name)
	if err != nil {
		return "", err
	}
	if source.Kind == NotSet && fallback != "" {
		value, source = fallback, Source{Kind: FromDefault}
	}
	r.sources[name] = source
	return value, nil
}

func (r *resolver) find(name string) (string, Source, error) {
	if value := r.flags[name]; value != "" {
		return value, Source{Kind: FromFlag, Via: r.flagNames[name]}, nil
	}
	here := Source{Kind: FromEnvironment}
	if value, source, err := r.findPair(name, r.environ, here); err != nil || value != "" {
		return value, source, err
	}
	if value, source, err := r.findInEnvFile(name); err != nil || value != "" {
		return value, source, err
	}
	if value := r.yaml[name]; value != "" {
		return value, Source{Kind: FromConfigFile, Path: r.yamlAt}, nil
	}
	return "", Source{}, nil
}

// findInEnvFile looks for a setting in the env file alone.
func (r *resolver) findInEnvFile(name string) (string, Source, error) {
	if r.envFile == nil {
		return "", Source{}, nil
	}
	return r.findPair(name, r.envFile.values, Source{Kind: FromEnvFile, Path: r.envFile.info.Path, Line: r.envFile.lines[name]})
}

// findPair looks for NAME and NAME_FILE in one place.
func (r *resolver) findPair(name string, place map[string]string, here Source) (string, Source, error) {
	value, path := place[name], place[name+"_FILE"]
	if path == "" {
		return value, here, nil
	}
	via := name + "_FILE"
	if value != "" {
		return "", Source{}, &InvalidError{Name: name, Source: here,
			Reason: "is set, and so is " + via,
			Advice: fmt.Sprintf("keep one of %s and %s", name, via)}
	}
	text, info, err := readSecretFile(r.read, path)
	if err != nil {
		return "", Source{}, fmt.Errorf("following %s: %w", via, err)
	}
	r.noteFile(info)
	return text, Source{Kind: FromSecretFile, Path: path, Via: via, place: here.Kind}, nil
}

// noteFile adds a file to the list once. The file is secret if it contained a secret in any
// of its uses.
func (r *resolver) noteFile(info File) {
	for i := range r.files {
		if r.files[i].Path == info.Path {
			r.files[i].Secret = r.files[i].Secret || info.Secret
			return
		}
	}
	r.files = append(r.files, info)
}

// listNames returns the names that begin with prefix and are set in the environment or in the
// env file. It drops the ending of _FILE names.
func (r *resolver) listNames(prefix string) []string {
	found := map[string]bool{}
	places := []map[string]string{r.environ}
	if r.envFile != nil {
		places = append(places, r.envFile.values)
	}
	for _, place := range places {
		for name, value := range place {
			if strings.HasPrefix(name, prefix) && value != "" {
				found[strings.TrimSuffix(name, "_FILE")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// environMap makes a map of NAME=value lines. The last line of a name counts.
func environMap(environ []string) map[string]string {
	values := make(map[string]string, len(environ))
	for _, line := range environ {
		if name, value, found := strings.Cut(line, "="); found {
			values[name] = value
		}
	}
	return values
}
