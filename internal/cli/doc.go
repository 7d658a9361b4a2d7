// Package cli is the command line of ocmt. It turns flags into a request, calls the package
// that does the work, and prints the result. It is the only package that knows all others
// and joins them.
//
// Each command has a file that is named by its words (migrate_plan.go). It contains, in this
// order: the options with their flags and Validate, which looks at nothing but the options;
// the constructor, with a run hook that a test can replace; and the run. What serves all
// commands is in explain.go (errors as people read them, and exit codes), documents.go (the
// JSON forms), wire.go (databases, keys and the engine), flag_groups.go, and print_*.go.
//
// Main is given everything that a command touches, so that a test can run any command
// without a process.
package cli
