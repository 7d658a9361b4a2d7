package testenv

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"time"
)

// The ports are below the range that Linux and macOS use for outgoing connections, so that a
// server which starts again after a crash finds its port free.
const (
	firstPort = 20000
	lastPort  = 32000
	portTries = 20
)

// errNoPort says that every port that was tried is taken.
var errNoPort = errors.New("no free TCP port was found on 127.0.0.1 between 20000 and 32000: stop a program that holds them")

// onFreePort starts a server on a free port. It tries another port if a process took the port
// in between.
func onFreePort(start func(port int) error) error {
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if !isFree(port) {
			continue
		}
		if err := start(port); err == nil || isFree(port) {
			return err // the port is free, so it is not the reason of a failure
		}
	}
	return errNoPort
}

// isFree connects and does not listen, because a process that is forked while this process
// listens would keep the port open a little longer, and the server could not use it.
func isFree(port int) bool {
	conn, err := net.DialTimeout("tcp", hostPort(port), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func hostPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
