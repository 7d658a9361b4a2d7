// Package crash catches panics of the program, so that none ends the process with Go's own trace on the
// screen: a run closes its record, and the operator reads one sentence. What the runtime itself throws,
// such as two writes to one map at once, cannot be caught.
package crash
