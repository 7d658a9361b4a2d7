package containers

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// documentKind says what a document of YAML describes.
type documentKind uint8

const (
	composeDocument documentKind = iota
	kubernetesDocument
)

// document is a document of YAML that describes containers.
type document struct {
	path string // absolute
	name string // for people
	kind documentKind
	root *yaml.Node
}

// errYAML says that a file cannot be read. It repeats nothing of the text.
var errYAML = errors.New("it is no YAML, or a template of it")

// parseYAML returns the documents of a file that describe containers. A file that is neither a compose file
// nor a manifest has none. The error is errYAML.
func parseYAML(path, name string, text []byte) (list []document, _ error) {
	isManifest := bytes.Contains(text, []byte("apiVersion:")) && bytes.Contains(text, []byte("kind:"))
	if !isManifest && !isComposeName(path) && !bytes.Contains(text, []byte("services:")) {
		return nil, nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			if isManifest || isComposeName(path) {
				return list, errYAML
			}
			return list, nil
		}
		if len(node.Content) > 0 {
			list = append(list, divide(document{path: path, name: name, root: node.Content[0]})...)
		}
	}
}

// divide returns a document if it describes containers, and the items of a List of Kubernetes.
func divide(one document) (list []document) {
	switch {
	case get(one.root, "apiVersion") != nil && get(one.root, "kind") != nil:
		one.kind = kubernetesDocument
		if items := get(one.root, "items"); items != nil && items.Kind == yaml.SequenceNode {
			for _, item := range items.Content {
				list = append(list, document{path: one.path, name: one.name, kind: kubernetesDocument, root: resolve(item)})
			}
			return list
		}
		return []document{one}
	case get(one.root, "services") != nil || isComposeName(one.path):
		return []document{one}
	default:
		return nil
	}
}

// resolve returns the node that an alias stands for.
func resolve(node *yaml.Node) *yaml.Node {
	for range 10 {
		if node == nil || node.Kind != yaml.AliasNode {
			return node
		}
		node = node.Alias
	}
	return nil
}

// get returns the value of a key of a mapping, also of one that is merged in; nil for none.
func get(node *yaml.Node, key string) *yaml.Node { return getWithin(node, key, 10) }

func getWithin(node *yaml.Node, key string, depth int) *yaml.Node {
	node = resolve(node)
	if node == nil || depth == 0 {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return resolve(node.Content[i+1])
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == "<<" {
			for _, merged := range mergedInto(node.Content[i+1]) {
				if value := getWithin(merged, key, depth-1); value != nil {
					return value
				}
			}
		}
	}
	return nil
}

// text returns the text of a scalar; "" for anything else, and for null.
func text(node *yaml.Node) string {
	node = resolve(node)
	if node == nil || node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		return ""
	}
	return node.Value
}

// pairs calls visit for each key of a mapping with its value, those that are merged in too.
func pairs(node *yaml.Node, visit func(key, value *yaml.Node)) { pairsWithin(node, visit, 10) }

func pairsWithin(node *yaml.Node, visit func(key, value *yaml.Node), depth int) {
	node = resolve(node)
	if node == nil || node.Kind != yaml.MappingNode || depth == 0 {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == "<<" {
			for _, merged := range mergedInto(node.Content[i+1]) {
				pairsWithin(merged, visit, depth-1)
			}
			continue
		}
		visit(node.Content[i], resolve(node.Content[i+1]))
	}
}

// mergedInto returns the mappings that a merge key names.
func mergedInto(node *yaml.Node) []*yaml.Node {
	if node = resolve(node); node != nil && node.Kind == yaml.SequenceNode {
		return node.Content
	}
	return []*yaml.Node{node}
}

// items returns the items of a sequence; a scalar is one item.
func items(node *yaml.Node) []*yaml.Node {
	node = resolve(node)
	switch {
	case node == nil:
		return nil
	case node.Kind == yaml.SequenceNode:
		list := make([]*yaml.Node, 0, len(node.Content))
		for _, one := range node.Content {
			if one = resolve(one); one != nil {
				list = append(list, one)
			}
		}
		return list
	case node.Kind == yaml.ScalarNode && node.Tag != "!!null":
		return []*yaml.Node{node}
	default:
		return nil
	}
}
