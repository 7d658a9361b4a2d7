package crash

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Catch turns a panic into an error, which is a *Fault. It is deferred with the address of the error that
// the function returns.
func Catch(err *error) {
	if value := recover(); value != nil {
		*err = newFault(value)
	}
}

// Do does some work, and returns its error or the panic that ended it.
func Do(work func() error) (err error) {
	defer Catch(&err)
	return work()
}

// Group is an errgroup.Group in which a panic is an error.
type Group struct{ group *errgroup.Group }

// WithContext does what errgroup.WithContext does.
func WithContext(ctx context.Context) (*Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	return &Group{group}, ctx
}

// Go does what errgroup.Group.Go does.
func (g *Group) Go(work func() error) { g.group.Go(func() error { return Do(work) }) }

// SetLimit does what errgroup.Group.SetLimit does.
func (g *Group) SetLimit(most int) { g.group.SetLimit(most) }

// Wait does what errgroup.Group.Wait does.
func (g *Group) Wait() error { return g.group.Wait() }

// The function that is told of panics that no caller waits for.
var (
	mu      sync.Mutex
	handler func(*Fault)
)

// Watch has a function told of the panics of Go, until release is called.
func Watch(handle func(*Fault)) (release func()) {
	mu.Lock()
	defer mu.Unlock()
	handler = handle
	return func() {
		mu.Lock()
		defer mu.Unlock()
		handler = nil
	}
}

// Go does some work in a goroutine of its own, that nobody takes an error from. A panic of it goes to the
// function of Watch; without one it is a panic as any other.
func Go(work func()) {
	go func() {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			fault := newFault(value)
			mu.Lock()
			handle := handler
			mu.Unlock()
			if handle == nil {
				panic(value)
			}
			handle(fault)
		}()
		work()
	}()
}
