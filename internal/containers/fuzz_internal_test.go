package containers

import (
	"context"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
)

// FuzzIgnore: whatever a .dockerignore has, it is read or refused, and one without exceptions never takes a
// file in that a pattern names whole.
func FuzzIgnore(f *testing.F) {
	for _, seed := range []string{".env\n", "*\n!.env\n", "**/.env*\n", "[\n", "a\\\n", "!\n"} {
		f.Add([]byte(seed), ".env")
	}
	f.Fuzz(func(t *testing.T, text []byte, file string) {
		ignored, err := parseIgnore(text)
		if err != nil {
			return
		}
		ignored(file)
		if !strings.ContainsAny(string(text), "!#\ufeff") && strings.TrimSpace(string(text)) == ".env" && !ignored(".env") {
			t.Error("a pattern does not match its own name")
		}
	})
}

// FuzzCompose: whatever a compose file or a manifest has, reading it ends.
func FuzzCompose(f *testing.F) {
	for _, seed := range []string{
		"services:\n  a: &a {image: redis, ports: ['${A:-1}:2', {target: 3}], <<: *a}\n", "services: {a: {environment: [A=b], build: {context: .}, command: redis-server --requirepass}}",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, data: {a: b}}]\n", "services: {a: {<<: [x, {image: y}], volumes: [a:b, {}]}}", "services: {a: {ports: [':', '::', '[']}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		documents, _ := parseYAML("/x/compose.yml", "compose.yml", text)
		source := New(Options{})
		for _, one := range documents {
			source.found.services = append(source.found.services, one.services()...)
		}
		source.found.documents = documents
		source.walk.Do(func() {})
		for _, ask := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := source.Literals(ctx); return err },
			func(ctx context.Context) error { _, err := source.Published(ctx); return err },
			func(ctx context.Context) error { _, err := source.RedisServices(ctx); return err },
		} {
			if err := ask(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzDockerfile: whatever a Dockerfile has, reading it ends, and the lines of instructions rise.
func FuzzDockerfile(f *testing.F) {
	for _, seed := range []string{"FROM a\nCOPY <<E x\nE\nENV A=\"b c\" D\n", "#escape=`\nRUN a `\n b\n", "COPY [\"a\", \"b\"]", "FROM a AS a\nFROM a\n", "RUN \\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		list := parseDockerfile(text)
		for _, one := range list {
			if one.line <= last {
				t.Fatalf("line %d comes behind %d", one.line, last)
			}
			last = one.line
			copiedBy(one)
			assignments(one)
		}
		shippedStages(list)
	})
}

// If this fails, a variable with a default is taken for one without, or the other way round.
func TestInterpolation(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]interpolated{
		"${A}":                {text: unknown, variable: true},
		"$A-b":                {text: unknown + "-b", variable: true, fixed: true},
		"${A:-b}":             {text: "b", defaulted: true},
		"${A-${B:-c}}":        {text: "c", defaulted: true},
		"${A:-}":              {},
		"${A:?message}":       {text: unknown, variable: true},
		"a$$b":                {text: "a$b", fixed: true},
		"${A":                 {text: "${A", fixed: true},
		"$1":                  {text: "$1", fixed: true},
		"x${A:-b}${C}":        {text: "xb" + unknown, variable: true, defaulted: true, fixed: true},
		"":                    {},
		"costs 5$":            {text: "costs 5$", fixed: true},
		"${A:+other}":         {text: "other", defaulted: true},
		"${A:-${B:-${C}}}end": {text: unknown + "end", variable: true, fixed: true},
	} {
		if got := interpolate(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// If this fails, the library reads a .dockerignore otherwise than Docker says in its reference.
func TestPatternsOfTheReference(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, file string
		want          bool
	}{
		{"*/temp*", "somedir/temporary.txt", true}, {"*/temp*", "temporary.txt", false}, {"*/*/temp*", "somedir/subdir/temporary.txt", true}, {"temp?", "tempa", true},
		{"**/*.go", "a/b/c.go", true}, {"**/*.go", "c.go", true}, {"*.md\n!README.md", "README.md", false}, {"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
		{"/foo/bar/", "foo/bar/x", true}, {"foo/../bar", "bar", true},
	} {
		ignored, err := parseIgnore([]byte(test.pattern))
		if err != nil || ignored(test.file) != test.want {
			t.Errorf("%q of %q: want %v, %v", test.file, test.pattern, test.want, err)
		}
	}
	if _, err := patternmatcher.New([]string{"["}); err == nil {
		t.Error("the library no longer refuses what Docker refuses")
	}
}
