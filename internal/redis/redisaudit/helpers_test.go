package redisaudit_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redisaudit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// auditor are the rights of docs for the user of an audit: the least that leave nothing unchecked.
const auditor = "resetkeys resetchannels -@all +info +acl|dryrun +acl|list +config|get +scan +pttl +strlen +select +cluster|nodes %R~vault:session:* %R~oauth:* %R~ocmt:*"

// application are rights that a server of OCMT can live with.
const application = "~* &* +@all -@dangerous -@scripting +info"

// users are lines of redis.conf with the users of an audit and of the application.
var users = []string{"user ocmt on >app " + application, "user ocmt-audit on >audit " + auditor}

// instance is a Redis that is asked through a recorder.
type instance struct {
	t      *testing.T
	server *testenv.Redis
	admin  *driver.Client
	*recorder
}

// start starts a Redis. Another user than default has to be in the settings.
func start(t *testing.T, settings ...string) *instance {
	t.Helper()
	server, err := testenv.StartRedis(context.Background(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	options, err := driver.ParseURL(server.SocketURL())
	if err != nil {
		t.Fatal(err)
	}
	options.PoolSize = 1
	i := &instance{t: t, server: server, admin: driver.NewClient(options)}
	t.Cleanup(func() { _ = i.admin.Close() })
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	i.recorder = record(t, address.Host)
	return i
}

// port returns the port of the server itself.
func (i *instance) port() string {
	address, _ := url.Parse(i.server.URL())
	return address.Port()
}

// url returns an address of the recorder, for a user.
func (i *instance) url(user, password string) string {
	address := url.URL{Scheme: "redis", User: url.UserPassword(user, password), Host: i.address, Path: "/0"}
	return address.String()
}

// owner returns an address of the recorder for the user with all rights.
func (i *instance) owner() string {
	address, _ := url.Parse(i.server.URL())
	address.Host = i.address
	return address.String()
}

// do sends a command as the user with all rights.
func (i *instance) do(args ...any) {
	i.t.Helper()
	if err := i.admin.Do(context.Background(), args...).Err(); err != nil {
		i.t.Fatalf("%v: %v", args[0], err)
	}
}

// recorder passes what is sent to a server on, and keeps it.
type recorder struct {
	address string
	mu      sync.Mutex
	sent    [][][]string // of each connection
	// instead returns an answer in place of that of the server; "" for that of the server.
	instead func(command []string) string
}

// record starts a recorder. At the end of the test it fails where a command was sent that an audit must not send.
func record(t *testing.T, to string) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{address: listener.Addr().String()}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { r.pass(conn, to) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
		r.check(t)
	})
	return r
}

// pass passes on one connection.
func (r *recorder) pass(conn net.Conn, to string) {
	defer conn.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	}()
	var raw bytes.Buffer
	reader := bufio.NewReaderSize(oneByte{io.TeeReader(conn, &raw)}, 16)
	r.mu.Lock()
	own := len(r.sent)
	r.sent = append(r.sent, nil)
	r.mu.Unlock()
	for {
		command, err := readCommand(reader)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.sent[own] = append(r.sent[own], command)
		instead := r.instead
		r.mu.Unlock()
		answer := ""
		if instead != nil {
			answer = instead(command)
		}
		if answer != "" {
			_, err = io.WriteString(conn, answer)
		} else {
			_, err = server.Write(raw.Bytes())
		}
		raw.Reset()
		if err != nil {
			return
		}
	}
}

// oneByte reads no more than is asked for, so that what is read belongs to one command.
type oneByte struct{ io.Reader }

func (o oneByte) Read(buffer []byte) (int, error) { return o.Reader.Read(buffer[:1]) }

// answerInstead answers commands in place of the server.
func (r *recorder) answerInstead(answer func(command []string) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instead = answer
}

// readCommand reads a command: an array of texts, or a line.
func readCommand(reader *bufio.Reader) (command []string, err error) {
	line, err := reader.ReadString('\n')
	if err != nil || line[0] != '*' {
		return strings.Fields(line), err
	}
	count, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	for range count {
		if line, err = reader.ReadString('\n'); err != nil {
			return nil, err
		}
		length, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
		text := make([]byte, length+2)
		if _, err = io.ReadFull(reader, text); err != nil {
			return nil, err
		}
		command = append(command, string(text[:length]))
	}
	return command, err
}

// names returns how often each command was sent, with its first argument where it has subcommands.
func (r *recorder) names() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]int{}
	for _, command := range slices.Concat(r.sent...) {
		names[nameOf(command)]++
	}
	return names
}

func nameOf(command []string) string {
	name := strings.ToLower(command[0])
	if slices.Contains([]string{"acl", "config", "cluster", "sentinel"}, name) && len(command) > 1 {
		name += " " + strings.ToLower(command[1])
	}
	return name
}

// check fails where a command was sent that could change something. Inside of MULTI each command must be
// followed by DISCARD.
func (r *recorder) check(t *testing.T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reading := []string{"ping", "hello", "auth", "select", "info", "acl whoami", "acl dryrun", "acl getuser", "acl list", "cluster nodes", "scan", "pttl", "strlen", "multi", "discard",
		"sentinel get-master-addr-by-name", "sentinel replicas"}
	parameters := []string{"bind", "port", "tls-port", "protected-mode", "dir", "dbfilename", "appenddirname", "save", "enable-debug-command", "enable-module-command"}
	for _, connection := range r.sent {
		for n, command := range connection {
			name := nameOf(command)
			switch {
			case n > 0 && nameOf(connection[n-1]) == "multi":
				if n+1 < len(connection) && nameOf(connection[n+1]) != "discard" {
					t.Errorf("after MULTI and %s came %s", name, nameOf(connection[n+1]))
				}
			case name == "config get" && len(command) == 3 && slices.Contains(parameters, command[2]), slices.Contains(reading, name):
			default:
				t.Errorf("%s was sent", name)
			}
		}
	}
}

// silent is told nothing.
type silent struct{}

func (silent) Checking(string, int, int) {}

// source returns the source of an audit.
func source(t *testing.T, options redisaudit.Options, connect redis.Options, addresses ...string) *redisaudit.Source {
	t.Helper()
	made, err := redisaudit.New(addresses, connect, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

// ask asks checks of Redis.
func ask(t *testing.T, source audit.RedisSource, ids ...string) *audit.Report {
	t.Helper()
	if len(ids) == 0 {
		ids = []string{"RDS"}
	}
	report, err := audit.Run(context.Background(), &audit.Sources{Redis: audit.Available(source)},
		audit.Request{Only: ids, Now: time.Now(), CheckTimeout: time.Minute}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// expect is what a check is expected to say.
type expect struct {
	outcome  audit.Outcome
	severity audit.Severity // of the first finding
	says     string         // somewhere in findings and gaps
	grant    string         // of a gap
}

// hold holds the result of one check against what is expected.
func hold(t *testing.T, report *audit.Report, id string, want expect) {
	t.Helper()
	at := slices.IndexFunc(report.Results, func(r audit.Result) bool { return r.Check.ID == "OCMT-"+id })
	if at < 0 {
		t.Fatalf("%s was not asked", id)
	}
	result := report.Results[at]
	text := fmt.Sprintf("%+v %+v", result.Findings, result.Gaps)
	if result.Outcome != want.outcome || !strings.Contains(text, want.says) {
		t.Errorf("%s is %s, want %s and %q: %s", id, result.Outcome, want.outcome, want.says, text)
	}
	if want.severity != 0 && (len(result.Findings) == 0 || result.Findings[0].Severity != want.severity) {
		t.Errorf("%s has another severity than %s: %s", id, want.severity, text)
	}
	if want.grant != "" && !slices.ContainsFunc(result.Gaps, func(g audit.Gap) bool { return g.Grant == want.grant }) {
		t.Errorf("%s does not say %q: %s", id, want.grant, text)
	}
}

// outside returns an address of this machine that is not loopback.
func outside(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range addresses {
		if network, is := one.(*net.IPNet); is && network.IP.To4() != nil && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	t.Fatal("this machine has no address but loopback: give it one, such as a network of a container")
	return ""
}
