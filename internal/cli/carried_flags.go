package cli

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/secretstore/securefile"
	"github.com/ocmt/ocmt/internal/ui"
)

// carriedNames are the flags that say what is changed where, and how the command asks. The printer carries those that
// say where the settings are.
var carriedNames = []string{"operator", "yes", "store", "backup", "allow-unsaved", "allow-unreached", "redis-ca", "redis-certificate", "redis-certificate-key",
	"routine", "incident", "two-roles", "userlist", "pgbouncer",
	"agent-store", "admin-store", "gateway-store", "gateway-config", "prove", "prove-timeout", "endpoint", "endpoint-ca", "old-file"}

// repeatedValue is the value of a flag that is given once for each of several.
type repeatedValue interface {
	// Texts returns the values as they were given.
	Texts() []string
}

// carriedFlags returns the flags that the next command needs too, as they were given.
func carriedFlags(flags *pflag.FlagSet) (carried []string) {
	flags.Visit(func(flag *pflag.Flag) {
		repeated, isRepeated := flag.Value.(repeatedValue)
		switch {
		case !slices.Contains(carriedNames, flag.Name):
		case flag.Value.Type() == "bool":
			carried = append(carried, "--"+flag.Name)
		case isRepeated:
			for _, text := range repeated.Texts() {
				carried = append(carried, "--"+flag.Name+" "+quoteWord(text))
			}
		default:
			carried = append(carried, "--"+flag.Name+" "+quoteWord(flag.Value.String()))
		}
	})
	return carried
}

// withFlags returns a command with carried flags, as a terminal may show it.
func withFlags(command string, carried []string) string {
	return ui.Clean(strings.Join(append([]string{command}, carried...), " "))
}

// keepFlags returns those of carried flags that another command has too.
func keepFlags(carried []string, names ...string) (kept []string) {
	for _, flag := range carried {
		name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), " ")
		if slices.Contains(names, name) {
			kept = append(kept, flag)
		}
	}
	return kept
}

// quoteWord returns a text as one word of a shell.
func quoteWord(text string) string {
	isPlain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@+", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !isPlain(r) }) {
		return text
	}
	return securefile.ShellQuote(text)
}
