// Package files looks at the files of a deployment for an audit: who can read them, and whether they
// contain configured secrets. It implements audit.FileSource.
//
// It opens files for reading only, follows a symbolic link to a file, and does not go into folders by a
// link. A walk is bounded in files and in time. What it did not look at is a gap. The text of a file stays
// in this package: what leaves it are paths, modes, owners and names of settings.
package files
