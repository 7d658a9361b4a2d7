package faults_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// proxy stands between ocmt and a server and passes bytes on until it is told
// to do harm.
type proxy struct {
	listener net.Listener
	socket   string // of the server
	harm     harm

	latency   time.Duration // each way, each chunk
	bandwidth *rate.Limiter // bytes per second, nil for no limit

	mu     sync.Mutex
	links  map[*link]bool
	closed bool
	group  sync.WaitGroup
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	sent, received int  // bytes that have passed to the server, and from it
	marked         bool // for the use of a harm
}

// harm says what becomes of a chunk: how many bytes of it pass, and whether both
// ends are cut then. What neither passes nor is cut off is swallowed. It is
// called by one goroutine at a time.
type harm func(l *link, toServer bool, chunk []byte) (pass int, cut bool)

func startProxy(t *testing.T, socket string, harm harm) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, socket: socket, harm: harm, links: map[*link]bool{}}
	t.Cleanup(p.stop)
	return p
}

// serve begins; what is set on the proxy is set before.
func (p *proxy) serve() *proxy {
	p.group.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.join(client)
		}
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) join(client net.Conn) {
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.cut()
		return
	}
	p.links[l] = true
	p.group.Go(func() { p.pump(l, true) })
	p.group.Go(func() { p.pump(l, false) })
}

func (l *link) cut() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// pump passes the bytes of one direction on.
func (p *proxy) pump(l *link, toServer bool) {
	defer l.cut()
	from, to := l.server, l.client
	if toServer {
		from, to = l.client, l.server
	}
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.forward(l, toServer, to, buffer[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// forward passes one chunk on and reports whether the link goes on.
func (p *proxy) forward(l *link, toServer bool, to net.Conn, chunk []byte) bool {
	if p.latency > 0 {
		<-time.After(p.latency)
	}
	if p.bandwidth != nil {
		if err := p.bandwidth.WaitN(context.Background(), len(chunk)); err != nil {
			return false
		}
	}
	pass, cut := p.judge(l, toServer, chunk)
	_, err := to.Write(chunk[:pass])
	return err == nil && !cut
}

func (p *proxy) judge(l *link, toServer bool, chunk []byte) (pass int, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pass = len(chunk)
	if p.harm != nil {
		pass, cut = p.harm(l, toServer, chunk)
	}
	if toServer {
		l.sent += pass
	} else {
		l.received += pass
	}
	return pass, cut
}

// cutAll cuts every connection that there is.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

func (p *proxy) stop() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if err := p.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return
	}
	p.cutAll()
	p.group.Wait()
}
