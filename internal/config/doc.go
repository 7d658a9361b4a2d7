// Package config reads each setting of a run from the place where it is set, and returns all
// of them as one typed struct.
//
// A setting is looked for in this order, and the first place that has it wins:
//
//  1. the flag
//  2. the environment variable NAME
//  3. the file that the environment variable NAME_FILE points at, as Docker and
//     Kubernetes mount secrets
//  4. NAME, then NAME_FILE, in the env file (--env-file, or .env where there is one)
//  5. ocmt.yaml (--config, or ocmt.yaml where there is one); never for secrets
//  6. the default
//
// A setting that is empty counts as not set. NAME and NAME_FILE must not both be set in one
// place, because only one of them is meant, and a guess could pick the wrong key.
//
// The caller passes the environment. The package reads and changes none itself, and its
// errors contain no value that could be a secret.
package config
