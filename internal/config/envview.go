package config

import (
	"maps"
	"slices"
)

// EnvFile is what stands in the env file itself, whether or not something stronger sets a setting too. Its
// texts do not print.
type EnvFile struct {
	// Path is the path as it was given; "" where there is no env file.
	Path   string
	texts  map[string]Secret
	places map[string]Source
}

// EnvFile returns what stands in the env file; nothing where there is none.
func (s *Settings) EnvFile() EnvFile {
	if s.envFile == nil {
		return EnvFile{}
	}
	return s.envFile()
}

// view returns the settings of a file as an EnvFile.
func (f *envFile) view() EnvFile {
	view := EnvFile{Path: f.info.Path, texts: map[string]Secret{}, places: map[string]Source{}}
	for name, text := range f.values {
		view.texts[name] = NewSecret(text)
		view.places[name] = Source{Kind: FromEnvFile, Path: f.info.Path, Line: f.lines[name]}
	}
	return view
}

// Names returns the names that stand in the file, in order.
func (f EnvFile) Names() []string { return slices.Sorted(maps.Keys(f.texts)) }

// Text returns the text of a setting in the file; "" where it is not there.
func (f EnvFile) Text(name string) string { return f.texts[name].Reveal() }

// Place names where a setting stands, for people.
func (f EnvFile) Place(name string) string { return f.places[name].String() }

// FilesRead returns every file that settings were read from until now: those of Files, and those that a Deployment
// has read since.
func (s *Settings) FilesRead() []File {
	if s.filesRead == nil {
		return s.Files
	}
	return s.filesRead()
}
