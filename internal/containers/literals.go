package containers

import (
	"context"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// Literals implements audit.ContainerSource.
func (s *Source) Literals(ctx context.Context) (audit.LiteralList, error) {
	found, err := s.read(ctx)
	if err != nil {
		return audit.LiteralList{}, err
	}
	list := audit.LiteralList{Gaps: slices.Clone(found.gaps), Looked: len(found.dockerfiles)}
	known := map[string]bool{}
	for _, one := range found.dockerfiles {
		for _, step := range one.instructions {
			for _, literal := range s.literalsOf(step) {
				literal.File, literal.Line = one.name, step.line
				list.Literals = addLiteral(list.Literals, literal)
			}
		}
	}
	for _, one := range found.documents {
		if !known[one.path] {
			known[one.path] = true
			list.Looked++
		}
		search := literalSearch{source: s, document: one}
		search.walk(one.root, nil)
		for _, literal := range search.found {
			list.Literals = addLiteral(list.Literals, literal)
		}
	}
	return list, nil
}

// addLiteral adds a secret to a list. One place is told once, by the first that was found there.
func addLiteral(list []audit.Literal, one audit.Literal) []audit.Literal {
	at := slices.IndexFunc(list, func(l audit.Literal) bool { return l.File == one.File && l.Where == one.Where })
	if at < 0 {
		return append(list, one)
	}
	for _, name := range one.Settings {
		if !slices.Contains(list[at].Settings, name) {
			list[at].Settings = append(list[at].Settings, name)
		}
	}
	return list
}

// literalsOf returns the secrets in one instruction of a Dockerfile.
func (s *Source) literalsOf(step instruction) (list []audit.Literal) {
	pairs := assignments(step)
	for _, pair := range pairs {
		one := audit.Literal{Where: step.name + " " + pair[0], Settings: s.find(pair[1])}
		if len(one.Settings) > 0 {
			list = append(list, one)
			continue
		}
		if !ocmt.IsSecretName(pair[0]) {
			continue
		}
		switch value := interpolate(pair[1]); {
		case value.variable, pair[1] == "" && step.name == "ARG":
			one.Kind = audit.BuildArgument
		case !isSecretText(value.text):
			continue
		case value.defaulted:
			one.Kind = audit.DefaultText
		}
		list = append(list, one)
	}
	if len(pairs) == 0 {
		if settings := s.find(step.rest); len(settings) > 0 {
			list = append(list, audit.Literal{Where: step.name, Settings: settings})
		}
	}
	return list
}

// literalSearch goes through a document of YAML.
type literalSearch struct {
	source   *Source
	document document
	found    []audit.Literal
}

// walk looks at all texts below a node. An alias is not followed, because what it stands for is looked at
// where it is written.
func (l *literalSearch) walk(node *yaml.Node, where []string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below := append(slices.Clip(where), key.Value)
			if value.Kind == yaml.ScalarNode {
				l.look(key.Value, value, below)
				continue
			}
			l.walk(value, below)
		}
		if name := text(get(node, "name")); l.document.kind == kubernetesDocument && ocmt.IsSecretName(name) && get(node, "value") != nil {
			l.add(name, text(get(node, "value")), get(node, "value"), append(slices.Clip(where), name))
		}
	case yaml.SequenceNode:
		for _, one := range node.Content {
			if one.Kind != yaml.ScalarNode {
				l.walk(one, l.item(one, where))
				continue
			}
			name, value, is := strings.Cut(one.Value, "=")
			if is && ocmt.IsSecretName(name) {
				l.add(name, value, one, append(slices.Clip(where), name))
				continue
			}
			l.look("", one, where)
		}
	}
}

// item returns the place of an item of a sequence: its name, because its position changes.
func (l *literalSearch) item(node *yaml.Node, where []string) []string {
	if name := text(get(node, "name")); name != "" {
		return append(slices.Clip(where), name)
	}
	return where
}

// look looks at a text and the key that it stands under.
func (l *literalSearch) look(key string, value *yaml.Node, where []string) {
	if l.isSecretData(where) && isSecretText(value.Value) && value.Tag != "!!null" {
		l.found = append(l.found, audit.Literal{File: l.document.name, Line: value.Line, Where: l.name(where), Settings: l.source.find(value.Value)})
		return
	}
	l.add(key, value.Value, value, where)
}

// isSecretData reports whether a place is the data of a Secret of Kubernetes.
func (l *literalSearch) isSecretData(where []string) bool {
	return l.document.kind == kubernetesDocument && len(where) == 2 && (where[0] == "data" || where[0] == "stringData") && text(get(l.document.root, "kind")) == "Secret"
}

// add adds a text, if it is a configured secret, or that of a setting that is one.
func (l *literalSearch) add(name, value string, node *yaml.Node, where []string) {
	one := audit.Literal{File: l.document.name, Line: node.Line, Where: l.name(where), Settings: l.source.find(value)}
	if len(one.Settings) == 0 {
		read := interpolated{text: value}
		if l.document.kind == composeDocument {
			read = interpolate(value)
		}
		reference := l.document.kind == kubernetesDocument && strings.HasPrefix(value, "$(")
		if !ocmt.IsSecretName(name) || node.Tag == "!!null" || reference || read.variable && !strings.Contains(read.text, "://") || !isSecretText(read.text) {
			return
		}
		if read.defaulted {
			one.Kind = audit.DefaultText
		}
	}
	l.found = append(l.found, one)
}

// name returns a place for people.
func (l *literalSearch) name(where []string) string {
	name := strings.Join(where, ".")
	if l.document.kind == kubernetesDocument {
		name = text(get(l.document.root, "kind")) + "/" + text(get(get(l.document.root, "metadata"), "name")) + " " + name
	}
	return name
}
