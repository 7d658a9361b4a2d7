//go:build !unix

package ui

// onSuspend is nil where programs are not suspended.
var onSuspend func(before, after func()) (release func())
