package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// The forms that keygen writes a secret in.
const (
	formatRaw  = "raw"
	formatEnv  = "env"
	formatJSON = "json"
)

// keygenOptions are the flags and arguments of ocmt keygen.
type keygenOptions struct {
	Kind       string
	Format     string   // raw, env or json
	Out        fileFlag // file to write; empty: standard output
	Force      bool     // replace the file
	KeyVersion int      // -1: none given
	JSON       bool     // the result on standard output is a document
}

// keygenDocument is the JSON form of ocmt keygen. Key is left out where the
// secret went into a file.
type keygenDocument struct {
	Kind        string `json:"kind"`
	Key         string `json:"key,omitempty"`
	KeyVersion  *int   `json:"key_version,omitempty"`
	Fingerprint string `json:"fingerprint"`
	File        string `json:"file,omitempty"`
}

// kindNames returns the secrets that keygen can make.
func kindNames() []string {
	var names []string
	for _, kind := range secret.Kinds() {
		names = append(names, kind.Name)
	}
	return names
}

func newKeygenCommand(app *App, run func(context.Context, *keygenOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, options *keygenOptions) error { return runKeygen(ctx, app, options) }
	}
	options := &keygenOptions{}
	cmd := &cobra.Command{
		Use:   "keygen KIND",
		Short: "Make a secret",
		Long: `Make a secret from the system's random source. KIND is ` + strings.Join(kindNames(), ", ") + `.

encryption makes a value for ENCRYPTION_KEY: 32 random bytes as 64 lowercase
hexadecimal characters. Without --out the secret goes to standard output and
nowhere else. ocmt.yaml, .env and OCMT_OUTPUT do not change what keygen writes:
scripts take its output as it is.

JSON document ocmt/keygen/v1: kind, key (not with --out), key_version (where one
was given), fingerprint, file (with --out).`,
		Example: `  ocmt keygen encryption
  ocmt keygen encryption --out /etc/ocmt/encryption.key
  ocmt keygen encryption --format env --key-version 1`,
		ValidArgs: kindNames(),
	}
	cmd.Flags().StringVar(&options.Format, "format", "", "form of the secret: raw, env (NAME=value lines) or json (default raw)")
	cmd.Flags().Var(&options.Out, "out", "write the secret into this new file, mode 0600")
	cmd.Flags().BoolVar(&options.Force, "force", false, "replace the file; the secret in it is lost")
	cmd.Flags().IntVar(&options.KeyVersion, "key-version", -1, "version `number` to write beside the key, in env and json")
	cmd.Flag("key-version").DefValue = "0" // keeps the help from showing a default: -1 means none
	cmd.Args = oneKind
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Kind = args[0]
		if err := app.useFlagsOnly(cmd); err != nil {
			return err
		}
		options.JSON = app.printer.JSON()
		if problem := options.complete(cmd.Flags().Changed("key-version")); problem != "" {
			return usageError(cmd, problem)
		}
		ctx, cancel := app.stop.Context(cmd.Context())
		defer cancel()
		return run(ctx, options)
	}
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func oneKind(cmd *cobra.Command, args []string) error {
	known := "known kinds: " + strings.Join(kindNames(), ", ")
	if len(args) != 1 {
		return usageError(cmd, "one kind of secret is needed; "+known)
	}
	if _, known := secret.Lookup(args[0]); known {
		return nil
	}
	return usageError(cmd, "unknown kind "+shown(args[0])+"; "+known)
}

// complete fills in the defaults and returns what is wrong, or "".
func (o *keygenOptions) complete(versionGiven bool) string {
	if o.Format == "" {
		o.Format = formatRaw
		if o.JSON && o.Out == "" {
			o.Format = formatJSON
		}
	}
	switch {
	case o.Format != formatRaw && o.Format != formatEnv && o.Format != formatJSON:
		return "--format must be raw, env or json"
	case o.JSON && o.Out == "" && o.Format != formatJSON:
		return "--output json and --format " + o.Format + " ask for two forms of one output"
	case o.Force && o.Out == "":
		return "--force is for --out, and there is none"
	case versionGiven && o.KeyVersion < 0:
		return "--key-version must be 0 or more"
	case versionGiven && o.Format == formatRaw:
		return "--key-version has no place in the raw form; add --format env or json"
	}
	return ""
}

func runKeygen(ctx context.Context, app *App, options *keygenOptions) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	key, err := makeKey(options.Kind, app.deps.Random)
	if err != nil {
		return err
	}
	text, err := options.render(key)
	if err != nil {
		return err
	}
	if options.Out != "" {
		return app.keygenToFile(options, key, text)
	}
	app.printer.Raw(text)
	if app.deps.Streams.ErrTTY {
		app.printer.Note("key fingerprint %s", key.Fingerprint())
		app.printer.Note("next: set it as %s on every OCMT server, and keep an offline copy: what it encrypts cannot be read without it", config.NameKey)
	}
	return nil
}

// makeKey takes what the kind makes through the parser, so that nothing leaves
// keygen that the engine would refuse.
func makeKey(name string, random io.Reader) (crypto.Key, error) {
	kind, _ := secret.Lookup(name) // checked with the arguments
	text, err := kind.Generate(random)
	if err != nil {
		return crypto.Key{}, fmt.Errorf("making a key: %w", err)
	}
	key, err := crypto.ParseKey(text)
	if err != nil {
		return crypto.Key{}, fmt.Errorf("checking the new key: %w", err)
	}
	return key, nil
}

// render gives the key its form.
func (o *keygenOptions) render(key crypto.Key) (string, error) {
	switch o.Format {
	case formatEnv:
		text := config.NameKey + "=" + key.Reveal() + "\n"
		if o.KeyVersion >= 0 {
			text += config.NameKeyVersion + "=" + strconv.Itoa(o.KeyVersion) + "\n"
		}
		return text, nil
	case formatJSON:
		document := o.document(key)
		document.Key = key.Reveal()
		return ui.EncodeDocument("keygen", document)
	default:
		return key.Reveal() + "\n", nil
	}
}

func (o *keygenOptions) document(key crypto.Key) keygenDocument {
	document := keygenDocument{Kind: o.Kind, Fingerprint: key.Fingerprint()}
	if o.KeyVersion >= 0 {
		document.KeyVersion = &o.KeyVersion
	}
	return document
}

func (a *App) keygenToFile(options *keygenOptions, key crypto.Key, text string) error {
	path := a.path(string(options.Out))
	if err := writeSecretFile(path, text, options.Force); err != nil {
		return err
	}
	a.printer.Line("wrote %s (mode 0600): encryption key, fingerprint %s", ui.Clean(string(options.Out)), key.Fingerprint())
	document := options.document(key)
	document.File = string(options.Out)
	return a.printer.Document("keygen", document)
}
