package testenv

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Ports are taken from below those that Linux and macOS give to outgoing
// connections: a server that starts again after a crash must find its own free.
const (
	firstPort = 20000
	lastPort  = 32000
	portTries = 20
)

// errNoPort: each port that was tried is taken.
var errNoPort = errors.New("no free TCP port was found on 127.0.0.1 between 20000 and 32000: stop a program that holds them")

// onFreePort starts a server on a free port, and on another where somebody was
// quicker.
func onFreePort(start func(port int) error) error {
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if !isFree(port) {
			continue
		}
		if err := start(port); err == nil || isFree(port) {
			return err // a port that is free now was not what was wrong
		}
	}
	return errNoPort
}

// isFree asks and does not listen: a process that is forked in that moment would
// hold the port a little longer, and the server could not have it.
func isFree(port int) bool {
	conn, err := net.DialTimeout("tcp", hostPort(port), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func hostPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
