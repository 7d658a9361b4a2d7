package cli

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// The forms that keygen writes a secret in.
const (
	formatRaw        = "raw"
	formatEnv        = "env"
	formatJSON       = "json"
	formatDocker     = "docker"
	formatKubernetes = "kubernetes"
)

var (
	formats = []string{formatRaw, formatEnv, formatJSON, formatDocker, formatKubernetes}
	// versionedFormats have a place for a version.
	versionedFormats = []string{formatEnv, formatJSON, formatKubernetes}
)

// setting returns the name of the secret in the forms that have one.
func (o *keygenOptions) setting(kind secret.Kind) string { return cmp.Or(o.Setting, kind.Setting) }

// render gives the secrets the form of the options. Only raw and json take more than one.
func (o *keygenOptions) render(kind secret.Kind, made []config.Secret) (string, error) {
	first := made[0].Reveal()
	switch o.Format {
	case formatEnv:
		text := o.setting(kind) + "=" + first + "\n"
		if o.KeyVersion.set {
			text += kind.VersionSetting + "=" + strconv.Itoa(o.KeyVersion.number) + "\n"
		}
		return text, nil
	case formatJSON:
		return o.renderDocuments(kind, made)
	case formatDocker:
		return first, nil
	case formatKubernetes:
		return o.renderManifest(kind, first), nil
	}
	var text strings.Builder
	for _, one := range made {
		text.WriteString(one.Reveal() + "\n")
	}
	return text.String(), nil
}

// renderDocuments returns one document over several lines, or several documents with a line for each.
func (o *keygenOptions) renderDocuments(kind secret.Kind, made []config.Secret) (string, error) {
	var all bytes.Buffer
	for _, one := range made {
		written := o.document(kind, one)
		written.Key = one.Reveal()
		text, err := ui.EncodeDocument("keygen", written)
		if err != nil {
			return "", err
		}
		if len(made) == 1 {
			return text, nil
		}
		if err := json.Compact(&all, []byte(text)); err != nil {
			return "", fmt.Errorf("writing a document into a line: %w", err)
		}
		all.WriteByte('\n')
	}
	return all.String(), nil
}

// renderManifest returns the manifest of a Kubernetes Secret (v1, core). The names of kinds have only small
// letters and hyphens, and those of settings capitals and _, as Kubernetes wants names of objects and keys.
func (o *keygenOptions) renderManifest(kind secret.Kind, text string) string {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	manifest := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: " + manifestName(kind) + "\ntype: Opaque\ndata:\n" +
		"  " + o.setting(kind) + ": " + encode(text) + "\n"
	if o.KeyVersion.set {
		manifest += "  " + kind.VersionSetting + ": " + encode(strconv.Itoa(o.KeyVersion.number)) + "\n"
	}
	return manifest
}

// manifestName returns the name of the object in Kubernetes.
func manifestName(kind secret.Kind) string { return "ocmt-" + kind.Name }

// document returns the document of a secret without the secret itself.
func (o *keygenOptions) document(kind secret.Kind, made config.Secret) keygenDocument {
	return keygenDocument{Kind: kind.Name, Setting: o.Setting, Fingerprint: kind.Fingerprint(made.Reveal()), KeyVersion: o.KeyVersion.pointer()}
}

// next says what to do with what was made.
func (o *keygenOptions) next(kind secret.Kind) string {
	switch {
	case o.Format == formatDocker && kind.Address:
		return "pipe it into docker secret create NAME -; then " + kind.Next
	case o.Format == formatDocker:
		return "pipe it into docker secret create " + o.setting(kind) + " -; then " + kind.Next
	case o.Format == formatKubernetes:
		return "pipe it into kubectl apply -f -, which makes the secret " + manifestName(kind) + "; then " + kind.Next
	}
	return kind.Next
}
