package testenv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/ocmt/ocmt/testdata"
)

// ErrNoNode says that Node is not installed.
var ErrNoNode = errors.New("no Node was found (node): install it: apt-get install nodejs, dnf install nodejs, brew install node")

// VaultServer is a process that keeps unlocked vaults in Redis and in its memory, as OCMT's management
// server does. testdata/server has its routes.
type VaultServer struct {
	// URL is its address.
	URL string

	command *exec.Cmd
	alive   io.Closer
}

// StartVaultServer starts a server on a Redis. It takes the admin token, and "user U" from the user U.
func StartVaultServer(redis *Redis, adminToken string) (*VaultServer, error) {
	node, err := findProgram(ErrNoNode, "node", "nodejs")
	if err != nil {
		return nil, err
	}
	command := exec.Command(node, "--input-type=module", "-e", testdata.VaultServer)
	command.Env = append(os.Environ(), "REDIS_SOCKET="+redisSocket(redis.folder), "REDIS_PASSWORD="+redis.password, "ADMIN_TOKEN="+adminToken)
	command.Stderr = os.Stderr
	// The program ends with this pipe, also where this process is killed.
	alive, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting Node: %w", err)
	}
	s := &VaultServer{command: command, alive: alive}
	port, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("waiting for the port of the server: %w", err)
	}
	s.URL = "http://127.0.0.1:" + strings.TrimSpace(port)
	return s, nil
}

// Stop ends the server, and what it had in memory is gone.
func (s *VaultServer) Stop() {
	_ = s.alive.Close()
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}
