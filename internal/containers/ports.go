package containers

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// The servers whose ports are for their neighbours only.
const (
	redisServer    = "Redis"
	postgresServer = "PostgreSQL"
	agentServer    = "the agent server"
	gatewayServer  = "the gateway"
)

// serverImages are names of images, and of services, by what they serve.
var serverImages = map[string]string{
	"redis": redisServer, "redis-stack": redisServer, "redis-stack-server": redisServer, "valkey": redisServer, "keydb": redisServer, "dragonfly": redisServer, "redis-cluster": redisServer, "redismod": redisServer,
	"postgres": postgresServer, "postgresql": postgresServer, "postgis": postgresServer, "timescaledb": postgresServer, "timescaledb-ha": postgresServer, "pgvector": postgresServer,
	"pgbouncer": postgresServer, "supabase-postgres": postgresServer,
	"openclaw": gatewayServer, "openclaw-gateway": gatewayServer, "ocmt-gateway": gatewayServer,
	"agent-server": agentServer, "ocmt-agent": agentServer, "ocmt-agent-server": agentServer, "agent": agentServer,
}

// serverPorts are the ports that these servers listen on where nothing else says so.
var serverPorts = map[string]string{"6379": redisServer, "5432": postgresServer, "6432": postgresServer, "18789": gatewayServer}

// usualPort returns the port of a server.
var usualPort = map[string]string{redisServer: "6379", postgresServer: "5432", gatewayServer: "18789"}

// serves says what a service is by its image or its name; "" for none that is looked at.
func (s *service) serves() string {
	if what := serverImages[imageName(s.image)]; what != "" {
		return what
	}
	if s.image != "" && !s.ours() {
		return ""
	}
	name := strings.ToLower(path.Base(s.name))
	if name == "gateway" {
		return gatewayServer
	}
	return serverImages[name]
}

// ours reports whether an image may be one of OCMT, or of the operator.
func (s *service) ours() bool {
	return s.buildFolder != "" || strings.Contains(s.image, "ocmt") || strings.Contains(s.image, "openclaw") || s.image == ""
}

// imageName returns the name of an image without its registry, its tag and its digest.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	base := path.Base(image)
	base, _, _ = strings.Cut(base, ":")
	return strings.ToLower(base)
}

// Published implements audit.ContainerSource.
func (s *Source) Published(ctx context.Context) (audit.PublishedList, error) {
	found, err := s.read(ctx)
	if err != nil {
		return audit.PublishedList{}, err
	}
	list := audit.PublishedList{Looked: len(found.services), Gaps: slices.Clone(found.gaps)}
	for _, one := range found.services {
		what := one.serves()
		for _, opened := range one.ports {
			served := what
			if served == "" {
				served = serverPorts[opened.target]
			}
			switch {
			case served == "":
			case opened.unknown:
				list.Gaps = append(list.Gaps, audit.Gap{What: "the port of " + one.name + " in " + one.file, Reason: "its address depends on a variable", Grant: "write 127.0.0.1: before it, or give the variable a default"})
			default:
				list.Ports = append(list.Ports, audit.PublishedPort{File: one.file, Line: opened.line, Service: one.name, What: served, Address: opened.address, Port: opened.target})
			}
		}
		if one.hostNetwork && what != "" && !one.isBoundToLoopback() {
			list.Ports = append(list.Ports, audit.PublishedPort{File: one.file, Line: one.line, Service: one.name, What: what, Port: usualPort[what]})
		}
	}
	return list, nil
}

// isBoundToLoopback reports whether the arguments of a server bind it to the host itself.
func (s *service) isBoundToLoopback() bool {
	for i, word := range s.words {
		if (word == "--bind" || word == "--host" || word == "-h") && i+1 < len(s.words) {
			return s.words[i+1] == "127.0.0.1" || s.words[i+1] == "loopback" || s.words[i+1] == "localhost"
		}
	}
	return false
}
