// Package gitrepo looks for configured secrets in a git repository: in all of its objects, reachable
// or not, in its trees' names, and in the plain files of its git directory.
//
// It reads objects with the git program alone, and never writes. The configuration of a repository
// is taken for hostile: no hook, pager, file system monitor, diff program or remote that it names is
// run. No secret is in an argument, in the environment of git or in a file; all comparing is done here.
//
// What git cannot show is an error that says so: ErrShallow, ErrPartial, ErrMissingObjects and the
// others. A search that gave one has not seen everything.
package gitrepo
