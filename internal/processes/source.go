package processes

import (
	"errors"

	"github.com/ocmt/ocmt/internal/audit"
)

// Finder finds configured secrets in a text.
type Finder interface {
	// Find returns the names of the settings whose secrets the text contains, in any form.
	Find(text []byte) []string
}

// EnvFile is an env file that servers read.
type EnvFile struct {
	Path string // absolute
	Name string // for people
}

// Options say how to look.
type Options struct {
	Finder   Finder
	EnvFiles []EnvFile
	// Parse reads an env file as the servers do. Its error repeats nothing of the text.
	Parse func(text []byte) (map[string]string, error)
	// Programs are the names of the programs that servers run in; nil for those of JavaScript.
	Programs []string
	// Root says that this account sees all processes, whatever options /proc has.
	Root bool
	// Proc is the folder of procfs; "" for /proc.
	Proc string
}

// Source looks at processes. It implements audit.ProcessSource.
type Source struct{ options Options }

var _ audit.ProcessSource = (*Source)(nil)

// errNoParser says that nothing reads env files.
var errNoParser = errors.New("env files are not read")

// New returns a source. It looks at nothing yet.
func New(options Options) *Source {
	if options.Programs == nil {
		options.Programs = []string{"node", "nodejs", "bun", "deno", "openclaw"}
	}
	if options.Parse == nil {
		options.Parse = func([]byte) (map[string]string, error) { return nil, errNoParser }
	}
	if options.Proc == "" {
		options.Proc = "/proc"
	}
	return &Source{options}
}
