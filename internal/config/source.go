package config

import "fmt"

// SourceKind is the place where a setting was found.
type SourceKind int

// The places are in the order of their precedence, strongest first. NotSet is the zero value.
const (
	NotSet SourceKind = iota
	FromFlag
	FromEnvironment
	FromSecretFile
	FromEnvFile
	FromConfigFile
	FromDefault
)

// Source says where a setting was found.
type Source struct {
	Kind SourceKind
	Path string // the file that it was read from; "" for none
	Line int    // line in that file; 0 if it is not known
	Via  string // the NAME_FILE variable that points at the file, or the flag as it is typed; "" for none

	place SourceKind // where that variable is set
}

// String returns the place in words: "environment", ".env:3",
// "/run/secrets/key (ENCRYPTION_KEY_FILE)", "default", "not set".
func (s Source) String() string {
	switch s.Kind {
	case FromFlag:
		return "flag"
	case FromEnvironment:
		return "environment"
	case FromSecretFile:
		return fmt.Sprintf("%s (%s)", redactName(s.Path), s.Via)
	case FromEnvFile, FromConfigFile:
		if s.Line > 0 {
			return fmt.Sprintf("%s:%d", redactName(s.Path), s.Line)
		}
		return redactName(s.Path)
	case FromDefault:
		return "default"
	default:
		return "not set"
	}
}

// File is a file that settings were read from.
type File struct {
	Path string // as it was given
	Mode uint32 // permission bits
	// Env says that it is an env file.
	Env bool
	// Secret says that the file holds at least one secret setting.
	Secret bool
	// Mounted says that Docker or Kubernetes put the file there, with a mode that is theirs.
	Mounted bool
}

// ReadableByOthers reports whether any account of the machine may read the file.
func (f File) ReadableByOthers() bool { return f.Mode&0o004 != 0 }

// ReadableByGroup reports whether the group of the file may read it.
func (f File) ReadableByGroup() bool { return f.Mode&0o040 != 0 }
