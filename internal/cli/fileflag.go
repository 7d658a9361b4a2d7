package cli

import "errors"

// fileFlag is a flag that names a file to write. A script whose variable is empty
// must not end with a secret on its standard output.
type fileFlag string

var (
	errNoName      = errors.New("it is empty, and should name a file")
	errStandardOut = errors.New("it should name a file; without the flag, standard output is used")
)

// String implements pflag.Value.
func (f *fileFlag) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *fileFlag) Set(name string) error {
	switch name {
	case "":
		return errNoName
	case "-":
		return errStandardOut
	}
	*f = fileFlag(name)
	return nil
}

// Type implements pflag.Value.
func (f *fileFlag) Type() string { return "file" }
