package containers

import (
	"cmp"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// service is a container that a file starts.
type service struct {
	file        string // for people
	path        string // of the file, absolute
	name        string
	line        int
	kubernetes  bool
	image       string
	buildFolder string // absolute; "" for none, and for one that is not known
	buildFile   string // absolute
	words       []string
	env         map[string]string
	envFile     bool
	ports       []port
	hostNetwork bool
	mounts      map[string]string // paths in the container and on the host
}

// port is a port that a host opens.
type port struct {
	address string // "" for all
	target  string
	line    int
	unknown bool // the address depends on a variable
}

// services returns the services of a document.
func (d document) services() (list []service) {
	if d.kind == kubernetesDocument {
		return d.kubernetesServices()
	}
	pairs(get(d.root, "services"), func(key, value *yaml.Node) {
		if value == nil || value.Kind != yaml.MappingNode {
			return
		}
		one := service{file: d.name, path: d.path, name: key.Value, line: key.Line, image: interpolate(text(get(value, "image"))).text, env: map[string]string{}, mounts: map[string]string{}}
		one.readBuild(get(value, "build"), filepath.Dir(d.path))
		for _, node := range append(items(get(value, "entrypoint")), items(get(value, "command"))...) {
			one.words = append(one.words, strings.Fields(text(node))...)
		}
		one.readEnvironment(get(value, "environment"))
		one.envFile = get(value, "env_file") != nil
		for _, node := range items(get(value, "ports")) {
			one.ports = append(one.ports, composePort(node))
		}
		one.hostNetwork = text(get(value, "network_mode")) == "host"
		one.readMounts(value, d)
		list = append(list, one)
	})
	return list
}

// readBuild reads build:, a folder or a mapping (Compose build specification).
func (s *service) readBuild(node *yaml.Node, folder string) {
	if node == nil {
		return
	}
	context, file := text(node), ""
	if node.Kind == yaml.MappingNode {
		context, file = cmp.Or(text(get(node, "context")), "."), text(get(node, "dockerfile"))
	}
	where := interpolate(context)
	if where.variable || where.text == "" || strings.Contains(where.text, "://") || strings.HasPrefix(where.text, "git@") {
		return
	}
	s.buildFolder = fromFolder(folder, where.text)
	s.buildFile = fromFolder(s.buildFolder, cmp.Or(interpolate(file).text, "Dockerfile"))
}

// fromFolder returns an absolute path of one that is relative to a folder.
func fromFolder(folder, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, filepath.FromSlash(path))
}

// readEnvironment reads environment:, a mapping or a list of NAME=value.
func (s *service) readEnvironment(node *yaml.Node) {
	pairs(node, func(key, value *yaml.Node) { s.env[key.Value] = text(value) })
	if node != nil && node.Kind == yaml.SequenceNode {
		for _, one := range items(node) {
			name, value, _ := strings.Cut(text(one), "=")
			s.env[name] = value
		}
	}
}

// composePort reads a port in its short or its long form (Compose specification, ports).
func composePort(node *yaml.Node) port {
	one := port{line: node.Line}
	if node.Kind == yaml.MappingNode {
		address := interpolate(text(get(node, "host_ip")))
		one.address, one.unknown = strings.ReplaceAll(address.text, unknown, ""), address.variable
		one.target, _, _ = strings.Cut(interpolate(text(get(node, "target"))).text, "/")
		return one
	}
	short, _, _ := strings.Cut(interpolate(text(node)).text, "/")
	address := ""
	if at := strings.LastIndexByte(short, ':'); at >= 0 {
		address, short = short[:at], short[at+1:]
		// What is left is the host's port, with or without an address before it.
		at = strings.LastIndexByte(address, ':')
		address = address[:max(at, 0)]
	}
	one.target, one.address, one.unknown = short, strings.Trim(address, "[]"), strings.Contains(address, unknown) || short == unknown
	return one
}

// readMounts reads volumes: and configs:, as far as they are files of the project.
func (s *service) readMounts(node *yaml.Node, d document) {
	folder := filepath.Dir(d.path)
	for _, volume := range items(get(node, "volumes")) {
		source, target := text(get(volume, "source")), text(get(volume, "target"))
		if volume.Kind == yaml.ScalarNode {
			parts := strings.SplitN(volume.Value, ":", 3)
			if len(parts) < 2 {
				continue
			}
			source, target = parts[0], parts[1]
		}
		if strings.HasPrefix(source, ".") || filepath.IsAbs(source) {
			s.mounts[target] = fromFolder(folder, source)
		}
	}
	for _, config := range items(get(node, "configs")) {
		name, target := text(config), ""
		if config.Kind == yaml.MappingNode {
			name, target = text(get(config, "source")), text(get(config, "target"))
		}
		if file := text(get(get(get(d.root, "configs"), name), "file")); file != "" {
			s.mounts[cmp.Or(target, "/"+name)] = fromFolder(folder, file)
		}
	}
}

// kubernetesServices returns the containers of a manifest, and what a Service opens.
func (d document) kubernetesServices() (list []service) {
	kind, name := text(get(d.root, "kind")), text(get(get(d.root, "metadata"), "name"))
	spec := get(d.root, "spec")
	if kind == "Service" {
		if opened := text(get(spec, "type")); opened != "NodePort" && opened != "LoadBalancer" {
			return nil
		}
		one := service{file: d.name, path: d.path, name: "Service/" + name, line: d.root.Line, kubernetes: true}
		for _, node := range items(get(spec, "ports")) {
			one.ports = append(one.ports, port{line: node.Line, target: cmp.Or(text(get(node, "targetPort")), text(get(node, "port")))})
		}
		return []service{one}
	}
	pod := findPod(d.root, 12)
	for _, key := range []string{"initContainers", "containers"} {
		for _, node := range items(get(pod, key)) {
			one := service{file: d.name, path: d.path, name: kind + "/" + name + "/" + text(get(node, "name")), line: node.Line, kubernetes: true,
				image: text(get(node, "image")), hostNetwork: text(get(pod, "hostNetwork")) == "true", env: map[string]string{}}
			for _, word := range append(items(get(node, "command")), items(get(node, "args"))...) {
				one.words = append(one.words, strings.Fields(text(word))...)
			}
			for _, entry := range items(get(node, "env")) {
				one.env[text(get(entry, "name"))] = text(get(entry, "value"))
			}
			one.envFile = get(node, "envFrom") != nil
			for _, opened := range items(get(node, "ports")) {
				if text(get(opened, "hostPort")) != "" {
					one.ports = append(one.ports, port{address: text(get(opened, "hostIP")), target: text(get(opened, "containerPort")), line: opened.Line})
				}
			}
			list = append(list, one)
		}
	}
	return list
}

// findPod returns the mapping that has containers, wherever a kind has it.
func findPod(node *yaml.Node, depth int) (found *yaml.Node) {
	if depth == 0 || node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	if list := get(node, "containers"); list != nil && list.Kind == yaml.SequenceNode {
		return node
	}
	pairs(node, func(key, value *yaml.Node) {
		if found == nil && (key.Value == "spec" || key.Value == "template" || key.Value == "jobTemplate") {
			found = findPod(value, depth-1)
		}
	})
	return found
}
