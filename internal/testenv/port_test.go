package testenv

import (
	"errors"
	"net"
	"testing"
)

var errStart = errors.New("it did not start")

// If this fails, two test binaries that choose the same port fail now and then, for no visible
// reason.
func TestTakenPortIsTriedElsewhere(t *testing.T) {
	t.Parallel()
	var ports []int
	err := onFreePort(func(port int) error {
		ports = append(ports, port)
		if len(ports) > 1 {
			return nil
		}
		other, err := net.Listen("tcp", hostPort(port)) // another process was quicker
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
		return errStart
	})
	if err != nil || len(ports) != 2 || ports[0] == ports[1] {
		t.Errorf("tried %v: %v", ports, err)
	}
}

// If this fails, a server that does not start for another reason is started twenty times before
// the error is shown.
func TestOtherFailureIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	err := onFreePort(func(int) error {
		tries++
		return errStart
	})
	if !errors.Is(err, errStart) || tries != 1 {
		t.Errorf("%d tries: %v", tries, err)
	}
}
