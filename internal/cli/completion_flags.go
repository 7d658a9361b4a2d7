package cli

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// complete is how cobra asks for the values of a flag or an argument.
type complete = cobra.CompletionFunc

// fileFlags names the flags whose value is a file or a folder. To all others a shell offers no files.
var fileFlags = []string{"env-file", "config", "record", "admin-env-file", "agent-env-file", "other-env-file", "baseline", "code", "csv", "sarif", "junit",
	"html", "endpoint-ca", "escrow", "from-escrow", "evidence", "gateway-config", "list", "log", "old-file", "out", "plan", "redis-ca", "redis-certificate",
	"redis-certificate-key", "userlist", "users-from", "store", "admin-store", "agent-store", "gateway-store"}

// folderFlags names the flags whose value is a folder.
var folderFlags = []string{"path", "stop"}

// completionPatience is how long a shell waits for settings that are read for completion.
const completionPatience = time.Second

// completeFlags gives every flag of the tree its values. Where there are none that could be listed, a shell offers
// nothing, rather than the files of the folder.
func (a *App) completeFlags(root *cobra.Command) {
	values := a.flagValues()
	give := func(cmd *cobra.Command, flags *pflag.FlagSet) {
		flags.VisitAll(func(flag *pflag.Flag) {
			if _, there := cmd.GetFlagCompletionFunc(flag.Name); there || flag.Value.Type() == "bool" {
				return
			}
			list := cobra.NoFileCompletions
			switch {
			case slices.Contains(fileFlags, flag.Name):
				list = completeFiles
			case slices.Contains(folderFlags, flag.Name):
				list = completeFolders
			case flag.Value.Type() == new(endpointFlag).Type():
				list = completeEndpoints
			case values[flag.Name] != nil:
				list = values[flag.Name]
			}
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, list) // it fails only for a flag that is not there
		})
	}
	give(root, root.PersistentFlags())
	visitCommands(root, func(cmd *cobra.Command) {
		give(cmd, cmd.LocalNonPersistentFlags())
		switch {
		case cmd.ValidArgsFunction != nil:
		case cmd.ValidArgs == nil:
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		default: // cobra itself offers files for the second word
			cmd.ValidArgsFunction = completeOne(cmd.ValidArgs)
			cmd.ValidArgs = nil
		}
	})
}

// completeOne lists words of which a command takes one.
func completeOne(words []string) complete {
	return func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// flagValues returns how the values of flags are listed, by the name of the flag.
func (a *App) flagValues() map[string]complete {
	fixed := func(words ...string) complete {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	return map[string]complete{
		"output":       fixed("human", "json"),
		"format":       fixed(formatRaw, formatEnv, formatJSON, formatDocker, formatKubernetes),
		"on-error":     fixed(onErrorReport, onErrorStop),
		"fail-on":      fixed(severityNames()...),
		"only":         completeChecks,
		"skip":         completeChecks,
		"workers":      fixed("auto"),
		"setting":      completeSettingNames,
		"secret":       completeSecretNames,
		"table":        a.completeTables,
		"column":       a.completeColumns,
		"no-writes":    a.completeTables,
		"from-version": a.completeVersions,
		"to-version":   a.completeVersions,
		"key-version":  a.completeVersions,
	}
}

func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func completeFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeEndpoints lists the components; the address comes behind them.
func completeEndpoints(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"management=", "admin-ui=", "agent=", "gateway="}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// severityNames returns the severities of ocmt audit, the least first.
func severityNames() (names []string) {
	for severity := audit.Info; severity <= audit.Critical; severity++ {
		names = append(names, severity.String())
	}
	return names
}

// completeChecks lists the areas and the checks of ocmt audit.
func completeChecks(*cobra.Command, []string, string) (list []string, _ cobra.ShellCompDirective) {
	for _, area := range audit.Areas() {
		list = append(list, string(area))
	}
	for _, check := range audit.Checks() {
		list = append(list, check.ID+"\t"+check.Title)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completeSettingNames lists the names under which the kind of the first argument may stand.
func completeSettingNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	kind, _ := secret.Lookup(args[0])
	return kind.Names(), cobra.ShellCompDirectiveNoFileComp
}

// completeSecretNames lists the settings that hold a secret.
func completeSecretNames(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	for _, kind := range secret.Kinds() {
		if kind.Setting != "" {
			names = append(names, kind.Setting)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeTables lists the tables of every OCMT release, and those of ocmt.yaml.
func (a *App) completeTables(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	for _, table := range a.knownTables(cmd) {
		names = append(names, table.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeColumns lists the columns of those tables.
func (a *App) completeColumns(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	for _, table := range a.knownTables(cmd) {
		for _, column := range table.Columns {
			names = append(names, table.Name+"."+column.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *App) knownTables(cmd *cobra.Command) []ocmt.Table {
	if settings := a.completionSettings(cmd); settings != nil {
		return fullCatalogue(settings)
	}
	return ocmt.Catalogue()
}

// completeVersions lists the versions whose keys are set here, with their fingerprints.
func (a *App) completeVersions(cmd *cobra.Command, _ []string, _ string) (list []string, _ cobra.ShellCompDirective) {
	if settings := a.completionSettings(cmd); settings != nil {
		if ring, err := settings.Keyring(nil); err == nil {
			for _, version := range ring.Versions() {
				key, _ := ring.Key(version)
				list = append(list, strconv.Itoa(version)+"\tkey "+key.Fingerprint())
			}
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completionSettings returns the settings as they are here, or nil where they cannot be read: a shell that
// completes a line is no place for an error.
func (a *App) completionSettings(cmd *cobra.Command) *config.Settings {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	settings, err := config.Load(ctx, config.Request{Flags: overrides(cmd), Environ: a.deps.Environ, Dir: a.deps.Dir,
		EnvFile: a.globals.envFile, ConfigFile: a.globals.configFile})
	if err != nil {
		return nil
	}
	return settings
}
