package cli

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// carriedNames are the flags that say what is changed where, and how the command asks.
var carriedNames = []string{"config", "env-file", "record", "operator", "yes", "store", "backup", "allow-unsaved", "allow-unreached", "redis-ca", "redis-certificate", "redis-certificate-key",
	"routine", "incident", "two-roles", "userlist", "pgbouncer"}

// carriedFlags returns the flags that the next command needs too, as they were given.
func carriedFlags(flags *pflag.FlagSet) (carried []string) {
	flags.Visit(func(flag *pflag.Flag) {
		switch {
		case !slices.Contains(carriedNames, flag.Name):
		case flag.Value.Type() == "bool":
			carried = append(carried, "--"+flag.Name)
		default:
			carried = append(carried, "--"+flag.Name+" "+quoteWord(flag.Value.String()))
		}
	})
	return carried
}

// quoteWord returns a text as one word of a shell.
func quoteWord(text string) string {
	isPlain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@+", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !isPlain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
