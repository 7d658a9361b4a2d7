// Package logfile searches logs, the histories of shells, and code for secrets and for lines that write
// them. It reads files that are compressed with gzip or bzip2 as what they are compressed from.
//
// Nothing that it returns has a secret or a line of a file.
package logfile
