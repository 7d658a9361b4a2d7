package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

var (
	errEmpty       = errors.New("it is empty")
	errNoName      = formError("it is empty, and should name a file")
	errStandardOut = formError("it should name a file; without the flag, standard output is used")
)

// versionFlag is a flag that holds a key version, or none.
type versionFlag struct {
	set    bool
	number int
}

// pointer returns the version, or nil where none is set.
func (v *versionFlag) pointer() *int {
	if !v.set {
		return nil
	}
	number := v.number
	return &number
}

// Set reads a plain whole number.
func (v *versionFlag) Set(text string) error {
	number, err := secret.ParseVersion(text)
	if err != nil {
		return err
	}
	*v = versionFlag{set: true, number: number}
	return nil
}

// String returns the number, or nothing.
func (v *versionFlag) String() string {
	if !v.set {
		return ""
	}
	return fmt.Sprint(v.number)
}

// Type names the kind of value in help texts.
func (v *versionFlag) Type() string { return "N" }

// nameList is a flag that holds names: it may be given again, and takes several names
// with commas between them. An empty name is an error, because a script whose variable
// is empty must not work on everything.
type nameList []string

// Set adds names.
func (l *nameList) Set(text string) error {
	if text == "" {
		return errEmpty
	}
	names, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "" {
			return errEmpty
		}
	}
	*l = append(*l, names...)
	return nil
}

// String returns the names.
func (l *nameList) String() string { return strings.Join(*l, ",") }

// Type names the kind of value in help texts.
func (l *nameList) Type() string { return "names" }

// wordFlag is a flag that holds a text. An empty text is an error, as an empty name is.
type wordFlag string

// Set takes the text.
func (f *wordFlag) Set(text string) error {
	if text == "" {
		return errEmpty
	}
	*f = wordFlag(text)
	return nil
}

// String returns the text.
func (f *wordFlag) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (f *wordFlag) Type() string { return "string" }

// textList is a flag that holds texts, which may have commas in them: it may be given again. An empty
// text is an error, as an empty name is.
type textList []string

// Set adds a text.
func (l *textList) Set(text string) error {
	if text == "" {
		return errEmpty
	}
	*l = append(*l, text)
	return nil
}

// String returns the texts.
func (l *textList) String() string { return strings.Join(*l, "; ") }

// Type names the kind of value in help texts.
func (l *textList) Type() string { return "text" }

// inputFlag is a flag that names a file to read.
type inputFlag string

// Set takes any name but the empty one.
func (f *inputFlag) Set(name string) error {
	if name == "" {
		return errEmpty
	}
	*f = inputFlag(name)
	return nil
}

// String returns the name.
func (f *inputFlag) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (f *inputFlag) Type() string { return "file" }

// fileFlag is a flag that names a file to write. The empty name is an error, because a
// script whose variable is empty must not write a secret to its standard output.
type fileFlag string

// Set takes the name of a file.
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

// String returns the name.
func (f *fileFlag) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (f *fileFlag) Type() string { return "file" }
