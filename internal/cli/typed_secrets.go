package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// typedText is an argument, or the value of a flag, as it stands in the command line.
type typedText struct {
	place string // what an error names it by: the flag, or "an argument"
	flag  string // without the dashes; "" for an argument
	text  string
}

var (
	// longHex matches what has the form of a key, and not what says that it is a digest.
	longHex = regexp.MustCompile(`(?:^|[^0-9A-Fa-f])[0-9A-Fa-f]{64}`)
	digest  = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	// addressStart matches the scheme of an address, wherever it stands in a text.
	addressStart = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)
	// bareLogin matches user:password@host without a scheme, and no image of Docker with its digest, name:tag@sha256:…. A
	// slash is of the password only where a port follows: else it is of a path.
	bareLogin = regexp.MustCompile(`(?:^|[\s=,/])[^\s:/@=,]+:(?:[^\s/]+@` + bareHost + `(?::[0-9]{1,5})?|[^\s/]\S*@` + bareHost + `:[0-9]{1,5})(?:[/?,\s]|$)`)
	// addressText matches an address with its scheme, which is looked at by itself.
	addressText = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S*`)
	// beforeName matches what stands before the name of a store, or of a person, and is no user's.
	beforeName = regexp.MustCompile(`(^|[\s=,])(?:envfile|dir|mailto):`)
	// setPassword matches a password as a shell or an env file sets it.
	setPassword = regexp.MustCompile(`(?i)(?:^|[\s,;?&])[a-z_]*(?:password|passwd|passphrase)=\S`)
)

// bareHost is a host in a regular expression: a name, or an address of IPv4 or IPv6.
const bareHost = `(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])`

// hexFlags take what may well be 64 hexadecimal digits: the head of a chain, a fingerprint, and the key of a row, which
// is hidden where it is told. Notes are looked through by their commands, which end with another exit status.
var hexFlags = []string{"head", "expect-key", "key", "note", "secret"}

// selfCheckedFlags are compared with the secrets of the settings by their commands.
var selfCheckedFlags = []string{"head", "note", "secret"}

// readTyped returns the arguments of a command line and the values of its flags, as they were typed.
func readTyped(cmd *cobra.Command, args []string) (list []typedText) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' || arg == "--" {
			list = append(list, typedText{place: "an argument", text: arg})
			continue
		}
		flag := flagOf(cmd, arg)
		typed := typedText{place: "the value of a flag that is not known"}
		if flag != nil {
			typed.place, typed.flag = "--"+flag.Name, flag.Name
		}
		_, value, within := strings.Cut(arg, "=")
		switch {
		case within && (arg[1] == '-' || arg[1] == '=' || arg[2] == '='):
			typed.text = value
		case !takesNext(arg):
			typed.text = arg[2:] // -ojson
		case flag != nil && flag.NoOptDefVal == "" && i+1 < len(args):
			i++
			typed.text = args[i]
		}
		list = append(list, typed)
	}
	return list
}

// refuseTypedSecrets refuses a command line in which a secret stands where none belongs. It comes before everything else,
// so that no error, no advice and no record repeats what was typed.
func (a *App) refuseTypedSecrets(root *cobra.Command, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil
	}
	cmd, _, _ := root.Find(args) // its error is told later
	if cmd == nil {
		cmd = root
	}
	a.typed = readTyped(cmd, args)
	for _, typed := range a.typed {
		if form := a.secretFormIn(typed); form != "" {
			return typedSecretError(cmd, typed.place+" holds "+form)
		}
	}
	return nil
}

// secretFormIn says what in a text has the form of a secret; "" where nothing has.
func (a *App) secretFormIn(typed typedText) string {
	switch {
	case a.holdsNew(typed.text, hasBareLogin), setPassword.MatchString(typed.text),
		slices.ContainsFunc(addressesIn(typed.text), func(address string) bool { return secret.AddressPassword(address) != "" }):
		return "an address with a password"
	case !slices.Contains(hexFlags, typed.flag) && a.holdsNew(typed.text, hasLongHex):
		return "64 hexadecimal digits, as a key has"
	}
	return ""
}

// refuseConfiguredSecrets refuses a command line that holds a secret of the settings, and a name in the settings that is
// one or holds one: names are shown and recorded.
func (a *App) refuseConfiguredSecrets(cmd *cobra.Command, settings *config.Settings) error {
	names := []typedText{{place: config.NameRecord, text: settings.Record}}
	if !slices.Contains(a.deps.Environ, "USER="+settings.Operator) && !slices.Contains(a.deps.Environ, "SUDO_USER="+settings.Operator) {
		names = append(names, typedText{place: config.NameOperator, text: settings.Operator})
	}
	for _, name := range names {
		if form := a.secretFormIn(name); form != "" {
			return typedSecretError(cmd, name.place+" holds "+form)
		}
	}
	for _, typed := range append(names, a.typed...) {
		isHeld := func(text string) bool { return settings.FindLongSecretIn(text) != "" }
		if !slices.Contains(selfCheckedFlags, typed.flag) && a.holdsNew(typed.text, isHeld) {
			return typedSecretError(cmd, typed.place+" holds the secret of "+settings.FindLongSecretIn(typed.text))
		}
	}
	return nil
}

// typedSecretError says where a secret was typed, and never what it is.
func typedSecretError(cmd *cobra.Command, message string) *ui.Error {
	failure := usageError(cmd, message)
	failure.Hints = append([]string{"leave it out; if it is a secret and stands in the history of a shell, make a new one"}, failure.Hints...)
	return failure
}

// addressesIn returns the addresses in a text, or the text itself, which may be an address in the form of libpq.
func addressesIn(text string) (list []string) {
	if !strings.Contains(text, "://") {
		return []string{text}
	}
	for _, place := range addressStart.FindAllStringIndex(text, -1) {
		address := text[place[0]:]
		if end := strings.IndexAny(address, " \t\n"); end >= 0 {
			address = address[:end]
		}
		list = append(list, address)
	}
	return list
}

func hasBareLogin(text string) bool {
	return bareLogin.MatchString(beforeName.ReplaceAllString(addressText.ReplaceAllString(text, ""), "$1"))
}

func hasLongHex(text string) bool { return longHex.MatchString(digest.ReplaceAllString(text, "")) }

// holdsNew reports whether a text holds what may be a secret, and not as the name of a file or a folder that is there:
// Docker, for one, names its volumes and the logs of its containers by 64 hexadecimal digits.
func (a *App) holdsNew(text string, holds func(string) bool) bool {
	if !holds(text) {
		return false
	}
	path := text
	if before, after, is := strings.Cut(text, ":"); is && (before == "envfile" || before == "dir") {
		path = after
	} else if _, after, is := strings.Cut(text, "="); is {
		path = after
	}
	for end := range len(path) + 1 {
		if end < len(path) && path[end] != filepath.Separator || !holds(path[:end]) {
			continue
		}
		part := path[:end]
		if !filepath.IsAbs(part) {
			part = filepath.Join(a.deps.Dir, part)
		}
		_, err := os.Lstat(part)
		return err != nil
	}
	return true
}
