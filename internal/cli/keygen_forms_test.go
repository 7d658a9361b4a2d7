package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/ocmt/ocmt/pkg/secret"
)

// objectName and dataKey are what Kubernetes takes as the name of an object (RFC 1123) and as a key of a Secret.
var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	dataKey    = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)
)

// manifest is a Secret of Kubernetes.
type manifest struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   map[string]string `yaml:"metadata"`
	Type       string            `yaml:"type"`
	Data       map[string]string `yaml:"data"`
}

// If a form were not read back as the secret, the server would be started with another one than the one
// that was made, and recorded by its fingerprint.
func TestKeygenForms(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.MadeKinds() {
		for _, format := range formats {
			t.Run(kind.Name+" "+format, func(t *testing.T) {
				t.Parallel()
				deps, out, diagnostics := testDeps(t)
				deps.Streams.ErrTTY = true
				code := Main(context.Background(), []string{"keygen", kind.Name, "--format", format}, deps)
				if kind.Address && (format == formatEnv || format == formatKubernetes) {
					if code != 2 || out.String() != "" {
						t.Errorf("code %d: a password was written as an address", code)
					}
					return
				}
				text := readSecret(t, kind, format, out.String())
				if code != 0 || text == "" || len(kind.Check(text)) > 0 {
					t.Fatalf("code %d, and what is read back is no secret of the kind", code)
				}
				for _, want := range []string{kind.Label + " fingerprint " + kind.Fingerprint(text), "next: ", kind.Next} {
					if !strings.Contains(diagnostics.String(), want) {
						t.Errorf("standard error lacks %q", want)
					}
				}
				if strings.Contains(diagnostics.String(), text) {
					t.Error("standard error shows the secret")
				}
			})
		}
	}
}

// readSecret reads a form as whoever gets it does.
func readSecret(t *testing.T, kind secret.Kind, format, text string) string {
	t.Helper()
	switch format {
	case formatEnv:
		name, value, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "=")
		if name != kind.Setting {
			t.Errorf("the line is of %s", name)
		}
		return value
	case formatJSON:
		var document keygenDocument
		if err := json.Unmarshal([]byte(text), &document); err != nil || document.Kind != kind.Name || document.Fingerprint != kind.Fingerprint(document.Key) {
			t.Errorf("the document is not of the secret: %v", err)
		}
		return document.Key
	case formatKubernetes:
		return readManifest(t, kind, text)
	case formatDocker:
		return text // with its last line end, if there were one
	}
	return strings.TrimSuffix(text, "\n")
}

func readManifest(t *testing.T, kind secret.Kind, text string) string {
	t.Helper()
	var read manifest
	if err := yaml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatal(err)
	}
	if read.APIVersion != "v1" || read.Kind != "Secret" || read.Type != "Opaque" || !objectName.MatchString(read.Metadata["name"]) || len(read.Data) != 1 {
		t.Errorf("is no Secret: %s %s %s, named %q", read.APIVersion, read.Kind, read.Type, read.Metadata["name"])
	}
	value, err := base64.StdEncoding.DecodeString(read.Data[kind.Setting])
	if err != nil || !dataKey.MatchString(kind.Setting) {
		t.Errorf("the data are not Base64 under a valid key: %v", err)
	}
	return string(value)
}

// If what a report says to do were refused, the operator would stand there at night with a secret that is no
// good and no way to make another.
func TestKeygenFollowsTheFixes(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`ocmt keygen ([a-z-]+)`)
	followed := 0
	for _, kind := range secret.Kinds() {
		for _, found := range kind.Check("change-me-to-a-long-random-token") {
			for _, match := range command.FindAllStringSubmatch(found.Fix, -1) {
				followed++
				if !slices.Contains(kindNames(), match[1]) {
					t.Errorf("%s: keygen does not make %s", kind.Name, match[1])
				}
			}
		}
	}
	if followed != len(secret.MadeKinds()) {
		t.Errorf("%d fixes name keygen, and it makes %d kinds", followed, len(secret.MadeKinds()))
	}
}
