// Package config reads each setting of a run from where it stands, and returns all
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
// A setting that is empty counts as not set. NAME and NAME_FILE both set in one
// place is an error, because only one of them is meant, and guessing which could
// pick the wrong key.
//
// The package reads no environment of its own: the caller hands it in. It never
// changes the environment of the process, and no value that could be a secret
// appears in its errors.
package config
