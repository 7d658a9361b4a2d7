package audit

import (
	"context"
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// GitSource is the git repositories of the folders that are looked at.
type GitSource interface {
	// Repositories returns each repository once.
	Repositories() []GitRepository
	// Unopened returns what could not be opened: a repository of another account, or one that is broken.
	Unopened() []Gap
	// Secrets tells which secrets the repositories are searched for.
	Secrets() SearchedSecrets
}

// GitRepository is one repository. The errors of its methods are each a *GapError, or that of the
// context. Nothing that it returns has a secret.
type GitRepository interface {
	// Name is the folder, as the operator named it.
	Name() string
	// File names a file of the repository as findings about files do; "" where its place is not known.
	File(path string) string
	// TrackedEnvFiles returns the env files that are tracked, and the examples of them.
	TrackedEnvFiles(ctx context.Context) ([]TrackedEnvFile, error)
	// History searches all objects. It is asked several times and searches once.
	History(ctx context.Context) (*GitHistory, error)
	// UnignoredEnvFiles returns the env files that the next "git add -A" would take, and the expected
	// names in the folder that it would take. bare says that there are no files.
	UnignoredEnvFiles(ctx context.Context, expected []string) (paths []string, bare bool, err error)
	// PlainFiles searches the plain files of the git directory.
	PlainFiles(ctx context.Context) (*GitPlainFiles, error)
}

// SearchedSecrets tells what a search looks for.
type SearchedSecrets struct {
	Names    []string // the settings
	TooShort []string // those that are not searched, because they have fewer characters than MinLength
	// MinLength is the number of characters from which on a secret is searched.
	MinLength int
}

// TrackedEnvFile is an env file, or an example of one, that a repository tracks.
type TrackedEnvFile struct {
	Path    string
	Example bool
	// Values are those settings of an example that are secrets, with their values.
	Values []ExampleValue
}

// ExampleValue is a setting of an example of an env file.
type ExampleValue struct {
	Setting string
	reveal  func() string
}

// NewExampleValue returns a setting of an example. Its value does not print.
func NewExampleValue(setting, value string) ExampleValue {
	return ExampleValue{Setting: setting, reveal: func() string { return value }}
}

// GitHistory is what all objects of a repository have.
type GitHistory struct {
	Objects  int64
	Secrets  []GitSecret
	EnvFiles []GitEnvFile
	Gaps     []Gap // why not all objects were seen
}

// GitSecret is a configured secret in the objects of a repository.
type GitSecret struct {
	Setting string
	Forms   []string // "plain", "Base64"
	Count   int64    // of objects
	Objects []GitObject
}

// GitEnvFile is an env file that was committed.
type GitEnvFile struct {
	Name    string
	Count   int64 // of contents
	Objects []GitObject
}

// GitObject is an object with the place where the history has it.
type GitObject struct {
	ID     string
	Kind   string // "blob", "tree", "commit" or "tag"
	Commit string // "" where it is in none, or was not found in time
	Path   string
}

// place says where an object is.
func (o GitObject) place() string {
	switch {
	case o.Commit != "":
		return "commit " + shortID(o.Commit) + ", " + o.Path
	case o.Kind == "commit":
		return "message of commit " + shortID(o.ID)
	default:
		return o.Kind + " " + shortID(o.ID) + ", in no commit that was found"
	}
}

// shortID returns the beginning of a hash, which git takes for the whole.
func shortID(id string) string { return id[:min(len(id), 12)] }

// GitPlainFiles is what the plain files of a git directory have.
type GitPlainFiles struct {
	Files []GitPlainFile
	Gaps  []Gap
}

// GitPlainFile is a file of a git directory that has a secret or a credential.
type GitPlainFile struct {
	Path        string   // within the git directory
	Settings    []string // whose secrets it has
	Credentials int64    // lines with a password or a token in an address, or an authorization
}

const gitRight = "to read the repository as the account that owns it"

func gitChecks() []Check {
	source := func(s *Sources) Source[GitSource] { return s.Git }
	return []Check{{
		ID: "OCMT-GIT-001", Severity: Critical, Title: "An env file is tracked by git",
		Why:      "Every clone and every fork has the secrets, and keeps them when the file is removed.",
		LooksAt:  "git ls-files, or the files of HEAD in a bare repository; the values in examples such as .env.example",
		Right:    gitRight,
		NotFault: "An example is a fault only where it has a value that is neither empty nor a placeholder.",
		Fix:      "git rm --cached the file, add it to .gitignore, and rotate every secret in it", Source: "operators' document, environment",
		look: with(source, lookAtTracked),
	}, {
		ID: "OCMT-GIT-002", Severity: Critical, Title: "A configured secret in the history of a git repository",
		Why:      "Whoever has a clone has the secret, also from deleted branches, stashes and files that were only staged.",
		LooksAt:  "all objects of the repository, reachable or not, for each secret as it is, URL-encoded, in JSON, UTF-16, hex and Base64",
		Right:    gitRight + ", and the secrets",
		NotFault: "Secrets of fewer than 12 characters occur by chance, are not searched, and are named.",
		Fix:      "rotate the secret first; then cut it out of the history with git filter-repo, and let all clones be made anew", Source: "operators' document, never in version control",
		look: with(source, lookAtHistory),
	}, {
		ID: "OCMT-GIT-003", Severity: High, Title: "An env file was once committed to a git repository",
		Why:      "What was in it can still be read, also where it is no longer configured here.",
		LooksAt:  "the names in all trees of the repository",
		Right:    gitRight,
		NotFault: "Examples, samples and templates by their name; other files without secrets are accepted in the baseline, by their content.",
		Fix:      "rotate what was in it; then cut it out of the history with git filter-repo", Source: "operators' document, never in version control",
		look: with(source, lookAtEnvHistory),
	}, {
		ID: "OCMT-GIT-004", Severity: Medium, Title: "An env file is not ignored by git",
		Why:      "The next \"git add\" of everything commits it.",
		LooksAt:  "git check-ignore of .env, and git ls-files --others for env files that are there",
		Right:    gitRight,
		NotFault: "The excludes of this user do not count, because others do not have them.",
		Fix:      "add .env and .env.* to .gitignore, with !.env.example", Source: "operators' document, environment",
		look: with(source, lookAtIgnored),
	}, {
		ID: "OCMT-GIT-005", Severity: High, Title: "A credential in the git directory",
		Why:      "The files of the git directory are copied with it, and read by backups and build servers.",
		LooksAt:  "config, reflogs, messages, hooks, packed refs and other plain files, for configured secrets, passwords in addresses and authorization headers",
		Right:    gitRight,
		NotFault: "An address with a user and no password is none, nor is a variable of a shell.",
		Fix:      "use a credential helper or a deploy key, take the credential out of the file, and rotate it", Source: "gitcredentials(7)",
		look: with(source, lookAtGitDirectory),
	}}
}

// eachRepository looks at all repositories. One that cannot be looked at is a gap, and the others go on.
func eachRepository(ctx context.Context, source GitSource, look func(GitRepository, *Seen) error) (Seen, error) {
	seen := Seen{Gaps: source.Unopened()}
	list := source.Repositories()
	if len(list) == 0 && len(seen.Gaps) == 0 {
		seen.Absent = "no folder is in a git repository"
	}
	for _, repository := range list {
		err := look(repository, &seen)
		if ctx.Err() != nil {
			return seen, context.Cause(ctx)
		}
		if err != nil {
			seen.Gaps = append(seen.Gaps, gapOf(Check{LooksAt: "repository " + repository.Name()}, err))
		}
	}
	seen.Looked = countThings(int64(len(list)), "repository", "repositories")
	return seen, nil
}

func lookAtTracked(ctx context.Context, _ *Sources, source GitSource) (Seen, error) {
	return eachRepository(ctx, source, func(r GitRepository, seen *Seen) error {
		files, err := r.TrackedEnvFiles(ctx)
		for _, file := range files {
			fault := Fault{Object: r.Name() + ": " + file.Path, Message: "is tracked by git", Places: []string{file.Path}, File: r.File(file.Path),
				Expected: "not tracked", Actual: "tracked"}
			if file.Example {
				live := liveValues(file)
				if len(live) == 0 {
					continue
				}
				fault.Message, fault.Severity = "is an example with values that are no placeholders", High
				fault.Expected, fault.Actual = "empty values and placeholders", "a value for "+strings.Join(live, ", ")
				fault.Fix = "put placeholders into the example, and rotate the secrets that were in it"
			}
			seen.Faults = append(seen.Faults, fault)
		}
		return err
	})
}

// liveValues returns the settings of an example whose values may be secrets.
func liveValues(file TrackedEnvFile) []string {
	var list []string
	for _, value := range file.Values {
		if !isExampleValue(value.reveal()) {
			list = append(list, value.Setting)
		}
	}
	return list
}

// exampleWords are in values that somebody is to replace.
var exampleWords = []string{"your", "change", "generate", "example", "placeholder", "replace", "xxx", "...", "secret-here", "token-here", "todo",
	"dummy", "changeme", "insert", "redacted"}

// shortestLive is the number of characters from which on a value of an example can be a secret.
const shortestLive = 8

// isExampleValue reports whether a value of an example is none that anybody uses: it is empty, one of
// those of the documents (contract, section 2), a variable, or says that it is to be replaced.
func isExampleValue(value string) bool {
	lower := strings.ToLower(value)
	if len(value) < shortestLive || secret.IsPlaceholder(value) || strings.HasPrefix(value, "<") || strings.Contains(value, "${") {
		return true
	}
	for _, word := range exampleWords {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return strings.Trim(value, value[:1]) == "" // one character many times
}

func lookAtIgnored(ctx context.Context, _ *Sources, source GitSource) (Seen, error) {
	bareOnes := 0
	seen, err := eachRepository(ctx, source, func(r GitRepository, seen *Seen) error {
		paths, bare, err := r.UnignoredEnvFiles(ctx, []string{".env"})
		if bare {
			bareOnes++
		}
		for _, path := range paths {
			seen.Faults = append(seen.Faults, Fault{Object: r.Name() + ": " + path, Cause: r.Name() + ": env files",
				Message: "are not ignored by git", Expected: "an entry in .gitignore", Actual: "none that fits", Places: []string{path}, File: r.File(".gitignore")})
		}
		return err
	})
	if bareOnes > 0 && bareOnes == len(source.Repositories()) && len(seen.Gaps) == 0 {
		seen.Absent = "no repository has files checked out"
	}
	return seen, err
}

func lookAtGitDirectory(ctx context.Context, _ *Sources, source GitSource) (Seen, error) {
	seen, err := eachRepository(ctx, source, func(r GitRepository, seen *Seen) error {
		plain, err := r.PlainFiles(ctx)
		if plain == nil {
			return err
		}
		seen.Gaps = append(seen.Gaps, plain.Gaps...)
		for _, file := range plain.Files {
			object := r.Name() + ": " + file.Path + " of the git directory"
			for _, setting := range file.Settings {
				seen.Faults = append(seen.Faults, Fault{Object: object + ", " + setting, Message: "has the secret " + setting,
					Expected: "no secret", Actual: setting, Places: []string{file.Path}})
			}
			if file.Credentials > 0 {
				seen.Faults = append(seen.Faults, Fault{Object: object, Message: "has a credential in an address or a header", Count: file.Credentials,
					Expected: "addresses without a password", Actual: fmt.Sprintf("%d with one", file.Credentials), Places: []string{file.Path}})
			}
		}
		return err
	})
	seen.Gaps = append(seen.Gaps, source.Secrets().gaps("the plain files of git directories")...)
	return seen, err
}
