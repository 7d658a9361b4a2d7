package validation

import (
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Settings are the settings of one side of a deployment, from all places that they are read from.
type Settings interface {
	secret.Settings
	// Place names where a setting was found, for people.
	Place(name string) string
	// InEnvFile reports whether a setting was found in the env file, or in a file that the env file names.
	InEnvFile(name string) bool
}

// EnvFile is what stands in one env file, by itself.
type EnvFile interface {
	// Names returns the names that stand in it.
	Names() []string
	// Text returns the text of a name; "" where it has none.
	Text(name string) string
	// Place names where a setting stands, for people.
	Place(name string) string
}

// Side is the settings of one component, or of several.
type Side struct {
	// Component is whose settings these are; "" where that is not known. Then they may be those of any, and
	// nothing is missing but what a management server cannot do without.
	Component secret.Component
	// File is the path of the env file; "" for none.
	File     string
	Settings Settings
	EnvFile  EnvFile // nil for none
	// Unread has the settings that are in files that cannot be read, and why.
	Unread map[string]string
}

// Gateway is what openclaw.json says of the gateway's token.
type Gateway struct {
	File  string       // the path as it was given
	Token secret.Value // gateway.auth.token
	Set   bool         // it is there, and may be empty
	// Unread says why the file could not be understood; "" where it was.
	Unread string
}

// File is a file that settings were read from.
type File struct {
	Path    string
	Mode    uint32 // permission bits
	Secret  bool   // it has at least one secret in it
	Mounted bool   // Docker or Kubernetes put it there, with a mode that is theirs
}

// Input is what is checked.
type Input struct {
	// Own are the settings of this run: its environment and its env file.
	Own Side
	// Others are the env files of other components. Something else than the component may load such a file
	// into its environment.
	Others []Side
	// Gateway is the configuration of the gateway; nil where none was given.
	Gateway *Gateway
	// Places are findings about the places that the own settings were put together from.
	Places []finding.Finding
	// Files are all files that settings were read from.
	Files []File
}

// other returns the side of a component whose env file was given.
func (i Input) other(component secret.Component) (Side, bool) {
	for _, side := range i.Others {
		if side.Component == component {
			return side, true
		}
	}
	return Side{}, false
}
