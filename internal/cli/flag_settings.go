package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settingAnnotation marks a flag that overrides a setting, with the setting's
// name.
const settingAnnotation = "ocmt-setting"

// settingFlag adds a flag that overrides a setting. Its value is checked where
// the setting is read, by the rule that the environment variable goes through.
func settingFlag(cmd *cobra.Command, flag, setting, usage string) {
	cmd.Flags().String(flag, "", usage)
	markSetting(cmd.Flag(flag), setting)
}

func markSetting(flag *pflag.Flag, setting string) {
	flag.Annotations = map[string][]string{settingAnnotation: {setting}}
}

// overrides returns the settings that were given as flags, by their names.
func overrides(cmd *cobra.Command) map[string]string {
	given := map[string]string{}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		for _, setting := range flag.Annotations[settingAnnotation] {
			given[setting] = flag.Value.String()
		}
	})
	return given
}

// flagNames returns the flags that override settings as they are typed, by the names of the settings,
// so that an error names what the operator knows.
func flagNames(cmd *cobra.Command) map[string]string {
	names := map[string]string{}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		for _, setting := range flag.Annotations[settingAnnotation] {
			names[setting] = "--" + flag.Name
		}
	})
	return names
}
