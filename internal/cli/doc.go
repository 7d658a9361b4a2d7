// Package cli is the command line of ocmt: one file a command, which turns flags
// into a request, calls the package that does the work, and prints the result.
// It is the only package that knows the others all and joins them.
//
// A command file holds, in this order: the options, the constructor with its run
// hook, and the run. Main is given everything that a command touches, so that a
// test can run any of them without a process.
package cli
