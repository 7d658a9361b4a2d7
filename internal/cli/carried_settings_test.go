package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// carrierOf returns the carrier of a command line.
func carrierOf(t *testing.T, args ...string) (carried carrier) {
	t.Helper()
	deps, _, _ := testDeps(t)
	root := newRootCommand(&App{deps: deps, printer: ui.NewPrinter(deps.Streams, ui.Options{})})
	cmd, _, err := root.Find([]string{"validate"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		carried = newCarrier(cmd)
		return nil
	}
	root.SetArgs(append([]string{"validate"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return carried
}

// If this fails, an operator pastes what ocmt advises, and it works on another deployment than the one that was
// looked at; or what ocmt advises cannot be pasted.
func TestAdviceNamesTheSettings(t *testing.T) {
	t.Parallel()
	carried := carrierOf(t, "--env-file", "our envs/it's $1.env", "--record", "rec")
	const flags = ` --env-file 'our envs/it'\''s $1.env' --record rec`
	for advice, want := range map[string]string{
		"ocmt validate":                  "ocmt validate" + flags,
		"ocmt rotate --from-version 0":   "ocmt rotate" + flags + " --from-version 0",
		"wait; ocmt migrate status says": "wait; ocmt migrate status" + flags + " says",
		"ocmt rotate database-password, without --two-roles, finishes it":                    "ocmt rotate database-password" + flags + ", without --two-roles, finishes it",
		"ocmt audit record secret-rotated --secret NAME":                                     "ocmt audit record" + flags + " secret-rotated --secret NAME",
		"see ocmt migrate status or ocmt rotate status":                                      "see ocmt migrate status" + flags + " or ocmt rotate status" + flags,
		"ocmt rotate status; --env-file names another place":                                 "ocmt rotate status" + flags + "; --env-file names another place",
		"ocmt rotate begin --escrow - | gpg --record x":                                      "ocmt rotate begin" + flags + " --escrow - | gpg --record x",
		"ocmt keygen session-secret, set it; then: ocmt rotate status":                       "ocmt keygen session-secret, set it; then: ocmt rotate status" + flags,
		"the fingerprint that ocmt validate shows here with that on a server":                "the fingerprint that ocmt validate" + flags + " shows here with that on a server",
		"ocmt rotate all --env-file 'a; b' --record=r --yes":                                 "",
		"ocmt validate --env-file a":                                                         "ocmt validate --record rec --env-file a",
		"the fingerprint that ocmt validate shows on a server":                               "",
		"run ocmt rotate begin --from-escrow copy on its machine":                            "",
		"run ocmt audit on the host":                                                         "",
		"ocmt keygen encryption":                                                             "",
		"ocmt help options":                                                                  "",
		"ocmt version":                                                                       "",
		"ocmt completion bash":                                                               "",
		"ocmt demo --keep":                                                                   "",
		"ocmt audit explain OCMT-PG-006":                                                     "",
		"ocmt audit list":                                                                    "",
		"ocmt audit baseline show":                                                           "",
		"run ocmt rotate begin --help":                                                       "",
		"ocmt changed keys; a version of ocmt that is older; ocmt_tool.record, ocmt rotates": "",
	} {
		if want == "" {
			want = advice
		}
		once := strings.ReplaceAll(carried.advise(advice), "\u2007", " ")
		if once != want {
			t.Errorf("got  %q\nwant %q", once, want)
		}
		if twice := strings.ReplaceAll(carried.advise(once), "\u2007", " "); twice != once {
			t.Errorf("a second time: %q", twice)
		}
		if got := carrierOf(t).advise(advice); got != advice {
			t.Errorf("without the flags: %q", got)
		}
	}
}

// If this fails, an operator whose settings come out of a program is advised to read a file that is no longer there.
func TestAdviceAsksForAFileThatIsGone(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/dev/fd/63": "FILE", "/proc/self/fd/3": "FILE", "/dev/stdin": "FILE", "/dev/shm/prod.env": "/dev/shm/prod.env"} {
		if got := strings.ReplaceAll(carrierOf(t, "--env-file", path).advise("ocmt validate"), "\u2007", " "); got != "ocmt validate --env-file "+want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// If this fails, the commands that take no settings are advised with flags that mean nothing to them, or a new one is
// on neither side.
func TestCommandsWithoutSettings(t *testing.T) {
	t.Parallel()
	deps, _, _ := testDeps(t)
	var without []string
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Annotations[withoutSettings] != "" {
			without = append(without, cmd.Name())
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	root := newRootCommand(&App{deps: deps, printer: ui.NewPrinter(deps.Streams, ui.Options{})})
	root.InitDefaultHelpCmd()
	walk(root)
	slices.Sort(without)
	if got, want := strings.Join(without, " "), "completion demo explain help keygen list show version"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
