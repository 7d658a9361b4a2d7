// Package processes looks at the processes of this machine for an audit, by /proc. It implements
// audit.ProcessSource.
//
// It reads arguments, environments and start times, and sends no signal. Arguments and environments stay in
// the package: what leaves it are names of programs and of settings, and process numbers. Its own process is
// left out. Elsewhere than on Linux it says that it cannot look.
package processes
