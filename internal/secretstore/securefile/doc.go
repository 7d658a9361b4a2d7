// Package securefile replaces a file that holds secrets, so that a crash at any point leaves the old file
// or the new one. It refuses what would hand a secret to somebody else: a file or a folder of another
// account, a folder that others may write, a device or a pipe, a path that leads elsewhere than it did.
package securefile
