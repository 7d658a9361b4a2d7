package gitrepo

import "strings"

// examples are the parts of a name that make it an example.
var examples = []string{"example", "sample", "template", "dist", "default"}

// IsEnvName reports whether a file name is that of an env file, such as .env, .env.production,
// prod.env or .envrc, and whether it is that of an example of one.
func IsEnvName(name string) (env, example bool) {
	name = strings.ToLower(name)
	env = name == ".env" || name == ".envrc" || strings.HasSuffix(name, ".env") ||
		strings.HasPrefix(name, ".env.") || strings.HasPrefix(name, ".env-") || strings.HasPrefix(name, ".env_")
	for _, part := range examples {
		if env && strings.Contains(name, part) {
			return true, true
		}
	}
	return env, false
}
