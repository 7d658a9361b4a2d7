package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
)

// newRootCommand builds the whole command tree.
func newRootCommand(app *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "ocmt COMMAND",
		Short: "Make, check and rotate the secrets of an OCMT deployment",
		Long: `ocmt is the operator's tool for the secrets of an OCMT deployment: it makes
them, checks them, and brings every encrypted value in the database under a new
key while the servers run.

Without a command it shows this page and where the deployment stands, if its
database answers within a second. ocmt status waits longer.`,
		Example: `  ocmt keygen encryption
  ocmt validate
  ocmt rotate --from-version 0`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.Version = buildVersion(app.deps.Version).Version
	root.SetVersionTemplate("ocmt {{.Version}}\n")
	root.SetIn(app.deps.Streams.In)
	root.SetOut(app.deps.Streams.Out)
	root.SetErr(app.deps.Streams.Err)
	root.SetHelpFunc(writeHelp)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelpCommand(nil))
	addGlobalFlags(root.PersistentFlags(), &app.globals)
	stateExits(root, ui.ExitDone, ui.ExitUsage)
	root.AddGroup(commandGroups()...)
	root.AddCommand(inGroup(groupKeys, newKeygenCommand(app, nil), newValidateCommand(app, nil))...)
	root.AddCommand(inGroup(groupRotation, newRotateCommand(app, nil), newMigrateCommand(app))...)
	root.AddCommand(inGroup(groupAccess, newSessionInvalidateCommand(app, nil))...)
	root.AddCommand(inGroup(groupChecks, newStatusCommand(app, nil), newAuditCommand(app, nil))...)
	root.AddCommand(inGroup(groupHelp, newDemoCommand(app, nil), newVersionCommand(app, nil), newCompletionCommand(nil))...)
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return app.showFirstPage(cmd)
	}
	app.completeFlags(root)
	return root
}

func addGlobalFlags(flags *pflag.FlagSet, g *globals) {
	flags.StringVarP(&g.output, "output", "o", "", "form of the result: human or json (default human)")
	flags.StringVar(&g.envFile, "env-file", "", "file of NAME=value lines (default .env, where there is one)")
	flags.StringVar(&g.configFile, "config", "", "file of settings that are no secrets (default ocmt.yaml, where there is one)")
	flags.StringVar(&g.operator, "operator", "", "who runs this, for the record (default: the account's name)")
	flags.StringVar(&g.record, "record", "", "file of the tool's own record (default: the table ocmt.record)")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "no notes and no progress")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "also tell each connection and statement, with its time")
	flags.BoolVar(&g.noInput, "no-input", false, "ask nothing, even on a terminal")
	flags.BoolVarP(&g.yes, "yes", "y", false, "answer every question with yes")
	flags.BoolVar(&g.noColor, "no-color", false, "no colour")
	markSetting(flags.Lookup("output"), config.NameOutput)
	markSetting(flags.Lookup("operator"), config.NameOperator)
	markSetting(flags.Lookup("record"), config.NameRecord)
}
