package audit

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

// ContainerSource is what the checks of containers look at: files that build and start them, and those that
// run. Paths are relative to the folder that was given. No secret leaves it.
type ContainerSource interface {
	// CopiedFiles returns the env files that Dockerfiles bring into images.
	CopiedFiles(ctx context.Context) (CopiedList, error)
	// Literals returns the secrets that stand in Dockerfiles, compose files and manifests.
	Literals(ctx context.Context) (LiteralList, error)
	// Published returns the ports of Redis, PostgreSQL, agent servers and gateways that a host opens.
	Published(ctx context.Context) (PublishedList, error)
	// RedisServices returns how each server of Redis is given its password.
	RedisServices(ctx context.Context) (RedisServiceList, error)
	// Running returns the containers that run, with the secrets in their environments.
	Running(ctx context.Context) (RunningList, error)
}

// CopiedFile is an env file that an instruction copies into an image.
type CopiedFile struct {
	Dockerfile  string
	Line        int
	Instruction string // COPY, ADD, or RUN with a mount
	EnvFile     string // relative to the context
	Shipped     bool   // in the last stage, or in one that it is built from
	Seen        bool   // a RUN mounts the file, and does not copy it as far as its text tells
}

// CopiedList are such files with what could not be looked at.
type CopiedList struct {
	Files  []CopiedFile
	Looked int // Dockerfiles
	Gaps   []Gap
}

// LiteralKind says how a secret stands in a file.
type LiteralKind uint8

// The ways in which a secret stands in a file.
const (
	LiteralText   LiteralKind = iota // as it is
	DefaultText                      // for where a variable is not set: ${X:-default}
	BuildArgument                    // an ARG or ENV whose text is given at build time, and which the image keeps
)

// Literal is a secret that stands in a file.
type Literal struct {
	File     string
	Line     int
	Where    string // "services.app.environment.ADMIN_TOKEN", "ENV ADMIN_TOKEN"
	Kind     LiteralKind
	Settings []string // whose secrets it has, of those that are configured
}

// LiteralList are such secrets with what could not be looked at.
type LiteralList struct {
	Literals []Literal
	Looked   int // files
	Gaps     []Gap
}

// PublishedPort is a port that a host opens.
type PublishedPort struct {
	File    string
	Line    int
	Service string
	What    string // "Redis"
	Address string // of the host; "" for all of them
	Port    string // of the container
}

// PublishedList are such ports with what could not be looked at.
type PublishedList struct {
	Ports  []PublishedPort
	Looked int // services
	Gaps   []Gap
}

// RedisPassword says where a server of Redis has its password from.
type RedisPassword uint8

// The places of the password of a server of Redis.
const (
	RedisPasswordKept     RedisPassword = iota // a file, or a variable that its shell reads
	RedisPasswordNone                          // it has none
	RedisPasswordArgument                      // its arguments
)

// RedisService is a server of Redis as a file starts it.
type RedisService struct {
	File     string
	Line     int
	Service  string
	Password RedisPassword
}

// RedisServiceList are such servers with what could not be looked at.
type RedisServiceList struct {
	Servers []RedisService
	Gaps    []Gap
}

// RunningContainer is a container that runs.
type RunningContainer struct {
	Name     string
	Settings []string // that are secrets, in its environment
}

// RunningList are such containers with what could not be looked at.
type RunningList struct {
	Containers []RunningContainer
	Gaps       []Gap
	Absent     string // why they were not looked at
}

func containersOf(s *Sources) Source[ContainerSource] { return s.Containers }

const rightToReadBuilds = "reading the folder with the Dockerfiles, compose files and manifests"

func containerChecks() []Check {
	return []Check{{
		ID: "OCMT-DOC-001", Severity: High, Title: "A Dockerfile that brings an env file into an image",
		Why:      "whoever can pull the image has all secrets of the deployment, also from a layer in which a later step removes the file",
		LooksAt:  "COPY, ADD and bind mounts of RUN in each Dockerfile, after ONBUILD too, its .dockerignore, and the env files in its context",
		Right:    rightToReadBuilds,
		NotFault: "COPY . . where .dockerignore leaves the env file out; COPY --from another stage; an example file. A mount is low where its RUN copies nothing",
		Fix:      "add .env* to .dockerignore and build again; where the image was pushed, make new secrets",
		Source:   "OCMT operators' lists: never COPY .env into an image",
		look:     with(containersOf, lookAtCopiedFiles),
	}, {
		ID: "OCMT-DOC-002", Severity: High, Title: "A secret in a compose file, a manifest or a Dockerfile",
		Why:      "these files are in version control and are handed around; ENV and ARG stay in the image's history",
		LooksAt:  "all texts of compose files and manifests of Kubernetes, ENV and ARG of Dockerfiles: whether they are a configured secret, or the value of a setting that is one",
		Right:    rightToReadBuilds,
		NotFault: "${NAME}, a name without a value, a _FILE setting, a reference to a Secret, what sops has encrypted. A default such as ${NAME:-text} is of severity low",
		Fix:      "use secrets: or env_file: in a compose file, a Secret from a store in Kubernetes, RUN --mount=type=secret in a Dockerfile; then make a new secret",
		Source:   "OCMT operators' lists: Docker secrets, Kubernetes secrets",
		look:     with(containersOf, lookAtLiterals),
	}, {
		ID: "OCMT-DOC-003", Severity: High, Title: "A port of Redis, PostgreSQL, the agent server or the gateway that is open to the network",
		Why:      "Docker opens published ports past most host firewalls; these servers are meant for their neighbours only",
		LooksAt:  "ports of compose files; hostPort, NodePort and LoadBalancer of manifests",
		Right:    rightToReadBuilds,
		NotFault: "a port that is bound to a loopback address, and expose:. A firewall in front is not seen",
		Fix:      "write 127.0.0.1: before the port, or take ports: out and let containers share a network",
		Source:   "OCMT operators' lists: Redis is not exposed publicly",
		look:     with(containersOf, lookAtPublished),
	}, {
		ID: "OCMT-DOC-004", Severity: Medium, Title: "A server of Redis without a password, or with one in its arguments",
		Why:      "Redis holds keys of unlocked vaults; arguments are shown by docker inspect and ps",
		LooksAt:  "command and entrypoint of the services of Redis, and the configuration that is mounted into them",
		Right:    rightToReadBuilds,
		NotFault: "requirepass or aclfile in a mounted configuration, or a password that a shell in the container reads from a file",
		Fix:      "mount an ACL file and start redis-server --aclfile with its path",
		Source:   "OCMT operators' lists: requirepass",
		look:     with(containersOf, lookAtRedisServers),
	}, {
		ID: "OCMT-DOC-005", Severity: Medium, Title: "A running container with secrets in its environment",
		Why:      "docker inspect shows the environment to every account of the group docker, and all programs of the container inherit it",
		LooksAt:  "the environments of the containers that run, by the socket of Docker",
		Right:    "the group docker, or root",
		NotFault: "settings that end in _FILE. OCMT gives OPENCLAW_GATEWAY_TOKEN to containers by design: severity info",
		Fix:      "mount the secret as a file (Docker secrets) and set NAME_FILE, or let the server read its env file",
		Source:   "OCMT operators' lists: Docker secrets",
		look:     with(containersOf, lookAtRunning),
	}}
}

// lines names a place in a file.
func lines(file string, line int) []string { return []string{fmt.Sprintf("%s line %d", file, line)} }

// lookAtCopiedFiles is OCMT-DOC-001.
func lookAtCopiedFiles(ctx context.Context, _ *Sources, source ContainerSource) (Seen, error) {
	list, err := source.CopiedFiles(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(list.Looked), "Dockerfile", "Dockerfiles")}
	if list.Looked == 0 {
		seen.Absent = "there is no Dockerfile below the folders"
	}
	for _, file := range list.Files {
		fault := Fault{Object: file.Dockerfile + " " + file.EnvFile, Cause: file.Dockerfile, Message: "brings " + file.EnvFile + " into the image", Expected: "an entry in .dockerignore",
			Actual: file.Instruction + " takes " + file.EnvFile, Places: lines(file.Dockerfile, file.Line), File: file.Dockerfile}
		switch {
		case file.Seen:
			fault.Object, fault.Cause, fault.Severity = fault.Object+" mounted", file.Dockerfile+" mounts", Low
			fault.Message = "show " + file.EnvFile + " to a step of the build, which can copy it into the image"
		case !file.Shipped:
			fault.Severity, fault.Message = Medium, "brings "+file.EnvFile+" into a stage of the build, which the cache keeps"
		}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen, nil
}

// lookAtLiterals is OCMT-DOC-002.
func lookAtLiterals(ctx context.Context, _ *Sources, source ContainerSource) (Seen, error) {
	list, err := source.Literals(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(list.Looked), "file", "files")}
	if list.Looked == 0 {
		seen.Absent = "there is no Dockerfile, compose file or manifest below the folders"
	}
	for _, one := range list.Literals {
		fault := Fault{Object: one.File + " " + one.Where, Expected: "a reference", File: one.File}
		place := fmt.Sprintf("%s line %d, %s", one.File, one.Line, one.Where)
		switch {
		case len(one.Settings) > 0:
			place += ": the secret of " + strings.Join(one.Settings, ", ")
			fault.Cause, fault.Message, fault.Actual = one.File, "has secrets that are in use", "secrets that are in use, as plain text"
		case one.Kind == DefaultText:
			fault.Cause, fault.Message, fault.Actual, fault.Severity = "defaults of "+one.File, "are secrets", "plain text", Low
		case one.Kind == BuildArgument:
			fault.Cause, fault.Message, fault.Actual, fault.Severity = "build arguments of "+one.File, "are secrets, and the image's history keeps them", "ARG or ENV", Low
		default:
			fault.Cause, fault.Message, fault.Actual = "settings of "+one.File, "are secrets", "plain text"
		}
		fault.Places = []string{place}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen, nil
}

// lookAtPublished is OCMT-DOC-003.
func lookAtPublished(ctx context.Context, _ *Sources, source ContainerSource) (Seen, error) {
	list, err := source.Published(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(list.Looked), "service", "services")}
	if list.Looked == 0 && len(list.Gaps) == 0 {
		seen.Absent = "there is no compose file and no manifest with services below the folders"
	}
	for _, port := range list.Ports {
		if !isLoopback(port.Address) {
			address := port.Address
			if address == "" {
				address = "all addresses of the host"
			}
			seen.Faults = append(seen.Faults, Fault{Object: port.File + " " + port.Service + " " + port.Port, Cause: port.File + " " + port.Service, Message: "opens " + port.What + " to the network",
				Expected: "127.0.0.1, or no published port", Actual: "port " + port.Port + " at " + address, Places: lines(port.File, port.Line), File: port.File})
		}
	}
	return seen, nil
}

// isLoopback reports whether only the host itself reaches an address.
func isLoopback(address string) bool {
	parsed, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return address == "localhost" || err == nil && parsed.IsLoopback()
}

// lookAtRedisServers is OCMT-DOC-004.
func lookAtRedisServers(ctx context.Context, _ *Sources, source ContainerSource) (Seen, error) {
	list, err := source.RedisServices(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(len(list.Servers)), "server of Redis", "servers of Redis")}
	if len(list.Servers) == 0 {
		seen.Absent = "no compose file or manifest below the folders starts Redis"
	}
	for _, server := range list.Servers {
		fault := Fault{Object: server.File + " " + server.Service, Expected: "a password from a file", Places: lines(server.File, server.Line), File: server.File}
		switch server.Password {
		case RedisPasswordKept:
			continue
		case RedisPasswordNone:
			fault.Object += " none"
			fault.Message, fault.Actual, fault.Severity = "starts Redis without a password", "no requirepass and no ACL", High
		case RedisPasswordArgument:
			fault.Object += " argument"
			fault.Message, fault.Actual = "gives Redis its password as an argument", "--requirepass with a text"
		}
		fault.Cause = server.File + " " + server.Service
		seen.Faults = append(seen.Faults, fault)
	}
	return seen, nil
}

// lookAtRunning is OCMT-DOC-005.
func lookAtRunning(ctx context.Context, _ *Sources, source ContainerSource) (Seen, error) {
	list, err := source.Running(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Absent: list.Absent, Looked: countThings(int64(len(list.Containers)), "running container", "running containers")}
	if len(list.Containers) == 0 && len(list.Gaps) == 0 && list.Absent == "" {
		seen.Absent = "no container runs here"
	}
	for _, container := range list.Containers {
		var others []string
		for _, name := range container.Settings {
			if name != gatewayTokenName {
				others = append(others, name)
			}
		}
		cause := "container " + container.Name
		for _, name := range container.Settings {
			fault := Fault{Object: cause + " " + name, Cause: cause, Message: "has secrets in its environment: " + strings.Join(others, ", "),
				Expected: "a mounted file", Actual: strings.Join(others, ", "), Places: []string{cause + " " + name}}
			if name == gatewayTokenName {
				fault.Cause, fault.Severity, fault.Actual = cause+" "+name, Info, name
				fault.Message = "is in its environment, as OCMT makes its containers"
			}
			seen.Faults = append(seen.Faults, fault)
		}
	}
	return seen, nil
}
