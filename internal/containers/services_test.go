package containers_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
)

// If this fails, a port for the host alone is a fault.
func TestPortsOfTheHostPass(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.wantOutcome("OCMT-DOC-003", audit.NotApplicable)
	p.write("compose.yml", `services:
  redis: {image: "redis:7", ports: ["127.0.0.1:6379:6379", "[::1]:6379:6379/tcp"], expose: [6379]}
  db: {image: postgres, ports: ["${BIND:-127.0.0.1}:5432:5432"]}
  cache: {image: redis, ports: [{target: 6379, published: 6379, host_ip: 127.0.0.1}]}
  web: {build: ., ports: ["443:443"]}
  metrics: {image: oliver006/redis_exporter, ports: ["9121:9121"]}
  gateway: {image: nginx, ports: ["80:80"]}
`)
	p.write("svc.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: redis}\nspec: {ports: [{port: 6379}]}\n")
	p.wantOutcome("OCMT-DOC-003", audit.Pass)
}

// If this fails, Redis with the keys of unlocked vaults is open to the network.
func TestOpenPortsAreFound(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("compose.yml", `services:
  redis: {image: "registry.example.org:5000/redis:7", ports: ["6379:6379"]}
  any: {image: own, ports: ["0.0.0.0:15432:5432"]}
  agent-server: {build: ., ports: [{target: 4000, published: 4000}]}
  gateway: {image: "openclaw/openclaw@sha256:0123", network_mode: host}
  db: {image: postgres, ports: [5432]}
`)
	p.write("k8s.yml", "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: NodePort, ports: [{port: 5432}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: redis, ports: [{containerPort: 6379, hostPort: 6379}]}]}\n")
	p.wantFindings("OCMT-DOC-003", "high: compose.yml redis opens Redis to the network | port 6379 at all addresses of the host | compose.yml line 2", "compose.yml any opens PostgreSQL to the network | port 5432 at 0.0.0.0",
		"compose.yml agent-server opens the agent server", "compose.yml gateway opens the gateway to the network | port 18789", "compose.yml db opens PostgreSQL", "k8s.yml Service/db opens PostgreSQL", "k8s.yml Pod/p/c opens Redis")
	p = newProject(t)
	p.write("compose.yml", "services:\n  redis: {image: redis, ports: [\"${BIND}:6379:6379\"]}\n")
	p.wantOutcome("OCMT-DOC-003", audit.Unchecked)
}

// If this fails, a Redis that takes its password from a file is a fault.
func TestRedisWithKeptPasswordPasses(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.wantOutcome("OCMT-DOC-004", audit.NotApplicable)
	p.write("redis.conf", "appendonly yes\nrequirepass \"abc\"\n")
	p.write("compose.yml", `services:
  one: {image: redis, command: redis-server /etc/redis.conf --appendonly yes, volumes: ["./redis.conf:/etc/redis.conf:ro"]}
  two: {image: redis, command: [redis-server, --aclfile, /run/secrets/acl]}
  three: {image: redis, command: [sh, -c, 'exec redis-server --requirepass "$$(cat /run/secrets/redis)"']}
  four: {image: bitnami/redis, environment: {REDIS_PASSWORD_FILE: /run/secrets/redis}}
  five: {image: valkey/valkey, command: /c/redis.conf, configs: [{source: c, target: /c/redis.conf}]}
configs:
  c: {file: ./redis.conf}
`)
	p.wantOutcome("OCMT-DOC-004", audit.Pass)
}

// If this fails, a Redis without a password, or with one that ps shows, goes unseen.
func TestRedisPasswordsAreFound(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("redis.conf", "appendonly yes\n# requirepass abc\n")
	p.write("compose.yml", `services:
  one: {image: redis, command: redis-server --appendonly yes}
  two: {image: redis, command: "redis-server --requirepass ${REDIS_PASSWORD}"}
  three: {image: redis}
  four: {image: redis, command: [redis-server, /c/redis.conf], volumes: [{type: bind, source: ./, target: /c}]}
`)
	p.write("k8s.yml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: c, image: redis, args: [--requirepass, $(PW)]}]}}}\n")
	p.wantFindings("OCMT-DOC-004", "high: compose.yml one starts Redis without a password", "medium: compose.yml two gives Redis its password as an argument", "high: compose.yml three starts Redis without",
		"high: compose.yml four starts Redis without", "medium: k8s.yml StatefulSet/r/c gives Redis its password as an argument")
}

// If this fails, a Redis whose configuration nobody sees counts as one with a password.
func TestRedisThatCannotBeJudged(t *testing.T) {
	t.Parallel()
	for _, service := range []string{`{image: redis, command: redis-server /etc/redis.conf}`, `{image: redis, command: /start.sh}`, `{image: bitnami/redis, env_file: .env}`} {
		p := newProject(t)
		p.write("compose.yml", "services:\n  one: "+service+"\n")
		p.wantOutcome("OCMT-DOC-004", audit.Unchecked)
	}
}

// dockerServer answers as Docker does (Docker Engine API, ContainerList and ContainerInspect).
func dockerServer(t *testing.T, containers map[string][]string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containers/json", func(w http.ResponseWriter, _ *http.Request) {
		list := []map[string]any{{"Id": "gone", "State": "running"}}
		for name := range containers {
			list = append(list, map[string]any{"Id": "id-" + name, "Names": []string{"/" + name}, "Image": "node", "State": "running"})
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("GET /containers/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		for name, env := range containers {
			if r.PathValue("id") == "id-"+name {
				_ = json.NewEncoder(w).Encode(map[string]any{"Id": "id-" + name, "Name": "/" + name, "Config": map[string]any{"Env": env, "Cmd": []string{"node"}}})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	})
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	server.Start()
	t.Cleanup(server.Close)
	return socket
}

// If this fails, docker inspect shows every secret to the group docker, and the audit says nothing; or it
// asks Docker although nobody wanted that.
func TestRunningContainers(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.wantOutcome("OCMT-DOC-005", audit.NotApplicable)
	p.options.Socket = dockerServer(t, map[string][]string{"app": {"PATH=/bin", "ADMIN_TOKEN_FILE=/run/secrets/a", "NODE_ENV=production"}})
	p.wantOutcome("OCMT-DOC-005", audit.Pass)
	p.options.Socket = dockerServer(t, map[string][]string{"app": {"CSRF_SECRET=abc", "ANY=x" + secretText, "PATH=/bin"}, "user-1": {"OPENCLAW_GATEWAY_TOKEN=abc"}})
	p.wantFindings("OCMT-DOC-005", "medium: container app has secrets in its environment: ANY, CSRF_SECRET", "info: container user-1 OPENCLAW_GATEWAY_TOKEN is in its environment")
}

// If this fails, a Docker that does not answer counts as one without containers.
func TestDockerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.options.Socket = filepath.Join(p.dir, "none.sock")
	p.wantOutcome("OCMT-DOC-005", audit.Unchecked)
	p.write("file.sock", "")
	p.options.Socket = filepath.Join(p.dir, "file.sock")
	p.wantOutcome("OCMT-DOC-005", audit.Unchecked)
}
